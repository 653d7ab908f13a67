"""The actions of ``TTSWidthDepthRounds-v1``: each is a round of atomic actions on several branches at once."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tts_gym.envs.features import places
from tts_gym.episode import costs, transitions, votes
from tts_gym.episode.actions import STOP
from tts_gym.episode.state import COMPLETED, MAX_WIDTH, RECORDED, TOKENS, WIDTH, kernel

ROUNDS = {
    "stop": "STOP",
    "deepen_all": "CONTINUE(i) for every branch that can continue",
    "deepen_all_4": "CONTINUE(i) four times for each of them",
    "deepen_to_next": "deepen_all until one of them finishes, or none can continue",
    "deepen_agreeing": "CONTINUE(i) for those that agree",
    "finish_advanced": "CONTINUE(i) to its end for the deepest unfinished one",
    "finish_agreeing": "CONTINUE(i) to their ends for those that agree",
    "widen_1": "BRANCH, then CONTINUE(i) for every branch opened earlier that can continue",
    "widen_2": "BRANCH twice, likewise",
    "widen_4": "BRANCH four times, likewise",
    "prune_dissenters": "PRUNE(i) for the persistent dissenters, then CONTINUE(i) for every branch that can continue",
    "prune_advanced": "PRUNE(i) for the deepest unfinished one, likewise",
}
"""What each action is composed of, in their order. Branches that can continue are opened, unfinished, un-pruned, and an
interval fits the budget; within a round the deepest go first, ties by index, each with all of its intervals but in
``deepen_to_next``, where all take one interval after the other together."""

ACTION = places(ROUNDS)
"""Each action by its name, as ``ACTION.widen_1``."""

TO_THE_END = 2**31
"""More intervals than any branch has."""

PERSISTENCE = 3
"""Intervals in a row that a dissenter has to show the same answer before it counts as persistent."""


@kernel
def agrees(e: Any, i: int, leader: int) -> bool:
    """Whether a branch votes for the leader.

    Args:
        e: the episode.
        i: the branch.
        leader: code of the answer that leads the vote, -1 for none.
    """
    return bool(leader >= 0 and e.codes[i] == leader)


@kernel
def is_dissenter(e: Any, i: int, leader: int) -> bool:
    """Whether a branch is active and unfinished, and has shown one answer, not the leader, persistently.

    Args:
        e: the episode.
        i: the branch.
        leader: code of the answer that leads the vote, -1 for none.
    """
    unfinished = transitions.can_continue(e, i)
    return bool(unfinished and leader >= 0 and e.codes[i] != leader and e.streaks[i] >= PERSISTENCE)


@kernel
def _branches_opened(action: int) -> int:
    return 1 << (action - ACTION.widen_1) if ACTION.widen_1 <= action <= ACTION.widen_4 else 0


@kernel
def _intervals(e: Any, action: int, i: int, place: int, leader: int) -> int:
    """Intervals that the round ``action`` asks of branch ``i``, the ``place``-th deepest unfinished one."""
    if action == ACTION.deepen_all_4:
        return 4
    if action == ACTION.deepen_agreeing:
        return 1 if agrees(e, i, leader) else 0
    if action == ACTION.finish_advanced:
        return TO_THE_END if place == 0 else 0
    if action == ACTION.finish_agreeing:
        return TO_THE_END if agrees(e, i, leader) else 0
    return 1


@kernel
def _prune(e: Any, action: int, leader: int) -> None:
    if action == ACTION.prune_dissenters:
        for i in range(e.count[WIDTH]):
            if is_dissenter(e, i, leader):
                transitions.prune(e, i)
    elif action == ACTION.prune_advanced and transitions.line_up(e) > 0:
        transitions.prune(e, int(e.scratch[0]))


@kernel
def take_round(e: Any, action: int, leader: int) -> None:
    """Take a round.

    Args:
        e: the episode.
        action: the round, which is admissible and not STOP.
        leader: code of the answer that leads the vote, -1 for none.
    """
    earlier = int(e.count[WIDTH])
    _prune(e, action, leader)
    opened = _branches_opened(action)
    if opened > 0:
        transitions.branch(e, opened)
    if action == ACTION.deepen_to_next:
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
    """Tell which rounds are admissible: STOP, and those that change the episode.

    ``widen_n`` also needs n branches that are not opened yet.

    Args:
        e: the episode.
        pool: whose votes count.
        mask: where to write, [len(ROUNDS)].
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
    mask[ACTION.deepen_all] = fits and unfinished > 0
    mask[ACTION.deepen_all_4] = fits and unfinished > 0
    mask[ACTION.deepen_to_next] = fits and unfinished > 0
    mask[ACTION.deepen_agreeing] = fits and agreeing
    mask[ACTION.finish_advanced] = fits and unfinished > 0
    mask[ACTION.finish_agreeing] = fits and agreeing
    for action in range(ACTION.widen_1, ACTION.widen_4 + 1):
        mask[action] = fits and left >= _branches_opened(action)
    mask[ACTION.prune_dissenters] = dissenting
    mask[ACTION.prune_advanced] = unfinished > 0


@kernel
def mask_among(e: Any, pool: int, rounds: NDArray[np.int64], mask: NDArray[Any]) -> None:
    """Tell which of some rounds are admissible.

    Args:
        e: the episode.
        pool: whose votes count.
        rounds: int64 [actions], their places in ``ROUNDS``.
        mask: where to write, [actions].
    """
    every = np.empty(len(ACTION), np.bool_)
    round_mask(e, pool, every)
    for place in range(len(rounds)):
        mask[place] = every[rounds[place]]
