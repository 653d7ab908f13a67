"""Recounting an episode from its log alone: what was done, and so what it cost and what it showed.

The log may be anything. Each of its actions is taken by the kernels that everything else uses; these write a log of
their own, and if that is the same, it is what happened.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tts_gym.datasets.store import ReplayStore
from tts_gym.envs import transitions
from tts_gym.envs.actions import BRANCH, CONTINUE, END, PROBE
from tts_gym.envs.episode import EpisodeRules
from tts_gym.envs.state import LOGGED, MAX_WIDTH, TOKENS, WIDTH, kernel


def longest_log(store: ReplayStore, rules: EpisodeRules) -> NDArray[np.int64]:
    """Words that the log of an episode may have at most, int64 [questions].

    A branch of D advances takes D words for them, one more if it is read whole, D for the ends of calls, one to be
    pruned, and D for probes where an advance does not reveal. An interval in which the budget runs out takes three.
    """
    advances = np.add.reduceat(np.diff(store.tables.answer_start), store.tables.branch_start[:-1])
    return (2 if rules.eager else 3) * advances + 2 * store.branch_counts + 3


def log_of(e: Any) -> list[int]:
    """The log of an episode so far."""
    return [int(word) for word in e.log[: e.count[LOGGED]]]


@kernel
def recount(e: Any, log: NDArray[np.int32]) -> None:
    """Take the actions of ``log``, which leaves in ``e.count`` what they cost.

    Args:
        e: an episode that was reset; it keeps a log, no shorter than ``log``.
        log: int32, anything.

    Raises:
        ValueError, IndexError: no episode has that log; where that showed, the counts are of no meaning.
    """
    if len(log) > len(e.log):
        raise ValueError("a log is longer than any episode's")
    last_call = np.zeros(e.setup[MAX_WIDTH], np.int64)
    call, longest = 1, 0
    within_call = False
    place = 0
    while place < len(log):
        action, run = int(log[place]), 0
        place += 1
        if place < len(log) and log[place] < 0:
            run = -int(log[place])
            place += 1
        if action == END:
            if not within_call:
                raise ValueError("a log ends a call that generated no token")
            transitions.end_step(e, longest)
            call, longest = call + 1, 0
            within_call = False
        elif action == BRANCH or (action - 2) % 3 == CONTINUE:
            before = e.count[TOKENS]
            i = _generate(e, action, run // 2 if run > 0 else 1, run % 2 == 1)
            _check_once(last_call, i, call)
            spent = e.count[TOKENS] - before
            longest = max(longest, spent) if within_call else spent
            within_call = True
        elif within_call:
            raise ValueError("a log has a probe or a pruning within a call that generates tokens")
        elif (action - 2) % 3 == PROBE:
            transitions.probe(e, (action - 2) // 3)
        else:
            transitions.prune(e, (action - 2) // 3)
    if within_call:
        raise ValueError("a log ends within a call")
    _check_log(e, log)


@kernel
def _generate(e: Any, action: int, times: int, whole: bool) -> int:
    """Let a branch go on, a new one if ``action`` is BRANCH; return which."""
    if action == BRANCH:
        if not transitions.open_branch(e, whole):
            raise ValueError("a log opens a branch that is not left, or beyond the budget")
        return int(e.count[WIDTH]) - 1
    i = (action - 2) // 3
    transitions.check_branch(e, i)
    if whole and e.depths[i] > 1:
        raise ValueError("a log reads a branch whole whose answers it has looked at")
    transitions.extend(e, i, transitions.last_depth(e, transitions.row_of(e, i)) if whole else times, whole)
    return i


@kernel
def _check_once(last_call: NDArray[np.int64], i: int, call: int) -> None:
    """Refuse a branch that goes on again in the same call, as parallel branches go on once each."""
    if last_call[i] == call:
        raise ValueError("a log lets a branch go on twice in a call")
    last_call[i] = call


@kernel
def _check_log(e: Any, log: NDArray[np.int32]) -> None:
    """Refuse ``log`` if it is not the one that its actions write."""
    differing = e.count[LOGGED] - len(log)
    for place in range(min(len(log), e.count[LOGGED])):
        differing |= log[place] ^ e.log[place]
    if differing != 0:
        raise ValueError("a log tells of what did not happen")
