"""Episodes of a candidate run again in plain Python, in a jail, with what it did and noted."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby

import numpy as np

from tts_gym.datasets.store import ReplayStore
from tts_gym.episode.episode import Note
from tts_gym.episode.rules import EpisodeRules
from tts_gym.sandbox.anonymise import MalformedError, anonymise
from tts_gym.sandbox.candidate import Candidate
from tts_gym.sandbox.plain import Asked, PlainEpisode, recounted, run_plain
from tts_gym.sandbox.runs import Limits


@dataclass(frozen=True)
class Trace:
    """What a program did in one episode.

    Attributes:
        question: index of the question.
        seed: of the branch order.
        beta: the knob.
        answer: class of its answer, -1 for none.
        tokens: tokens spent.
        log: words, see ``episode.actions``.
        notes: what it noted.
    """

    question: int
    seed: int
    beta: float
    answer: int
    tokens: int
    log: tuple[int, ...]
    notes: tuple[Note, ...]


@dataclass(frozen=True)
class NoTrace:
    """An episode of which it is not known what a program did.

    Attributes:
        reason: why, in one line.
    """

    reason: str


def trace(
    candidate: Candidate,
    store: ReplayStore,
    betas: Sequence[float],
    seeds: Sequence[int],
    rules: EpisodeRules,
    max_width: int,
    limits: Limits = Limits(),  # noqa: B008
) -> list[Trace | NoTrace]:
    """Run every question of ``store`` under each of ``betas`` and ``seeds``, see ``trace_asked``.

    Args:
        candidate: an audited one that has come through the jail.
        store: what is replayed.
        betas: values of the knob.
        seeds: branch orders.
        rules: the accounting.
        max_width: branches that an episode may open; one that opens more is not traced.
        limits: what the episodes may use; time is that of all of them together.

    Raises:
        TTSGymError: if no jail starts on this machine, or only a weak one, which ``limits`` do not allow.
    """
    asked = [Asked(0, question, seed, beta) for question in range(len(store)) for beta in betas for seed in seeds]
    return trace_asked(candidate, store, asked, rules, max_width, limits)


def trace_asked(
    candidate: Candidate,
    store: ReplayStore,
    episodes: Sequence[Asked],
    rules: EpisodeRules,
    max_width: int,
    limits: Limits = Limits(),  # noqa: B008
) -> list[Trace | NoTrace]:
    """Run episodes on ``store``.

    Each question has a jail of its own, which is given its branches and no others, with the answers renumbered. What
    comes of it is recounted here.

    Args:
        candidate: an audited one that has come through the jail.
        store: what is replayed.
        episodes: those of a question together; the place of the store is 0.
        rules: the accounting.
        max_width: branches that an episode may open; one that opens more is not traced.
        limits: what the episodes may use; time is that of all of them together.

    Raises:
        TTSGymError: if no jail starts on this machine, or only a weak one, which ``limits`` do not allow.
    """
    anonymised = anonymise(store, np.random.default_rng())
    traces: list[Trace | NoTrace] = []
    end = time.monotonic() + limits.seconds
    for _, group in groupby(episodes, lambda one: one.question):
        asked = list(group)
        left = replace(limits, seconds=max(0.0, end - time.monotonic()))
        told = run_plain(candidate, [store], [anonymised], asked, rules, left)
        traces += [_traced(one, what, store, rules, max_width) for one, what in zip(told, asked, strict=True)]
    return traces


def _traced(
    told: PlainEpisode | str, asked: Asked, store: ReplayStore, rules: EpisodeRules, max_width: int
) -> Trace | NoTrace:
    if isinstance(told, str):
        return NoTrace(told)
    try:
        answer, tokens, *_ = recounted(told, asked, store, rules, max_width)
    except MalformedError as error:
        return NoTrace(f"crashed: {error}")
    return Trace(asked.question, asked.seed, asked.beta, answer, tokens, told.log, told.notes)
