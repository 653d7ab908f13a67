"""Recounting an episode from its log alone: what was done, and so what it cost and what it showed.

The log may be anything. Each of its actions is taken by the kernels that everything else uses; these write words of
their own, and if these are the same, it is what happened. Most actions are single intervals in the middle of a branch,
of which nothing but the answer is new: those pass without the kernels, to the same effect.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tts_gym.datasets.store import ReplayStore
from tts_gym.episode import costs, transitions
from tts_gym.episode.actions import BRANCH, CONTINUE, END, PROBE
from tts_gym.episode.rules import EpisodeRules
from tts_gym.episode.state import (
    BUDGET,
    EAGER,
    INTERVAL,
    LOGGED,
    MAX_WIDTH,
    NO_BUDGET,
    PROBES,
    PUBLISHED,
    TOKENS,
    WIDTH,
    kernel,
)

MOST_WRITTEN = 2
"""Words that an action writes at most."""


def longest_log(store: ReplayStore, rules: EpisodeRules) -> NDArray[np.int64]:
    """Words that the log of an episode may have at most, int64 [questions].

    A branch of D advances takes D words for them, one more if it is read whole, D for the ends of calls, one to be
    pruned, and D for probes where an advance does not reveal. An interval in which the budget runs out takes three.

    Args:
        store: what is replayed.
        rules: spending and accounting.
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
        e: an episode that was reset; its own log has room for ``MOST_WRITTEN`` words at least.
        log: int32, anything.

    Raises:
        ValueError, IndexError: no episode has that log; where that showed, the counts are of no meaning.
    """
    width, interval = int(e.setup[MAX_WIDTH]), int(e.setup[INTERVAL])
    last_call, first, plain_until = np.zeros(width, np.int64), np.zeros(width, np.int64), np.zeros(width, np.int64)
    call, longest, passed = 1, 0, 0
    within_call = False
    place = 0
    while place < len(log):
        begin, action, run = place, int(log[place]), 0
        place += 1
        if place < len(log) and log[place] < 0:
            run = -int(log[place])
            place += 1
        i, kind = (action - 2) // 3, (action - 2) % 3
        if kind == CONTINUE and run == 0 and 0 <= i < e.count[WIDTH] and e.depths[i] < plain_until[i]:
            _check_once(last_call, i, call)
            _pass(e, i, first[i])
            passed, longest, within_call = passed + 1, max(longest, interval), True
            continue
        e.count[LOGGED] = 0
        if action == END:
            if not within_call:
                raise ValueError("a log ends a call that generated no token")
            transitions.end_step(e, longest)
            call, longest, within_call = call + 1, 0, False
        elif action == BRANCH or kind == CONTINUE:
            before = e.count[TOKENS]
            i = generate(e, action, run // 2 if run > 0 else 1, run % 2 == 1)
            _check_once(last_call, i, call)
            first[i], plain_until[i] = e.tables.answer_start[costs.row_of(e, i)], _plain_until(e, i)
            spent = e.count[TOKENS] - before
            longest, within_call = max(longest, spent) if within_call else spent, True
        elif within_call:
            raise ValueError("a log has a probe or a pruning within a call that generates tokens")
        else:
            _look_or_prune(e, i, kind, plain_until)
        _check_words(e, log, begin, place)
    if within_call:
        raise ValueError("a log ends within a call")
    transitions.charge(e, passed * interval)
    e.count[PROBES] += passed
    e.count[LOGGED] = len(log)
    _tell_last(e, first)


@kernel
def _pass(e: Any, i: int, first: int) -> None:
    """Let branch ``i``, whose answers begin at ``first``, through a plain interval that is charged later."""
    depth = int(e.depths[i])
    if e.code_of[e.tables.answers[first + depth]] < 0:
        transitions.reveal(e, i, depth)
    e.depths[i] = depth + 1
    e.shown[i] = depth + 1


@kernel
def _tell_last(e: Any, first: NDArray[np.int64]) -> None:
    """Note the answer that each branch showed last, which a plain interval leaves out."""
    for i in range(e.count[WIDTH]):
        if e.shown[i] > 0:
            e.codes[i] = e.code_of[e.tables.answers[first[i] + e.shown[i] - 1]]


@kernel
def _look_or_prune(e: Any, i: int, kind: int, plain_until: NDArray[np.int64]) -> None:
    if kind == PROBE:
        transitions.probe(e, i)
    else:
        transitions.prune(e, i)
        plain_until[i] = 0


@kernel
def _plain_until(e: Any, i: int) -> int:
    """Depth up to which each advance of branch ``i`` costs an interval, shows its answer and does not end the branch.

    All that ``transitions.extend`` would ask on the way is settled.
    """
    if not e.setup[EAGER] or e.setup[BUDGET] != NO_BUDGET or not transitions.can_continue(e, i):
        return 0
    row = costs.row_of(e, i)
    probes = costs.last_depth(e, row) - 1
    return probes if e.setup[PUBLISHED] else min(probes, int(e.tables.tokens[row]) // int(e.setup[INTERVAL]))


@kernel
def generate(e: Any, action: int, times: int, whole: bool) -> int:
    """Let a branch go on, a new one if ``action`` is BRANCH, within a call that ``transitions.end_step`` ends.

    Args:
        e: the episode.
        action: BRANCH, or the number of CONTINUE on a branch.
        times: intervals that it begins.
        whole: whether it is read to its end without a look on the way.

    Returns:
        Which branch it is.

    Raises:
        ValueError, IndexError: there is no such branch, or none is left to be opened.
    """
    if action == BRANCH:
        if not transitions.open_branch(e, whole):
            raise ValueError("a log opens a branch that is not left, or beyond the budget")
        return int(e.count[WIDTH]) - 1
    i = (action - 2) // 3
    transitions.check_branch(e, i)
    if whole and e.depths[i] > 1:
        raise ValueError("a log reads a branch whole whose answers it has looked at")
    transitions.extend(e, i, costs.last_depth(e, costs.row_of(e, i)) if whole else times, whole)
    return i


@kernel
def _check_once(last_call: NDArray[np.int64], i: int, call: int) -> None:
    """Refuse a branch that goes on again in the same call, as parallel branches go on once each."""
    if last_call[i] == call:
        raise ValueError("a log lets a branch go on twice in a call")
    last_call[i] = call


@kernel
def _check_words(e: Any, log: NDArray[np.int32], begin: int, end: int) -> None:
    """Refuse an action whose words in ``log``, from ``begin`` to ``end``, are not those that it writes."""
    same = end - begin == e.count[LOGGED]
    for place in range(min(end - begin, e.count[LOGGED])):
        same &= log[begin + place] == e.log[place]
    if not same:
        raise ValueError("a log tells of what did not happen")
