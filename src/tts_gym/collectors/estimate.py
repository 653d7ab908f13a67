"""What a collection would take, before anything is drawn."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

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
        generated: tokens of the branches; 0 where they are given.
        probe: tokens of the forced answers.
        prompt: prompt tokens of the branches; with the branches themselves where they are given, as far as they are
            probed.
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
    lengths: Sequence[NDArray[np.int64]],
    tokens_per_second: float | None = None,
    prices: dict[str, float] | None = None,
) -> CollectionEstimate:
    """Estimate a collection.

    Args:
        questions: the questions.
        settings: what is drawn, or probed.
        lengths: tokens of the branches of each question, as expected or as they are given.
        tokens_per_second: tokens that the backend generates a second, over all sequences.
        prices: dollars a million tokens by ``llm.prices.PRICES``.
    """
    probes = generated = prompt = prefix = 0
    for asked, own in zip(_prompts(questions, settings), lengths, strict=True):
        counts = np.maximum(own - 1, 0) // settings.interval
        probes += int(counts.sum())
        prefix += int((asked * counts + settings.interval * counts * (counts + 1) // 2).sum())
        if settings.given is None:
            generated += int(own.sum())
            prompt += asked * len(own)
        else:
            prompt += int((asked + settings.interval * counts)[counts > 0].sum())
    probe = probes * settings.probing.max_tokens
    output = generated + probe
    dollars = None
    if prices is not None:
        spent = {"input": prompt, "cached_input": prefix, "output": output}
        dollars = sum(prices[name] * tokens for name, tokens in spent.items()) / 1e6
    seconds = output / tokens_per_second if tokens_per_second else None
    branches = sum(map(len, lengths))
    return CollectionEstimate(len(questions), branches, probes, generated, probe, prompt, prefix, seconds, dollars)


def _prompts(questions: Sequence[Question], settings: CollectionSettings) -> Iterator[int]:
    """About as many tokens as the prompt of each question has."""
    shared = sum(len(text) for example in settings.prompting.examples for text in example)
    for question in questions:
        own = sum(len(text) for example in question.examples for text in example)
        yield -(-(len(question.question) + shared + own) // CHARACTERS)
