"""The actions of ``TTSWidthDepthRounds-v1``: each is a round of atomic actions on several branches at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tts_gym.envs.features import places
from tts_gym.episode import costs, transitions, votes
from tts_gym.episode.actions import STOP
from tts_gym.episode.state import COMPLETED, INTERVAL, MAX_WIDTH, RECORDED, TOKENS, WIDTH, kernel

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
``deepen_to_next`` and ``deepen_to_limit``, where all take one interval after the other together."""

MORE_ROUNDS = {
    "open_1": "BRANCH",
    "open_4": "BRANCH four times",
    "read_1": "BRANCH, and the new one is read to its end without a look on the way",
    "deepen_to_limit": "deepen_to_next, or until the deepest comes to the limit if one had finished before",
    "replace_1": "BRANCH, then deepen_to_limit",
    "give_up": "PRUNE(i) for the deepest unfinished one, and for those that are as deep",
    "give_up_dissenter": "PRUNE(i) for the most persistent dissenter",
}
"""What follows them unless ``extended=False``. The limit is that of ``limit_of``; beyond it ``deepen_to_limit`` goes
interval by interval, so that a policy decides when to give up."""

ALL_ROUNDS = {**ROUNDS, **MORE_ROUNDS}

ACTION = places(ALL_ROUNDS)
"""Each action by its name, as ``ACTION.widen_1``."""

TO_THE_END = 2**31
"""More intervals than any branch has."""

FINISHED_SHARE, MEAN_SHARE = 0.4, 0.65
"""What the limit takes of the mean depth of the finished branches and of the store's mean branch: at or a little below
the depths at which ``crew`` and ``relay`` give up."""

PERSISTENCE = 3
"""Intervals in a row that a dissenter has to show the same answer before it counts as persistent."""


def rounds_of(extended: bool) -> Mapping[str, str]:
    """The rounds of an environment, with the further ones if it is ``extended``."""
    return ALL_ROUNDS if extended else ROUNDS


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
    if ACTION.widen_1 <= action <= ACTION.widen_4:
        return int(1 << (action - ACTION.widen_1))
    if action == ACTION.open_4:
        return 4
    return 1 if action == ACTION.open_1 or action == ACTION.replace_1 else 0


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
    elif action == ACTION.give_up and transitions.line_up(e) > 0:
        deepest = e.depths[e.scratch[0]]
        for i in range(e.count[WIDTH]):
            if transitions.can_continue(e, i) and e.depths[i] == deepest:
                transitions.prune(e, i)
    elif action == ACTION.give_up_dissenter:
        transitions.prune(e, most_persistent(e, leader))


@kernel
def most_persistent(e: Any, leader: int) -> int:
    """The persistent dissenter with the longest streak, ties by index; -1 for none.

    Args:
        e: the episode.
        leader: code of the answer that leads the vote, -1 for none.
    """
    longest = -1
    for i in range(e.count[WIDTH]):
        if is_dissenter(e, i, leader) and (longest < 0 or e.streaks[i] > e.streaks[longest]):
            longest = i
    return longest


@kernel
def take_round(e: Any, action: int, leader: int, branch_tokens: float) -> None:
    """Take a round.

    Args:
        e: the episode.
        action: the round, which is admissible and not STOP.
        leader: code of the answer that leads the vote, -1 for none.
        branch_tokens: the store's mean branch length in tokens.
    """
    earlier = int(e.count[WIDTH])
    _prune(e, action, leader)
    opened = _branches_opened(action)
    if opened > 0:
        transitions.branch(e, opened)
    if action == ACTION.read_1:
        transitions.read(e, 1)
    elif action == ACTION.deepen_to_next:
        _deepen_together(e, np.inf)
    elif action in (ACTION.deepen_to_limit, ACTION.replace_1):
        _deepen_together(e, limit_of(e, branch_tokens))
    elif action not in (ACTION.open_1, ACTION.open_4, ACTION.give_up, ACTION.give_up_dissenter):
        _deepen(e, action, earlier, leader)


@kernel
def limit_of(e: Any, branch_tokens: float) -> float:
    """The depth from which on a branch is long beside the finished ones, in intervals; infinite while none is finished.

    Args:
        e: the episode.
        branch_tokens: the store's mean branch length in tokens.
    """
    total = 0
    for k in range(e.count[COMPLETED]):
        total += e.depths[e.completions[k]]
    if e.count[COMPLETED] == 0:
        return np.inf
    return float(FINISHED_SHARE * total / e.count[COMPLETED] + MEAN_SHARE * branch_tokens / e.setup[INTERVAL])


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
def _deepen_together(e: Any, limit: float) -> None:
    """Advance all branches interval by interval until one finishes or comes to the depth ``limit``, or none can."""
    began, completed, reading = e.count[TOKENS], e.count[COMPLETED], transitions.line_up(e)
    spent = np.zeros(reading, np.int64)
    advanced, moved, deepest = 0, reading, 0
    while moved > 0 and e.count[COMPLETED] == completed and deepest < limit:
        moved = 0
        for place in range(reading):
            i = int(e.scratch[place])
            before = e.count[TOKENS]
            moved += transitions.extend(e, i, 1)
            spent[place] += e.count[TOKENS] - before
            deepest = max(deepest, int(e.depths[i]))
        advanced += moved
    if advanced > 0 or e.count[TOKENS] > began:
        transitions.end_step(e, spent.max())


@kernel
def round_mask(e: Any, pool: int, mask: NDArray[Any]) -> None:
    """Tell which rounds are admissible: STOP, and those that change the episode.

    Those that open n branches also need n that are not opened yet.

    Args:
        e: the episode.
        pool: whose votes count.
        mask: where to write, [len(ROUNDS)], or [len(ALL_ROUNDS)] with the further ones.
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
    if len(mask) <= ACTION.open_1:
        return
    mask[ACTION.open_1] = mask[ACTION.read_1] = mask[ACTION.replace_1] = fits and left >= 1
    mask[ACTION.open_4] = fits and left >= 4
    mask[ACTION.deepen_to_limit] = fits and unfinished > 0
    mask[ACTION.give_up] = unfinished > 0
    mask[ACTION.give_up_dissenter] = dissenting
