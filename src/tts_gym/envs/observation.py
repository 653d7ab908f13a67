"""What a policy sees of an episode: two blocks of numbers in [0, 1], made of revealed information only.

``s(x, h)`` in the descriptions stands for ``x / (x + h)``: 0 at 0, one half at ``h``, below 1 however large ``x`` is.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tts_gym.envs import transitions, votes
from tts_gym.envs.state import BUDGET, COMPLETED, MAX_WIDTH, NO_BUDGET, RECORDED, REVEALED, TOKENS, WIDTH, kernel

BRANCH_FEATURES = (
    "opened",  # 1; every feature of a branch that is not opened is 0
    "active",  # 1 unless pruned
    "finished",  # 1 if the branch reached its end
    "depth",  # intervals generated / intervals of the store's longest branch
    "relative_depth",  # intervals generated / intervals of the deepest opened branch
    "tokens",  # s(tokens charged for its intervals, mean branch length)
    "hidden",  # 1 if the answer at the present depth could be probed
    "answered",  # 1 if an answer was revealed
    "valid",  # 1 if the latest revealed answer is valid
    "leading",  # 1 if that answer is the pool's leader
    "second",  # 1 if that answer is the pool's runner-up
    "support",  # share of the pool's votes for that answer
    "streak",  # s(times in a row that it was revealed, 8)
    "age",  # s(intervals generated since it was revealed, 8)
)
"""Columns of the observation ``branches``."""

SUMMARY_FEATURES = (
    "width",  # opened branches / max_branches
    "unopened",  # branches that could still be opened / max_branches
    "active",  # un-pruned share of the opened branches
    "finished",  # finished share of the opened branches
    "hidden",  # share of the opened branches whose present answer could be probed
    "invalid",  # share of the opened branches whose latest revealed answer is invalid
    "depth",  # mean depth of the opened branches, as in ``branches``
    "voters",  # votes in the pool / max_branches
    "top1",  # the leader's share of the votes
    "top2",  # the runner-up's share of the votes
    "confidence",  # Beta confidence of the two; 0 without votes
    "distinct",  # s(different answers in the pool, 4)
    "spent",  # s(tokens, 4 mean branch lengths)
    "remaining",  # unspent share of the budget; 1 without a budget
)
"""Places in the observation ``summary``."""

REVEALS_AT_HALF = 8
ANSWERS_AT_HALF = 4
BRANCHES_AT_HALF = 4


@kernel
def count_votes(e: Any, pool: int) -> tuple[int, int, int, int]:
    """Leave the votes of ``pool`` in ``e.tally``; return how many, for how many answers, the leader and the runner-up.

    Ties go to the answer that entered the vote first; -1 stands for none.
    """
    cast = votes.cast_ballots(e, pool)
    ballots, tally = e.scratch, e.tally
    distinct = 0
    for k in range(cast):
        distinct += tally[ballots[k]] == 0
        tally[ballots[k]] += 1
    leader, runner_up = -1, -1
    for k in range(cast):
        code = int(ballots[k])
        if leader < 0 or tally[code] > tally[leader]:
            leader = code
    for k in range(cast):
        code = int(ballots[k])
        if code != leader and (runner_up < 0 or tally[code] > tally[runner_up]):
            runner_up = code
    return cast, distinct, leader, runner_up


@kernel
def observe(
    e: Any,
    pool: int,
    branch_tokens: float,
    longest: int,
    branches: NDArray[np.float32],
    summary: NDArray[np.float32],
) -> None:
    """Write the features of an episode.

    Args:
        e: the episode.
        pool: whose votes count.
        branch_tokens: the store's mean branch length in tokens.
        longest: intervals of the store's longest branch, the finishing one included.
        branches: where ``BRANCH_FEATURES`` go, [max_branches, features].
        summary: where ``SUMMARY_FEATURES`` go, [features].
    """
    cast, distinct, leader, runner_up = count_votes(e, pool)
    _observe_branches(e, cast, leader, runner_up, branch_tokens, longest, branches)
    _observe_summary(e, cast, distinct, leader, runner_up, branch_tokens, longest, summary)
    for code in range(e.count[REVEALED]):
        e.tally[code] = 0


@kernel
def _observe_branches(
    e: Any,
    cast: int,
    leader: int,
    runner_up: int,
    branch_tokens: float,
    longest: int,
    branches: NDArray[np.float32],
) -> None:
    width = e.count[WIDTH]
    deepest = 1
    for i in range(width):
        deepest = max(deepest, int(e.depths[i]))
    for i in range(width):
        code = e.codes[i]
        answered = code >= 0
        row = branches[i]
        row[0] = 1
        row[1] = not e.pruned[i]
        row[2] = e.finished[i]
        row[3] = e.depths[i] / longest
        row[4] = e.depths[i] / deepest
        row[5] = _saturate(transitions.cost_at(e, transitions.row_of(e, i), int(e.depths[i])), branch_tokens)
        row[6] = transitions.can_probe(e, i)
        row[7] = answered
        row[8] = votes.is_valid(e, code)
        row[9] = answered and code == leader
        row[10] = answered and code == runner_up
        row[11] = e.tally[code] / cast if answered and cast > 0 else 0.0
        row[12] = _saturate(e.streaks[i], REVEALS_AT_HALF)
        row[13] = _saturate(e.depths[i] - e.shown[i], REVEALS_AT_HALF) if answered else 0.0
    branches[width:] = 0


@kernel
def _observe_summary(
    e: Any,
    cast: int,
    distinct: int,
    leader: int,
    runner_up: int,
    branch_tokens: float,
    longest: int,
    summary: NDArray[np.float32],
) -> None:
    width, ceiling = e.count[WIDTH], e.setup[MAX_WIDTH]
    depths, active, hidden, invalid = 0, 0, 0, 0
    for i in range(width):
        depths += e.depths[i]
        active += not e.pruned[i]
        hidden += transitions.can_probe(e, i)
        invalid += e.codes[i] >= 0 and not votes.is_valid(e, e.codes[i])
    opened, voters = max(width, 1), max(cast, 1)
    top1 = e.tally[leader] if leader >= 0 else 0
    top2 = e.tally[runner_up] if runner_up >= 0 else 0
    summary[0] = width / ceiling
    summary[1] = (min(e.setup[RECORDED], ceiling) - width) / ceiling
    summary[2] = active / opened
    summary[3] = e.count[COMPLETED] / opened
    summary[4] = hidden / opened
    summary[5] = invalid / opened
    summary[6] = depths / (opened * longest)
    summary[7] = cast / ceiling
    summary[8] = top1 / voters
    summary[9] = top2 / voters
    summary[10] = e.confidences[top1, top2] if cast > 0 else 0.0
    summary[11] = _saturate(distinct, ANSWERS_AT_HALF)
    summary[12] = _saturate(e.count[TOKENS], BRANCHES_AT_HALF * branch_tokens)
    summary[13] = _remaining(e)


@kernel
def _saturate(x: float, half: float) -> float:
    return x / (x + half)


@kernel
def _remaining(e: Any) -> float:
    """Unspent share of the budget; 1 without one, 0 if there was nothing to spend."""
    if e.setup[BUDGET] == NO_BUDGET:
        return 1.0
    return 1 - e.count[TOKENS] / e.setup[BUDGET] if e.setup[BUDGET] > 0 else 0.0
