"""Votes over the answers an episode has revealed, and the confidence they give."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tts_gym.datasets.store import INVALID
from tts_gym.envs.state import COMPLETED, PUBLISHED, REVEALED, WIDTH, kernel

FINISHED, ACTIVE, ALL = 0, 1, 2
"""Pools of voters: finished branches in order of completion; branches that are not pruned, with their latest answers, in
branch order; every opened branch, likewise."""


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
def pool_size(e: Any, pool: int) -> int:
    """Voters that ``ballot`` can be asked for."""
    if pool < FINISHED or pool > ALL:
        raise ValueError("unknown pool: use FINISHED, ACTIVE or ALL")
    return int(e.count[COMPLETED] if pool == FINISHED else e.count[WIDTH])


@kernel
def is_valid(e: Any, code: int) -> bool:
    """Episode.is_valid."""
    return bool(0 <= code < e.count[REVEALED] and e.class_of[code] != INVALID)


@kernel
def ballot(e: Any, pool: int, k: int) -> int:
    """Answer code that the ``k``-th voter of ``pool`` votes for, -1 if it does not vote."""
    i = e.completions[k] if pool == FINISHED else k
    if pool == ACTIVE and e.pruned[i]:
        return -1
    code = int(e.codes[i])
    return code if e.setup[PUBLISHED] or is_valid(e, code) else -1


@kernel
def top_two(e: Any, pool: int) -> tuple[int, int, int]:
    """Leader (-1 without votes), its votes, and the runner-up's; ties go to the answer that entered the vote first."""
    voters = pool_size(e, pool)
    leader, top1, top2 = -1, 0, 0
    for k in range(voters):
        code = ballot(e, pool, k)
        if code >= 0:
            e.tally[code] += 1
    for k in range(voters):
        code = ballot(e, pool, k)
        if code >= 0 and e.tally[code] > top1:
            leader, top1 = code, int(e.tally[code])
    for k in range(voters):
        code = ballot(e, pool, k)
        if code >= 0 and code != leader:
            top2 = max(top2, int(e.tally[code]))
    for k in range(voters):
        code = ballot(e, pool, k)
        if code >= 0:
            e.tally[code] = 0
    return leader, top1, top2


@kernel
def leader(e: Any, pool: int) -> int:
    """Episode.leader."""
    return top_two(e, pool)[0]


@kernel
def confidence(e: Any, pool: int) -> float:
    """Episode.confidence."""
    _, top1, top2 = top_two(e, pool)
    return float(e.confidences[top1, top2]) if top1 > 0 else 0.0


@kernel
def votes(e: Any, pool: int) -> NDArray[np.int64]:
    """Episode.votes."""
    counts = np.zeros(e.count[REVEALED], np.int64)
    for k in range(pool_size(e, pool)):
        code = ballot(e, pool, k)
        if code >= 0:
            counts[code] += 1
    return counts
