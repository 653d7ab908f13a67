"""What each aggregator is worth, and the numbers of the learned one.

    pip install -e '.[rl]'
    python benchmarks/aggregators.py DATA

DATA holds ``autotts/*/aime24.json``. The accuracy of each aggregator is that of its answer from some branches of a
question, all of them read, in ``ORDERS`` drawn sets. The numbers of ``learned`` are fitted to such sets, those in which
some branch is right and some is wrong: they maximise the log of the share of the weight, to a power that is fitted too,
that is behind the right answer. It is judged on the fold of the questions that it was not fitted on; what is printed
last, fitted on all questions, is what ``tts_gym.episode.aggregation`` holds, and is judged on the bundled store too,
which also records what ``confident`` needs. The table is ``benchmarks/results/aggregators.csv``.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from tts_gym.datasets import ReplayStore, load_store
from tts_gym.datasets.folds import fold_numbers
from tts_gym.datasets.signals import SIGNALS
from tts_gym.datasets.store import INVALID
from tts_gym.episode.aggregation import BORDA, LEAST_LEFT, LIMIT, SHARPNESS
from tts_gym.evaluation.statistics import compare

RESULTS = Path(__file__).parent / "results" / "aggregators.csv"
BUNDLED = "smollm2-arithmetic"
FOLDS, ORDERS = 5, 20
SIZES = (4, 8, 16, 32, 64)
"""Branches that are read."""

FITTED_SIZES, FITTED_ORDERS = (3, 6, 12, 24, 48), 8
WEIGHT_DECAY = 1e-3
AGGREGATORS = ("finished", "weighted", "learned")
"""What is compared, and ``confident`` where a store records log-probabilities."""

FEATURES = ("length", "found", "others", "invalid")


class Votes(NamedTuple):
    """What some branches of a question say, those with a valid answer alone.

    Attributes:
        fold: of the question.
        question: its text.
        features: float64 [branches, features], see ``aggregation.LEARNED_LENGTH``.
        sureness: float64 [branches], mean log-probability of a token, -inf where none is recorded.
        answers: int64 [branches], places in ``right``.
        right: bool [answers].
    """

    fold: int
    question: str
    features: NDArray[np.float64]
    sureness: NDArray[np.float64]
    answers: NDArray[np.int64]
    right: NDArray[np.bool_]


def histories(store: ReplayStore) -> NDArray[np.float64]:
    """Float64 [branches, 5], in the order in which ``drawn`` takes them apart; ``sureness`` is as in ``Votes``."""
    tables, found = store.tables, []
    column = tables.signal_column[SIGNALS.index("mean_logprob")]
    for branch, (start, end) in enumerate(pairwise(tables.answer_start)):
        answers = tables.answers[start:end]
        others = np.flatnonzero(answers != answers[-1])
        first = others[-1] + 2 if len(others) else 1
        told = tables.signals[start - branch : end - branch - 1, column] if column >= 0 else np.empty(0)
        sureness = told.mean(dtype=float) if len(told) else -np.inf
        found.append((len(answers), first / len(answers), (answers == INVALID).mean(), answers[-1], sureness))
    return np.array(found)


def drawn(store: ReplayStore, branches: NDArray[np.float64], number: int, orders: int) -> Iterator[Votes]:
    """Sets of ``number`` of the ``branches`` of every question, see ``histories``."""
    rng = np.random.default_rng(number)
    starts = store.tables.branch_start
    typical = store.mean_branch_tokens / store.interval
    folds = fold_numbers(store.questions, FOLDS)
    for question in range(len(store)):
        for _ in range(orders):
            rows = starts[question] + rng.permutation(store.branch_counts[question])[:number]
            length, found, invalid, answer, sureness = branches[rows[branches[rows, 3] != INVALID]].T
            classes, answers, counts = np.unique(answer, return_inverse=True, return_counts=True)
            others = (counts[answers] - 1) / max(len(answers) - 1, 1)
            features = np.stack([length / typical, np.log(found), others, invalid], 1)
            right = np.isin(classes, list(store.right_classes(question)))
            yield Votes(int(folds[question]), store.questions[question], features, sureness, answers, right)


def fitted(sets: Sequence[Votes]) -> NDArray[np.float64]:
    """The numbers of ``learned``, float64 [features]."""
    open_ones = [votes for votes in sets if votes.right.any() and not votes.right.all()]
    firsts = np.cumsum([0, *(len(votes.right) for votes in open_ones)])
    features = torch.tensor(np.concatenate([votes.features for votes in open_ones]))
    mean, deviation = features.mean(0), features.std(0)
    answer = torch.tensor(np.concatenate([votes.answers + k for votes, k in zip(open_ones, firsts, strict=False)]))
    owner = torch.tensor(np.repeat(np.arange(len(open_ones)), np.diff(firsts)))
    right = torch.tensor(np.concatenate([votes.right for votes in open_ones]))
    slopes = torch.zeros(len(FEATURES), dtype=torch.float64, requires_grad=True)
    log_power = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([slopes, log_power], max_iter=100, line_search_fn="strong_wolfe")

    def loss() -> Any:
        optimizer.zero_grad()
        weights = torch.exp(((features - mean) / deviation) @ slopes)
        powers = torch.zeros(len(right), dtype=torch.float64).index_add(0, answer, weights) ** log_power.exp()
        whole = torch.zeros(len(open_ones), dtype=torch.float64).index_add(0, owner, powers)
        good = torch.zeros(len(open_ones), dtype=torch.float64).index_add(0, owner, powers * right)
        value = -torch.log(good / whole + 1e-4).mean() + WEIGHT_DECAY * (slopes**2).sum()
        value.backward()
        return value

    optimizer.step(loss)
    return (slopes.detach() / deviation).numpy()


def weights(aggregator: str, votes: Votes, learned: NDArray[np.float64]) -> NDArray[np.float64]:
    """What each branch weighs."""
    length, log_found = votes.features[:, 0], votes.features[:, 1]
    if aggregator == "finished":
        return np.ones(len(length))
    if aggregator == "weighted":
        left = np.maximum(LEAST_LEFT, LIMIT + LEAST_LEFT - length)
        return left**SHARPNESS * np.exp(log_found / 2)
    if aggregator == "confident":
        below: NDArray[np.int64] = (votes.sureness < votes.sureness[:, np.newaxis]).sum(1)
        return (1.0 + below) ** BORDA
    return np.exp(votes.features @ learned)


def is_answered(aggregator: str, votes: Votes, learned: NDArray[np.float64]) -> bool:
    """Whether the answer is right."""
    behind = np.bincount(votes.answers, weights(aggregator, votes, learned), len(votes.right))
    return bool(len(behind) and votes.right[behind.argmax()])


Recorded = Sequence[tuple[ReplayStore, NDArray[np.float64]]]
"""Stores with the ``histories`` of their branches."""


def judged(benchmark: str, recorded: Recorded, of_fold: Mapping[int, NDArray[np.float64]]) -> pd.DataFrame:
    """What each aggregator is worth on some stores, given the numbers of ``learned`` for the questions of each fold."""
    rows = []
    for size in SIZES:
        tables: dict[str, list[pd.DataFrame]] = {}
        for store, branches in recorded:
            sets = list(drawn(store, branches, size, ORDERS))
            for aggregator in AGGREGATORS + (("confident",) if "mean_logprob" in store.signals else ()):
                right = [is_answered(aggregator, votes, of_fold[votes.fold]) for votes in sets]
                table = pd.DataFrame({"question_id": [votes.question for votes in sets], "correct": right})
                unused = {"tokens": 0, "sequential_tokens": 0}
                table = table.assign(store=store.label, seed=list(range(ORDERS)) * len(store), **unused)
                tables.setdefault(aggregator, []).append(table)
        whole = {aggregator: pd.concat(parts) for aggregator, parts in tables.items()}
        for aggregator, table in whole.items():
            difference, low, high = compare(table, whole["finished"]).loc["accuracy"]
            row = {"benchmark": benchmark, "branches": size, "aggregator": aggregator}
            row["accuracy"] = 100 * table["correct"].mean()
            rows.append(row | {"difference": difference, "low": low, "high": high})
    return pd.DataFrame(rows)


def main(data: str) -> None:
    torch.set_num_threads(1)
    stores = [load_store(str(file)) for file in sorted(Path(data).glob("autotts/*/aime24.json"))]
    bundled = load_store(BUNDLED)
    recorded = [(store, histories(store)) for store in stores]
    known = [votes for each in recorded for size in FITTED_SIZES for votes in drawn(*each, size, FITTED_ORDERS)]
    folds = range(1, FOLDS + 1)
    of_fold = {fold: fitted([votes for votes in known if votes.fold != fold]) for fold in folds}
    on_all = fitted(known)
    elsewhere = judged(BUNDLED, [(bundled, histories(bundled))], dict.fromkeys(folds, on_all))
    table = pd.concat([judged("aime24", recorded, of_fold), elsewhere])
    table.to_csv(RESULTS, index=False, float_format="%.2f")
    print(table.round(2).to_string(index=False))
    for fold, numbers in of_fold.items():
        print(f"without fold {fold}", dict(zip(FEATURES, numbers.round(2).tolist(), strict=True)))
    print("on all", dict(zip(FEATURES, on_all.round(2).tolist(), strict=True)))


if __name__ == "__main__":
    main(*sys.argv[1:])
