"""Votes over the answers an episode has revealed, and the confidence they give."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tts_gym.datasets.store import INVALID
from tts_gym.episode.state import COMPLETED, PUBLISHED, REVEALED, WIDTH, kernel

FINISHED, ACTIVE, ALL = 0, 1, 2
"""Pools of voters: finished branches in order of completion; branches that are not pruned, with their latest answers,
in branch order; every opened branch, likewise."""


@lru_cache(maxsize=8)
def confidence_table(most_votes: int) -> NDArray[np.float64]:
    """Beta confidence of every pair of vote counts, each entry exactly rounded.

    The probability that the leader has more than half of the weight between it and the runner-up:
    P(p > 1/2) for p ~ Beta(top1 + 1, top2 + 1), which is P(Binomial(top1 + top2 + 1, 1/2) <= top1).

    Args:
        most_votes: the largest number of votes an answer can have.

    Returns:
        float64 [most_votes + 1, most_votes + 1], indexed by (top1, top2).
    """
    table = np.empty((most_votes + 1, most_votes + 1))
    above = [0] * (most_votes + 1)
    for top1 in range(most_votes + 1):
        favourable = 2**top1
        for top2 in range(most_votes + 1):
            # Outcomes of top1 + top2 + 1 fair draws with at most top1 successes, by Pascal's rule on the last draw.
            favourable += above[top2]
            above[top2] = favourable
            table[top1, top2] = favourable / 2 ** (top1 + top2 + 1)
    table.setflags(write=False)
    return table


@kernel
def is_valid(e: Any, code: int) -> bool:
    """See ``Episode.is_valid``."""
    return bool(0 <= code < e.count[REVEALED] and e.class_of[code] != INVALID)


@kernel
def cast_ballots(e: Any, pool: int) -> int:
    """Write the answer codes that ``pool`` votes for to ``e.scratch``, in voting order; return how many there are.

    Args:
        e: the episode.
        pool: FINISHED, ACTIVE or ALL.

    Raises:
        ValueError: there is no such pool.
    """
    if pool < FINISHED or pool > ALL:
        raise ValueError("unknown pool: use FINISHED, ACTIVE or ALL")
    # Locals, because compiled code counts references at each access to a field.
    codes, pruned, class_of, completions, ballots = e.codes, e.pruned, e.class_of, e.completions, e.scratch
    published = e.setup[PUBLISHED]
    cast = 0
    for k in range(e.count[COMPLETED] if pool == FINISHED else e.count[WIDTH]):
        i = completions[k] if pool == FINISHED else k
        if pool == ACTIVE and pruned[i]:
            continue
        code = codes[i]
        if code >= 0 and (published or class_of[code] != INVALID):
            ballots[cast] = code
            cast += 1
    return cast


@kernel
def top_two(e: Any, pool: int) -> tuple[int, int, int]:
    """Leader (-1 without votes), its votes, and the runner-up's; ties go to the answer that entered the vote first.

    Args:
        e: the episode.
        pool: FINISHED, ACTIVE or ALL.

    Returns:
        Answer code, votes, votes.

    Raises:
        ValueError: there is no such pool.
    """
    cast = cast_ballots(e, pool)
    ballots, tally = e.scratch, e.tally
    for k in range(cast):
        tally[ballots[k]] += 1
    leader, top1, top2 = -1, 0, 0
    for k in range(cast):
        if tally[ballots[k]] > top1:
            leader, top1 = int(ballots[k]), int(tally[ballots[k]])
    for k in range(cast):
        if ballots[k] != leader:
            top2 = max(top2, int(tally[ballots[k]]))
    for k in range(cast):
        tally[ballots[k]] = 0
    return leader, top1, top2


@kernel
def leader(e: Any, pool: int) -> int:
    """See ``Episode.leader``."""
    return top_two(e, pool)[0]


@kernel
def confidence(e: Any, pool: int) -> float:
    """See ``Episode.confidence``."""
    _, top1, top2 = top_two(e, pool)
    return float(e.confidences[top1, top2]) if top1 > 0 else 0.0


@kernel
def votes(e: Any, pool: int) -> NDArray[np.int64]:
    """See ``Episode.votes``."""
    counts = np.zeros(e.count[REVEALED], np.int64)
    ballots = e.scratch
    for k in range(cast_ballots(e, pool)):
        counts[ballots[k]] += 1
    return counts
