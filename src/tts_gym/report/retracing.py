"""An episode taken again by its log, and watched: what decided it is not there, or may not run here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from tts_gym.datasets.store import ReplayStore
from tts_gym.episode import transitions
from tts_gym.episode.actions import BRANCH, CONTINUE, END, PROBE
from tts_gym.episode.episode import Note
from tts_gym.episode.recount import generate, recount
from tts_gym.episode.rules import EpisodeRules
from tts_gym.errors import TTSGymError
from tts_gym.report.watching import WatchedEpisode, begun


def retrace(
    log: Sequence[int],
    notes: Sequence[Note],
    store: ReplayStore,
    question: int,
    order: Sequence[int],
    rules: EpisodeRules,
) -> WatchedEpisode:
    """Take an episode again; a step is what was done in one call.

    Args:
        log: words, see ``episode.actions``; they may be anything.
        notes: what was noted, in order.
        store: what the episode ran over.
        question: index of the question.
        order: its branches in the order in which they are opened.
        rules: spending and accounting.

    Raises:
        TTSGymError: no episode has that log.
    """
    try:
        words = np.array(log, np.int32)
        recount(begun(store, question, order, rules), words)
    except (ValueError, IndexError, OverflowError, TypeError) as error:
        raise TTSGymError(f"What it decided does not fit the branches ({error}).") from error
    e: Any = begun(store, question, order, rules)
    left = list(notes)
    moved: list[tuple[int, int, int]] = []
    begin, longest = 0, 0
    for action, run in _actions(words.tolist()):
        i, kind = divmod(action - 2, 3)
        if action == BRANCH or (action != END and kind == CONTINUE):
            spent = e.tokens
            branch = generate(e, action, max(1, run // 2), run % 2 == 1)
            moved.append((action, branch, run))
            longest = max(longest, e.tokens - spent)
            continue
        e.notes += _until(left, begin)
        if action == END:
            transitions.end_step(e, longest)
            e.keep_step(_told(moved))
            moved, longest = [], 0
        else:
            take = transitions.probe if kind == PROBE else transitions.prune
            take(e, i)
            e.keep_step(f"{take.__name__}({i})")
        begin = e.tokens
    e.notes += left
    return e  # type: ignore[no-any-return]


def _actions(log: Sequence[int]) -> Iterator[tuple[int, int]]:
    """The actions of a log, each with its word on how it went on, 0 without one."""
    for word, after in pairwise([*log, END]):
        if word >= 0:
            yield word, max(0, -after)


def _until(notes: list[Note], tokens: int) -> list[Note]:
    """Take the first of ``notes`` away, those that were made when no more than ``tokens`` were spent."""
    taken = 0
    while taken < len(notes) and notes[taken].tokens <= tokens:
        taken += 1
    first = notes[:taken]
    del notes[:taken]
    return first


def _told(moved: Sequence[tuple[int, int, int]]) -> str:
    """A call of a program that does what was done."""
    wholes = {run % 2 == 1 for _, _, run in moved}
    if all(action == BRANCH for action, _, _ in moved):
        return f"{'read' if wholes == {True} else 'branch'}({len(moved)})"
    if len(moved) > 1:
        return f"advance_each({len(moved)} branches)"
    ((_, branch, run),) = moved
    if wholes == {True}:
        return f"finish({branch})"
    return f"advance({branch}, {run // 2})" if run > 3 else f"advance({branch})"
