"""The live episode: a replay episode whose tables are written as the model goes (design, 10).

A call that generates goes in two steps. What it needs is found by taking it on a *sketch* of the episode, a copy in
which a branch that goes on is as long as the call may want it; what is lacking is asked of the model, and the sketch is
taken again until nothing is. Then the kernel of replay runs on the tables.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np

from tts_gym.collectors.forced import ForcedAnswer
from tts_gym.datasets.store import SIGNALS
from tts_gym.episode import transitions
from tts_gym.episode.episode import METHODS, ReplayEpisode
from tts_gym.episode.state import (
    BUDGET,
    COUNT_SIZE,
    EAGER,
    INTERVAL,
    MAX_WIDTH,
    NO_BUDGET,
    PROBE_COST,
    RECORDED,
    SETUP_SIZE,
    WIDTH,
)
from tts_gym.episode.votes import confidence_table
from tts_gym.live.branch import LiveBranch, Source, Spent
from tts_gym.live.classes import GrowingClasses
from tts_gym.live.reading import AnswersOf, Final
from tts_gym.live.tables import LiveTables, SketchedTables

WORDS_AN_ADVANCE = 4
"""Words of the log that an advance may come to: the action, its repetition, a probe, and the end of its call."""

GENERATING = ("branch", "read", "advance", "advance_all", "advance_each", "finish", "probe")
"""Methods of ``Episode`` that may need something of the model."""

_COPIED = (
    *("count", "depths", "codes", "shown", "streaks", "finished", "pruned", "completions"),
    *("code_of", "class_of", "tally", "scratch"),
)


class EpisodeEnded(BaseException):  # noqa: N818 - no error: like a cancelled task, it must pass programs that catch errors.
    """An episode ends before its controller does."""


class LiveEpisode(ReplayEpisode):
    """One question being answered by a running model; see ``Episode``.

    Attributes:
        branches: what the model has written of each opened branch, and what it is writing.
        classes: the answers so far.
        spent: tokens that it took, whatever its controller was charged.
        forced: the answers that were forced, by branch and depth.
        finals: the answers of branches that ended, as far as they were looked at.
        read_answers: reads answers of the question.
    """

    count: list[int]
    setup: list[int]

    def __init__(self, source: Source, answers: AnswersOf, classes: GrowingClasses) -> None:
        """Begin; nothing is drawn yet.

        Args:
            source: what branches are drawn from.
            answers: reads answers of the question.
            classes: tells them apart.
        """
        settings, drawn = source.settings, source.settings.drawn
        rules, width = settings.rules, drawn.branches
        self._source, self.read_answers = source, answers
        self.classes = classes
        self.branches: list[LiveBranch] = []
        self.spent = Spent()
        self.forced: dict[tuple[int, int], ForcedAnswer] = {}
        self.finals: dict[int, Final] = {}
        self._changed = threading.Condition()
        self._until = None if settings.deadline is None else time.monotonic() + settings.deadline
        self._ended: str | None = None
        most_depth = -(-source.room // drawn.interval)
        self._tables = LiveTables(width, most_depth, drawn.interval, answers.signals)
        setup = np.zeros(SETUP_SIZE, np.int64)
        setup[RECORDED] = setup[MAX_WIDTH] = width
        setup[INTERVAL] = drawn.interval
        setup[BUDGET], setup[PROBE_COST], setup[EAGER] = rules.budget, rules.probe_cost, rules.eager
        places = np.zeros(width, np.int32)
        super().__init__(
            {
                "tables": self._tables,
                "confidences": confidence_table(width),
                "setup": setup,
                "order": 2 * np.arange(width),
                "count": np.zeros(COUNT_SIZE, np.int64),
                **{name: places for name in ("depths", "shown", "streaks", "completions", "scratch")},
                "codes": places - 1,
                "finished": places > 0,
                "pruned": places > 0,
                "code_of": np.full(1, -1, np.int32),
                **{name: np.zeros(1, np.int32) for name in ("class_of", "tally")},
                "log": np.zeros(WORDS_AN_ADVANCE * width * (most_depth + 1), np.int32),
            }
        )

    def take(self, kernel: Callable[..., Any], *arguments: Any, in_one_go: bool = False) -> Any:
        """Run ``kernel`` on the episode when the model has given what it needs.

        Args:
            kernel: a kernel that takes an episode first.
            arguments: its further arguments.
            in_one_go: whether how far branches go does not depend on where others end: all may be drawn at once.

        Raises:
            EpisodeEnded: the deadline has come, or the episode is ended from outside.
            LiveError: the model does not give it.
        """
        endless = in_one_go and self.setup[BUDGET] == NO_BUDGET
        while True:
            lacking, shown = self._lacking(kernel, arguments, endless)
            if not lacking and not shown:
                return kernel(self, *arguments)
            self._wait(lacking, shown)
            for i, depth in sorted(shown):
                self._write_answer(i, depth)

    def end(self, reason: str) -> None:
        """End the episode from outside, at once: what runs is cancelled, and whoever waits in it is let go."""
        self._ended = self._ended or reason
        with self._changed:
            self._changed.notify_all()

    def close(self) -> None:
        """Cancel what still runs."""
        for branch in self.branches:
            branch.stop()

    def _lacking(
        self, kernel: Callable[..., Any], arguments: tuple[Any, ...], endless: bool
    ) -> tuple[dict[int, int], set[tuple[int, int]]]:
        """What is lacking for a call: the depth of each branch that is not there yet, and the answers it reveals."""
        known = [self._write_branch(i) for i in range(len(self.branches))]
        guesses = {} if endless else self._next_ends(known)
        sketch = self._sketch(guesses)
        kernel(sketch, *arguments)
        depths: list[int] = sketch.depths[: sketch.count[WIDTH]]
        while len(self.branches) < len(depths):
            self.branches.append(LiveBranch(self._source, len(self.branches), self._changed, self.spent))
            known.append(0)
        going_on = [(i, intervals) for i, intervals in enumerate(known[: len(depths)]) if intervals is not None]
        lacking = {i: depths[i] for i, intervals in going_on if intervals < depths[i]}
        read = {self._tables.where(place) for place in sketch.tables.read if self._tables.answers[place] is None}
        return lacking, {(i, depth) for i, depth in read if guesses.get(i) != depth}

    def _next_ends(self, known: list[int | None]) -> dict[int, int]:
        """Ends of the branches that go on, were each to end in the next interval that is not there."""
        unopened = [0] * (self.setup[MAX_WIDTH] - len(known))
        return {i: intervals + 1 for i, intervals in enumerate([*known, *unopened]) if intervals is not None}

    def _sketch(self, guesses: dict[int, int]) -> Any:
        """A copy in which branches end as they are guessed to; others that go on are endless."""
        copies = {name: getattr(self, name).copy() for name in _COPIED}
        shared = {name: getattr(self, name) for name in ("setup", "order", "confidences")}
        tables = SketchedTables(self._tables, guesses, self._source.settings.drawn.interval)
        return SimpleNamespace(**copies, **shared, tables=tables, log=())

    def _wait(self, lacking: dict[int, int], shown: set[tuple[int, int]]) -> None:
        """Wait until branches are at depths and answers are there, which are asked for; or the branches have ended."""
        wanted = {i: (depth, False) for i, depth in lacking.items()}
        wanted |= {i: (depth, True) for i, depth in shown}
        for i, (depth, is_shown) in wanted.items():
            self.branches[i].want(depth, is_shown)
        waited = [(self.branches[i], depth, is_shown) for i, (depth, is_shown) in wanted.items()]
        with self._changed:
            while not all(
                branch.has_reached(depth) and (not is_shown or branch.has_shown(depth))
                for branch, depth, is_shown in waited
            ):
                self._check(branch for branch, *_ in waited)
                left = None if self._until is None else self._until - time.monotonic()
                self._changed.wait(left)
        self._check(())

    def _check(self, branches: Iterable[LiveBranch]) -> None:
        if self._until is not None and time.monotonic() >= self._until:
            self._ended = self._ended or "deadline"
        if self._ended is not None:
            raise EpisodeEnded(self._ended)
        for branch in branches:
            branch.check()

    def _write_branch(self, i: int) -> int | None:
        """Write what has come of branch ``i``; return its whole intervals while it goes on, None when it has ended."""
        branch, tables = self.branches[i], self._tables
        with self._changed:
            signals = {name: branch.signals.get(name, []) for name in self.read_answers.signals}
            intervals, ended = branch.intervals, branch.ended
            if ended:
                tables.end(i, branch.last_depth, branch.length)
            for name, values in signals.items():
                rows = tables.signal_place(i, 1) + np.arange(min(len(values), intervals))
                tables.signals[rows, tables.signal_column[SIGNALS.index(name)]] = values[: len(rows)]
        return None if ended else intervals

    def _write_answer(self, i: int, depth: int) -> None:
        """Write the answer of branch ``i`` at ``depth``, or at its end where that comes first, if it is there."""
        branch, tables = self.branches[i], self._tables
        depth = min(depth, branch.last_depth) if branch.ended else depth
        place = tables.place(i, depth)
        if branch.ended and depth == branch.last_depth:
            self.finals[i] = self.read_answers.final(branch)
            answer = self.finals[i].answer
        elif depth not in branch.forced:
            return
        else:
            forced = self.read_answers.forced(branch.forced[depth])
            self.forced[i, depth] = forced
            answer = forced.answer
            column = tables.signal_column[SIGNALS.index("answer_logprob")]
            if column >= 0:
                tables.signals[tables.signal_place(i, depth), column] = forced.logprob
        tables.answers[place] = self.classes.number(answer)
        for name in ("class_of", "tally", "code_of"):
            numbers: list[int] = getattr(self, name)
            numbers.extend([-1 if name == "code_of" else 0] * (len(self.classes.texts) - len(numbers)))

    def prune(self, i: int) -> bool:
        """Episode.prune; what the branch is writing is cancelled."""
        done = transitions.prune(self, i)
        self.branches[i].stop()
        return done


def _generating(name: str) -> Callable[..., Any]:
    kernel = METHODS[name]

    def method(self: LiveEpisode, *arguments: Any, **named: Any) -> Any:
        return self.take(partial(kernel, **named), *arguments, in_one_go=True)

    method.__name__, method.__doc__ = name, kernel.__doc__
    return method


for _name in GENERATING:
    setattr(LiveEpisode, _name, _generating(_name))
