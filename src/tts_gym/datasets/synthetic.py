"""Synthetic replay stores: a generative model of reasoning branches, for tests, demonstrations and benchmarks of speed.

Nothing drawn from it says anything about a language model; each store is marked ``synthetic``. Greek and Latin letters
below are the fields of ``SyntheticModel``. N(0, 1) is the standard normal distribution.

**Question.** With probability ``hopeless`` no branch is right, p = 0; else p ~ Beta(``ease``, ``hardness``) is the
probability that a branch ends right. The right answer and ``distractors`` wrong ones are distinct integers in 0…999.
Wrong answer j = 1, 2, … has probability w_j ∝ j^(−s), with s ~ Uniform(0, ``concentration``) for the question: near 0
the wrong votes split, near ``concentration`` one popular wrong answer draws most of them.

**Branch.** Its final answer a is right with probability p, else wrong answer j with probability w_j; with probability
``final_invalid`` it is invalid instead, but the branch still reasons towards a. Its length in tokens is

    T = min(⌈``scale`` · exp(``length_wrong`` · [a wrong] + ``length_hard`` · (1 − p) + ``length_spread`` · N(0, 1))⌉,
            ``max_tokens``),

so right branches are shorter; it stops with reason "length" where the minimum is ``max_tokens``, else "stop". It has
K = ⌊T / Δ⌋ probes. It settles after a share c ~ Beta(``settle_early``, ``settle_late``) of them.

**Probe** k = 1…K. Settled (k > cK), it shows a, except that with probability ``lapse`` it shows a fresh guess.
Unsettled, it repeats the previous guess with probability ``stick`` and else makes a fresh guess. A fresh guess is right
with probability p · ``foresight`` and else wrong answer j with probability w_j. Whatever it shows, it is invalid with
probability 2 · ``invalid`` · (1 − (k − ½) / K), whose mean over the branch is ``invalid``.

**Signals.** The confidence of interval k is

    h = ``confidence`` + ``confidence_right`` · [a right] + ``confidence_settled`` · [k > cK]
        + ``confidence_drift`` · k / K + ``confidence_branch`` · N_i(0, 1) + ``confidence_noise`` · N_k(0, 1),

with one N_i a branch and one N_k an interval; it drifts upwards with depth on right and wrong branches alike. The
signals of its tokens, in nats and rounded to two decimals, are

    ``mean_logprob`` = −exp(−h), ``tail_logprob`` = −exp(−h − ``confidence_noise`` · N'_k),
    ``min_logprob`` = −``worst`` · exp(−h − ``confidence_noise`` · N''_k),
    ``topk_confidence`` = ``sharpness`` · exp(½ (h + ``confidence_noise`` · A_k)),
    ``self_certainty`` = ``certainty`` · exp(½ (h + ``confidence_noise`` · B_k)).

The forced answer is surer once the branch has settled, the more so on the right answer:

    ``answer_logprob`` = −exp(−h − ``answer_settled`` · [k > cK] − ``answer_right`` · [k > cK][a right]
                              − ``answer_noise`` · C_k), in nats, rounded to four decimals.

N'_k, N''_k, A_k, B_k and C_k are independent draws from N(0, 1), one each an interval.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tts_gym.datasets.build import build_store
from tts_gym.datasets.metadata import tool_versions
from tts_gym.datasets.records import concatenate, record_tables
from tts_gym.datasets.schema import FORMAT_VERSION, RecordedBranch, RecordedQuestion, Sources
from tts_gym.datasets.store import ReplayStore
from tts_gym.errors import StoreError

RIGHT = 0
"""Number of the right answer within a question; 1, 2, … are the wrong ones, the most popular first."""

POSSIBLE_ANSWERS = 1000


@dataclass(frozen=True)
class SyntheticModel:
    """Parameters of the generative model; the module says what each one does.

    The defaults resemble recordings of small language models on competition mathematics.
    """

    hopeless: float = 0.12
    ease: float = 0.6
    hardness: float = 0.4
    distractors: int = 40
    concentration: float = 3.5
    final_invalid: float = 0.005
    scale: float = 7500.0
    length_wrong: float = 0.4
    length_hard: float = 0.6
    length_spread: float = 0.35
    max_tokens: int = 40000
    settle_early: float = 3.0
    settle_late: float = 2.0
    lapse: float = 0.03
    stick: float = 0.6
    foresight: float = 0.1
    invalid: float = 0.07
    confidence: float = 0.8
    confidence_right: float = 0.3
    confidence_settled: float = 0.4
    confidence_drift: float = 0.2
    confidence_branch: float = 0.2
    confidence_noise: float = 0.15
    worst: float = 8.0
    sharpness: float = 7.0
    certainty: float = 10.0
    answer_settled: float = 1.2
    answer_right: float = 0.5
    answer_noise: float = 0.4


DEFAULT_MODEL = SyntheticModel()


def synthetic_store(
    questions: int = 30,
    branches: int = 64,
    interval: int = 500,
    seed: int = 0,
    model: SyntheticModel = DEFAULT_MODEL,
) -> ReplayStore:
    """Draw a replay store from the generative model.

    Args:
        questions: number of questions.
        branches: branches of each question.
        interval: tokens between two probes (Δ).
        seed: random seed; the same seed gives the same store.
        model: parameters of the generative model.

    Raises:
        StoreError: ``questions``, ``branches`` or ``interval`` is not positive.
    """
    metadata = synthetic_metadata(questions, branches, interval, seed, model)
    name = metadata["name"]
    records = synthetic_questions(questions, branches, interval, seed, model)
    return build_store(concatenate(list(record_tables(records, name))), metadata, Sources.single(name))


def synthetic_metadata(
    questions: int, branches: int, interval: int = 500, seed: int = 0, model: SyntheticModel = DEFAULT_MODEL
) -> dict[str, Any]:
    """The provenance of the store that ``synthetic_store`` draws for the same arguments.

    Args:
        questions: number of questions.
        branches: branches of each question.
        interval: tokens between two probes (Δ).
        seed: random seed.
        model: parameters of the generative model.
    """
    return {
        "format_version": FORMAT_VERSION,
        "name": f"synthetic-{questions}x{branches}-seed{seed}",
        "model": "tts_gym.datasets.SyntheticModel",
        "benchmark": "synthetic",
        "interval": interval,
        "synthetic": True,
        "license": "CC0-1.0",
        "sampling": asdict(model),
        "seeds": [seed],
        "tools": tool_versions(),
    }


def synthetic_questions(
    questions: int = 30,
    branches: int = 64,
    interval: int = 500,
    seed: int = 0,
    model: SyntheticModel = DEFAULT_MODEL,
) -> Iterator[RecordedQuestion]:
    """Draw records from the generative model, one question at a time.

    Question q depends on ``seed`` and q alone, not on how many questions there are.

    Args:
        questions: number of questions.
        branches: branches of each question.
        interval: tokens between two probes (Δ).
        seed: random seed.
        model: parameters of the generative model.

    Yields:
        Question 0, 1, ….

    Raises:
        StoreError: ``questions``, ``branches`` or ``interval`` is not positive.
    """
    if min(questions, branches, interval) < 1:
        raise StoreError(
            f"synthetic data need at least one question, branch and token an interval, not questions={questions}, "
            f"branches={branches}, interval={interval}; give larger numbers"
        )
    for number in range(questions):
        yield _question(number, branches, interval, np.random.default_rng([seed, number]), model)


def _question(
    number: int, branches: int, interval: int, rng: np.random.Generator, model: SyntheticModel
) -> RecordedQuestion:
    ability = 0.0 if rng.random() < model.hopeless else rng.beta(model.ease, model.hardness)
    popularity = np.arange(1, model.distractors + 1) ** -rng.uniform(0, model.concentration)
    popularity /= popularity.sum()
    texts = rng.choice(POSSIBLE_ANSWERS, model.distractors + 1, replace=False).astype(str).tolist()

    def draw(right: float, size: int) -> NDArray[np.int64]:
        """Answers that are right with probability ``right``, int64 [size]."""
        wrong = 1 + rng.choice(model.distractors, size, p=popularity)
        return np.where(rng.random(size) < right, RIGHT, wrong)

    aims = draw(ability, branches)
    tokens = _lengths(aims, ability, rng, model)
    probe_counts = tokens // interval
    branch = np.repeat(np.arange(branches), probe_counts)
    start = np.cumsum(probe_counts) - probe_counts
    place = np.arange(len(branch)) - start[branch] + 1
    progress = place / probe_counts[branch]
    settled = progress > rng.beta(model.settle_early, model.settle_late, branches)[branch]

    fresh = (place == 1) | (rng.random(len(branch)) >= model.stick)
    last_fresh = np.maximum.accumulate(np.where(fresh, np.arange(len(branch)), 0))
    guesses = draw(ability * model.foresight, len(branch))
    lapses = rng.random(len(branch)) < model.lapse
    shown = np.where(settled, np.where(lapses, guesses, aims[branch]), guesses[last_fresh])
    invalid = rng.random(len(branch)) < 2 * model.invalid * (1 - (place - 0.5) / probe_counts[branch])
    probes = [None if bad else texts[answer] for answer, bad in zip(shown.tolist(), invalid.tolist(), strict=True)]

    right = aims[branch] == RIGHT
    confidence = _confidence(right, settled, progress, rng.standard_normal(branches)[branch], rng, model)
    signals = _logprobs(confidence, rng, model)
    final_invalid = rng.random(branches) < model.final_invalid
    signals |= _confidences(confidence, right, settled, rng, model)
    spans = [slice(low, low + count) for low, count in zip(start.tolist(), probe_counts.tolist(), strict=True)]
    return RecordedQuestion(
        id=str(number),
        question=f"Synthetic question {number}: a branch is right with probability {ability:.3f}.",
        gold=texts[RIGHT],
        branches=[
            RecordedBranch(
                tokens=int(tokens[i]),
                probe_answers=probes[span],
                final_answer=None if final_invalid[i] else texts[aims[i]],
                finish_reason="length" if tokens[i] == model.max_tokens else "stop",
                signals={name: values[span] for name, values in signals.items()},
            )
            for i, span in enumerate(spans)
        ],
    )


def _lengths(
    aims: NDArray[np.int64], ability: float, rng: np.random.Generator, model: SyntheticModel
) -> NDArray[np.int64]:
    """Tokens of each branch, int64 [branches]."""
    stretch = model.length_wrong * (aims != RIGHT) + model.length_hard * (1 - ability)
    lengths = model.scale * np.exp(stretch + model.length_spread * rng.standard_normal(len(aims)))
    tokens: NDArray[np.int64] = np.minimum(np.ceil(lengths), model.max_tokens).astype(np.int64)
    return tokens


def _confidence(
    right: NDArray[np.bool_],
    settled: NDArray[np.bool_],
    progress: NDArray[np.float64],
    temper: NDArray[np.float64],
    rng: np.random.Generator,
    model: SyntheticModel,
) -> NDArray[np.float64]:
    """The confidence h of every interval, float64 [intervals], as are the arguments."""
    confidence: NDArray[np.float64] = (
        model.confidence
        + model.confidence_right * right
        + model.confidence_settled * settled
        + model.confidence_drift * progress
        + model.confidence_branch * temper
        + model.confidence_noise * rng.standard_normal(len(right))
    )
    return confidence


def _logprobs(
    confidence: NDArray[np.float64], rng: np.random.Generator, model: SyntheticModel
) -> dict[str, list[float]]:
    """The log-probabilities of every interval's own tokens."""
    tail, worst = confidence + model.confidence_noise * rng.standard_normal((2, len(confidence)))
    return {
        "mean_logprob": np.round(-np.exp(-confidence), 2).tolist(),
        "min_logprob": np.round(-model.worst * np.exp(-worst), 2).tolist(),
        "tail_logprob": np.round(-np.exp(-tail), 2).tolist(),
    }


def _confidences(
    confidence: NDArray[np.float64],
    right: NDArray[np.bool_],
    settled: NDArray[np.bool_],
    rng: np.random.Generator,
    model: SyntheticModel,
) -> dict[str, list[float]]:
    """What every interval's whole next-token distributions tell, and its forced answer."""
    topk, certainty = confidence + model.confidence_noise * rng.standard_normal((2, len(confidence)))
    answer = confidence + settled * (model.answer_settled + model.answer_right * right)
    answer += model.answer_noise * rng.standard_normal(len(confidence))
    return {
        "topk_confidence": np.round(model.sharpness * np.exp(topk / 2), 2).tolist(),
        "answer_logprob": np.round(-np.exp(-answer), 4).tolist(),
        "self_certainty": np.round(model.certainty * np.exp(certainty / 2), 2).tolist(),
    }
