"""Whether compiled code does what its source does in plain Python, on episodes that are drawn when both are fixed."""

from __future__ import annotations

import random
import secrets
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from tts_gym.agents.synthesis.blind import BlindStore, MalformedError
from tts_gym.agents.synthesis.candidate import Candidate
from tts_gym.agents.synthesis.plain import Asked, PlainEpisode, recounted, run_plain
from tts_gym.agents.synthesis.runs import Limits
from tts_gym.datasets.store import ReplayStore
from tts_gym.envs.episode import EpisodeRules

SAMPLE = 32
"""Episodes that are run again. A candidate that goes another way in one of ten passes in 3 cases of 100."""

SECONDS = 20.0
"""How long they may take together, most of them under 20 ms; what ends compiled may not end in plain Python."""

UNFORESEEN = 2
"""Branch orders that are added to a run for it."""


def unforeseen_seeds() -> list[int]:
    """Seeds of branch orders that nobody can know of before."""
    return [secrets.randbits(63) for _ in range(UNFORESEEN)]


def disagreement(
    candidate: Candidate,
    stores: Sequence[ReplayStore],
    blinded: Sequence[BlindStore],
    blocks: Sequence[tuple[int, float]],
    seeds: Sequence[int],
    results: Sequence[NDArray[np.int64]],
    rules: EpisodeRules,
    limits: Limits,
) -> str | None:
    """Run a sample of episodes again in plain Python, in a jail of their own; one line if something else comes of one.

    Half of the sample is from the last ``UNFORESEEN`` seeds.

    Args:
        candidate: an audited one.
        stores: what was replayed.
        blinded: the same as the jail saw it.
        blocks: the place of its store and the value of the knob of each block of results.
        seeds: branch orders, the unforeseen ones last.
        results: what came of it compiled, int64 [questions x seeds, len(COLUMNS)] a block, classes as in ``blinded``.
        rules: spending and accounting.
        limits: what the candidate may use.
    """
    chance = random.SystemRandom()
    asked: list[Asked] = []
    compiled: list[NDArray[np.int64]] = []
    for number in range(SAMPLE):
        block = chance.randrange(len(blocks))
        place, beta = blocks[block]
        question = chance.randrange(len(stores[place]))
        known = len(seeds) - UNFORESEEN
        order = chance.randrange(known) if number % 2 else known + chance.randrange(UNFORESEEN)
        asked.append(Asked(place, question, seeds[order], beta))
        compiled.append(results[block][question * len(seeds) + order])
    limits = replace(limits, seconds=min(limits.seconds, SECONDS))
    plain = run_plain(candidate, stores, blinded, asked, rules, limits)
    for one, row, told in zip(asked, compiled, plain, strict=True):
        store = replace(stores[one.store], tables=blinded[one.store].tables)
        difference = _difference(told, row, one, store, rules)
        if difference:
            where = f"question {store.question_ids[one.question]}, seed {one.seed}, beta {one.beta:g}"
            return f"refused: compiled and in plain Python it differs ({where}): {difference}"
    return None


def _difference(
    told: PlainEpisode | str, compiled: NDArray[np.int64], asked: Asked, store: ReplayStore, rules: EpisodeRules
) -> str | None:
    if isinstance(told, str):
        return told
    try:
        plain = recounted(told, asked, store, rules, int(store.branch_counts.max()))
    except MalformedError as error:
        return f"crashed: {error}"
    if tuple(compiled) == plain:
        return None
    return "it takes other decisions; integers that do not fit 64 bits, for one, are not the same"
