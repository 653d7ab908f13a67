"""The actions of ``TTSWidthDepthRounds-v0``: each is a round of atomic actions on several branches at once."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tts_gym.episode import costs, transitions, votes
from tts_gym.episode.actions import STOP
from tts_gym.episode.state import COMPLETED, MAX_WIDTH, RECORDED, TOKENS, WIDTH, kernel

ROUNDS = (
    "stop",  # STOP
    "deepen_all",  # CONTINUE(i) for every branch that can continue
    "deepen_all_4",  # the same four times
    "deepen_to_next",  # the same until one of them finishes or none can continue
    "deepen_agreeing",  # CONTINUE(i) for those whose latest answer is the leader
    "finish_advanced",  # CONTINUE(i) to its end for the deepest one
    "finish_agreeing",  # CONTINUE(i) to their ends for those whose latest answer is the leader
    "widen_1",  # BRANCH, then CONTINUE(i) for every branch opened earlier that can continue
    "widen_2",  # BRANCH twice, likewise
    "widen_4",  # BRANCH four times, likewise
    "prune_dissenters",  # PRUNE(i) for the persistent dissenters, then deepen_all
    "prune_advanced",  # PRUNE(i) for the deepest one, then deepen_all
)
"""Names of the actions, in their order. Branches that can continue are opened, unfinished, un-pruned, and an interval
fits the budget; within a round the deepest go first, ties by index, each with all of its intervals but in
``deepen_to_next``, where all take one interval after the other together."""

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

TO_THE_END = 2**31
"""More intervals than any branch has."""

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
def _intervals(e: Any, action: int, i: int, place: int, leader: int) -> int:
    """Intervals that the round ``action`` asks of branch ``i``, the ``place``-th deepest unfinished one."""
    if action == DEEPEN_ALL_4:
        return 4
    if action == DEEPEN_AGREEING:
        return 1 if agrees(e, i, leader) else 0
    if action == FINISH_ADVANCED:
        return TO_THE_END if place == 0 else 0
    if action == FINISH_AGREEING:
        return TO_THE_END if agrees(e, i, leader) else 0
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
    if action == DEEPEN_TO_NEXT:
        _deepen_to_next(e)
    else:
        _deepen(e, action, earlier, leader)


@kernel
def _deepen(e: Any, action: int, earlier: int, leader: int) -> None:
    """Advance the branches that the round ``action`` asks of the first ``earlier`` ones."""
    began, longest, advanced = e.count[TOKENS], 0, 0
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
    if advanced > 0 or e.count[TOKENS] > began:
        transitions.end_step(e, longest)


@kernel
def _deepen_to_next(e: Any) -> None:
    """Advance all branches interval by interval until one of them finishes or none can continue."""
    completed, reading = e.count[COMPLETED], transitions.line_up(e)
    spent = np.zeros(reading, np.int64)
    moved = 1
    while moved > 0 and e.count[COMPLETED] == completed:
        moved = 0
        for place in range(reading):
            before = e.count[TOKENS]
            moved += transitions.extend(e, int(e.scratch[place]), 1)
            spent[place] += e.count[TOKENS] - before
    transitions.end_step(e, spent.max())


@kernel
def round_mask(e: Any, pool: int, mask: NDArray[Any]) -> None:
    """Fill ``mask`` [len(ROUNDS)] with which rounds are admissible: STOP, and those that change the episode.

    ``widen_n`` also needs n branches that are not opened yet.
    """
    leader = votes.leader(e, pool)
    fits = costs.interval_fits(e)
    agreeing, dissenting = False, False
    unfinished = transitions.line_up(e)
    for place in range(unfinished):
        i = int(e.scratch[place])
        agreeing = agreeing or agrees(e, i, leader)
        dissenting = dissenting or is_dissenter(e, i, leader)
    left = min(e.setup[RECORDED], e.setup[MAX_WIDTH]) - e.count[WIDTH]
    mask[STOP] = True
    mask[DEEPEN_ALL] = fits and unfinished > 0
    mask[DEEPEN_ALL_4] = fits and unfinished > 0
    mask[DEEPEN_TO_NEXT] = fits and unfinished > 0
    mask[DEEPEN_AGREEING] = fits and agreeing
    mask[FINISH_ADVANCED] = fits and unfinished > 0
    mask[FINISH_AGREEING] = fits and agreeing
    for action in range(WIDEN_1, WIDEN_4 + 1):
        mask[action] = fits and left >= _branches_opened(action)
    mask[PRUNE_DISSENTERS] = dissenting
    mask[PRUNE_ADVANCED] = unfinished > 0
