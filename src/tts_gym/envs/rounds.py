"""The actions of ``TTSWidthDepthRounds-v0``: each is a round of atomic actions on several branches at once."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from tts_gym.envs import transitions, votes
from tts_gym.envs.actions import BRANCH, STOP
from tts_gym.envs.atomic import admissible, can_afford_next
from tts_gym.envs.state import MAX_WIDTH, RECORDED, TOKENS, WIDTH, kernel

ROUNDS = (
    "stop",  # STOP
    "deepen_all",  # CONTINUE(i) for every branch that can continue
    "deepen_all_4",  # the same four times
    "deepen_agreeing",  # CONTINUE(i) for those whose latest answer is the leader
    "deepen_advanced",  # CONTINUE(i) four times for the deepest one
    "finish_advanced",  # CONTINUE(i) to its end for the deepest one
    "finish_agreeing",  # CONTINUE(i) to their ends for those whose latest answer is the leader
    "widen_1",  # BRANCH, then CONTINUE(i) for every branch opened earlier that can continue
    "widen_2",  # BRANCH twice, likewise
    "widen_4",  # BRANCH four times, likewise
    "prune_dissenters",  # PRUNE(i) for the persistent dissenters, then deepen_all
)
"""Names of the actions, in their order. Branches that can continue are opened, unfinished, un-pruned, and their next
interval fits the budget; within a round the deepest go first, ties by index."""

(
    _,
    DEEPEN_ALL,
    DEEPEN_ALL_4,
    DEEPEN_AGREEING,
    DEEPEN_ADVANCED,
    FINISH_ADVANCED,
    FINISH_AGREEING,
    WIDEN_1,
    WIDEN_2,
    WIDEN_4,
    PRUNE_DISSENTERS,
) = range(len(ROUNDS))

PERSISTENCE = 3
"""Intervals in a row that a dissenter has to show the same answer before it counts as persistent."""


@kernel
def is_dissenter(e: Any, i: int, leader: int) -> bool:
    """Whether branch ``i`` is active and unfinished, and has shown one answer, not ``leader``, persistently."""
    unfinished = transitions.can_continue(e, i)
    return bool(unfinished and leader >= 0 and e.codes[i] != leader and e.streaks[i] >= PERSISTENCE)


@kernel
def _branches_opened(action: int) -> int:
    return 1 << (action - WIDEN_1) if WIDEN_1 <= action <= WIDEN_4 else 0


@kernel
def _intervals(e: Any, action: int, i: int, place: int, leader: int) -> int:
    """Intervals that the round ``action`` asks of branch ``i``, the ``place``-th deepest that is unfinished."""
    agrees = leader >= 0 and e.codes[i] == leader
    whole = transitions.last_depth(e, transitions.row_of(e, i))
    if action == DEEPEN_ALL_4:
        return 4
    if action == DEEPEN_AGREEING:
        return 1 if agrees else 0
    if action == DEEPEN_ADVANCED:
        return 4 if place == 0 else 0
    if action == FINISH_ADVANCED:
        return whole if place == 0 else 0
    if action == FINISH_AGREEING:
        return whole if agrees else 0
    return 1


@kernel
def take_round(e: Any, action: int, leader: int) -> None:
    """Take the round ``action``, which is admissible and not STOP, where ``leader`` leads the vote."""
    earlier = int(e.count[WIDTH])
    if action == PRUNE_DISSENTERS:
        for i in range(earlier):
            if is_dissenter(e, i, leader):
                transitions.prune(e, i)
    opened = _branches_opened(action)
    if opened > 0:
        transitions.branch(e, opened)
    longest, advanced = 0, 0
    for place in range(transitions.line_up(e)):
        i = int(e.scratch[place])
        if i >= earlier:
            continue
        before = e.count[TOKENS]
        for _ in range(_intervals(e, action, i, place, leader)):
            if transitions.extend(e, i, 1) == 0:
                break
            advanced += 1
        longest = max(longest, e.count[TOKENS] - before)
    if advanced > 0:
        transitions.end_step(e, longest)


@kernel
def round_mask(e: Any, pool: int, mask: NDArray[Any]) -> None:
    """Fill ``mask`` [len(ROUNDS)] with which rounds are admissible: STOP, and those that change the episode.

    ``widen_n`` also needs n branches that are not opened yet.
    """
    leader = votes.leader(e, pool)
    some, agreeing, dissenting, advanced = False, False, False, False
    for place in range(transitions.line_up(e)):
        i = int(e.scratch[place])
        able = can_afford_next(e, i)
        some = some or able
        advanced = advanced or (able and place == 0)
        agreeing = agreeing or (able and leader >= 0 and e.codes[i] == leader)
        dissenting = dissenting or is_dissenter(e, i, leader)
    left = min(e.setup[RECORDED], e.setup[MAX_WIDTH]) - e.count[WIDTH]
    openable = admissible(e, BRANCH)
    mask[STOP] = True
    mask[DEEPEN_ALL] = some
    mask[DEEPEN_ALL_4] = some
    mask[DEEPEN_AGREEING] = agreeing
    mask[DEEPEN_ADVANCED] = advanced
    mask[FINISH_ADVANCED] = advanced
    mask[FINISH_AGREEING] = agreeing
    for action in range(WIDEN_1, WIDEN_4 + 1):
        mask[action] = openable and left >= _branches_opened(action)
    mask[PRUNE_DISSENTERS] = dissenting
