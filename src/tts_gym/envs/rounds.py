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
    "deepen_to_next",  # CONTINUE(i) for every one, as often as it takes until one of them finishes
    "deepen_agreeing",  # CONTINUE(i) for those whose latest answer is the leader
    "finish_advanced",  # CONTINUE(i) to its end for the deepest one
    "finish_agreeing",  # CONTINUE(i) to their ends for those whose latest answer is the leader
    "widen_1",  # BRANCH, then CONTINUE(i) for every branch opened earlier that can continue
    "widen_2",  # BRANCH twice, likewise
    "widen_4",  # BRANCH four times, likewise
    "prune_dissenters",  # PRUNE(i) for the persistent dissenters, then deepen_all
    "prune_advanced",  # PRUNE(i) for the deepest one, then deepen_all
)
"""Names of the actions, in their order. Branches that can continue are opened, unfinished, un-pruned, and their next
interval fits the budget; within a round the deepest go first, ties by index."""

(
    _,
    DEEPEN_ALL,
    DEEPEN_ALL_4,
    DEEPEN_TO_NEXT,
    DEEPEN_AGREEING,
    FINISH_ADVANCED,
    FINISH_AGREEING,
    WIDEN_1,
    WIDEN_2,
    WIDEN_4,
    PRUNE_DISSENTERS,
    PRUNE_ADVANCED,
) = range(len(ROUNDS))

PERSISTENCE = 3
"""Intervals in a row that a dissenter has to show the same answer before it counts as persistent."""


@kernel
def agrees(e: Any, i: int, leader: int) -> bool:
    """Whether the latest answer of branch ``i`` is ``leader``, if there is one."""
    return bool(leader >= 0 and e.codes[i] == leader)


@kernel
def is_dissenter(e: Any, i: int, leader: int) -> bool:
    """Whether branch ``i`` is active and unfinished, and has shown one answer, not ``leader``, persistently."""
    unfinished = transitions.can_continue(e, i)
    return bool(unfinished and leader >= 0 and e.codes[i] != leader and e.streaks[i] >= PERSISTENCE)


@kernel
def _branches_opened(action: int) -> int:
    return 1 << (action - WIDEN_1) if WIDEN_1 <= action <= WIDEN_4 else 0


@kernel
def _intervals_left(e: Any, i: int) -> int:
    return transitions.last_depth(e, transitions.row_of(e, i)) - int(e.depths[i])


@kernel
def _intervals_to_next(e: Any) -> int:
    """Intervals until the first of the branches that can continue finishes."""
    fewest = 0
    for i in range(e.count[WIDTH]):
        if transitions.can_continue(e, i) and (fewest == 0 or _intervals_left(e, i) < fewest):
            fewest = _intervals_left(e, i)
    return fewest


@kernel
def _intervals(e: Any, action: int, i: int, place: int, leader: int, to_next: int) -> int:
    """Intervals that the round ``action`` asks of branch ``i``, the ``place``-th deepest that is unfinished."""
    if action == DEEPEN_ALL_4:
        return 4
    if action == DEEPEN_TO_NEXT:
        return to_next
    if action == DEEPEN_AGREEING:
        return 1 if agrees(e, i, leader) else 0
    if action == FINISH_ADVANCED:
        return _intervals_left(e, i) if place == 0 else 0
    if action == FINISH_AGREEING:
        return _intervals_left(e, i) if agrees(e, i, leader) else 0
    return 1


@kernel
def _prune(e: Any, action: int, leader: int) -> None:
    if action == PRUNE_DISSENTERS:
        for i in range(e.count[WIDTH]):
            if is_dissenter(e, i, leader):
                transitions.prune(e, i)
    elif action == PRUNE_ADVANCED and transitions.line_up(e) > 0:
        transitions.prune(e, int(e.scratch[0]))


@kernel
def take_round(e: Any, action: int, leader: int) -> None:
    """Take the round ``action``, which is admissible and not STOP, where ``leader`` leads the vote."""
    earlier = int(e.count[WIDTH])
    _prune(e, action, leader)
    opened = _branches_opened(action)
    if opened > 0:
        transitions.branch(e, opened)
    longest, advanced, to_next = 0, 0, _intervals_to_next(e)
    for place in range(transitions.line_up(e)):
        i = int(e.scratch[place])
        if i >= earlier:
            continue
        before = e.count[TOKENS]
        for _ in range(_intervals(e, action, i, place, leader, to_next)):
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
    unfinished = transitions.line_up(e)
    for place in range(unfinished):
        i = int(e.scratch[place])
        able = can_afford_next(e, i)
        some = some or able
        advanced = advanced or (able and place == 0)
        agreeing = agreeing or (able and agrees(e, i, leader))
        dissenting = dissenting or is_dissenter(e, i, leader)
    left = min(e.setup[RECORDED], e.setup[MAX_WIDTH]) - e.count[WIDTH]
    openable = admissible(e, BRANCH)
    mask[STOP] = True
    mask[DEEPEN_ALL] = some
    mask[DEEPEN_ALL_4] = some
    mask[DEEPEN_TO_NEXT] = some
    mask[DEEPEN_AGREEING] = agreeing
    mask[FINISH_ADVANCED] = advanced
    mask[FINISH_AGREEING] = agreeing
    for action in range(WIDEN_1, WIDEN_4 + 1):
        mask[action] = openable and left >= _branches_opened(action)
    mask[PRUNE_DISSENTERS] = dissenting
    mask[PRUNE_ADVANCED] = unfinished > 0
