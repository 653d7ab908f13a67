"""What a collection would take, before anything is drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tts_gym.collectors.questions import Question
from tts_gym.collectors.settings import CollectionSettings

CHARACTERS = 4
"""Characters of a token where no tokenizer is asked."""


@dataclass(frozen=True)
class CollectionEstimate:
    """What a collection would take.

    Attributes:
        questions: number of questions.
        branches: number of branches.
        probes: number of probes.
        generated: tokens of the branches.
        probe: tokens of the forced answers.
        prompt: prompt tokens of the branches.
        prefix: prompt tokens of the probes, nearly all of which a prefix cache holds.
        seconds: time at the rate given; None without one.
        dollars: cost at the prices given; None without them.
    """

    questions: int
    branches: int
    probes: int
    generated: int
    probe: int
    prompt: int
    prefix: int
    seconds: float | None
    dollars: float | None


def estimate(
    questions: Sequence[Question],
    settings: CollectionSettings,
    branch_tokens: int,
    tokens_per_second: float | None = None,
    prices: dict[str, float] | None = None,
) -> CollectionEstimate:
    """Estimate a collection.

    Args:
        questions: the questions.
        settings: what is drawn.
        branch_tokens: tokens that a branch is expected to have.
        tokens_per_second: tokens that the backend generates a second, over all sequences.
        prices: dollars a million tokens by ``llm.prices.PRICES``.
    """
    examples = sum(len(text) for example in settings.prompting.examples for text in example)
    characters = [
        len(question.question) + examples + sum(len(text) for example in question.examples for text in example)
        for question in questions
    ]
    branches = len(questions) * settings.branches
    probes_of_branch = (branch_tokens - 1) // settings.interval
    prompt = settings.branches * sum(-(-count // CHARACTERS) for count in characters)
    generated = branches * branch_tokens
    probes = branches * probes_of_branch
    read = branches * settings.interval * probes_of_branch * (probes_of_branch + 1) // 2
    prefix = read + prompt * probes_of_branch
    probe = probes * settings.probing.max_tokens
    output = generated + probe
    dollars = None
    if prices is not None:
        spent = {"input": prompt, "cached_input": prefix, "output": output}
        dollars = sum(prices[name] * tokens for name, tokens in spent.items()) / 1e6
    seconds = output / tokens_per_second if tokens_per_second else None
    return CollectionEstimate(len(questions), branches, probes, generated, probe, prompt, prefix, seconds, dollars)
