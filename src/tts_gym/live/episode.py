"""The live episode: a replay episode whose tables are written as the model goes (design, 10).

A call that generates goes in two steps. What it needs is found by taking it on a *sketch* of the episode, a copy in
which a branch that goes on is as long as the call may want it; what is lacking is asked of the model, and the sketch is
taken again until nothing is. Then the kernel of replay runs on the tables.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np

from tts_gym.episode import transitions
from tts_gym.episode.episode import ReplayEpisode
from tts_gym.episode.methods import METHODS
from tts_gym.episode.rules import EpisodeRules
from tts_gym.episode.state import (
    BUDGET,
    COUNT_SIZE,
    EAGER,
    INTERVAL,
    MAX_WIDTH,
    NO_BUDGET,
    PROBE_COST,
    PUBLISHED,
    RECORDED,
    SETUP_SIZE,
    WIDTH,
)
from tts_gym.episode.votes import confidence_table
from tts_gym.live.question import LiveQuestion
from tts_gym.live.tables import SketchedTables

WORDS_AN_ADVANCE = 4
"""Words of the log that an advance may come to: the action, its repetition, a probe, and the end of its call."""

GENERATING = ("branch", "read", "advance", "advance_all", "advance_each", "finish", "probe")
"""Methods of ``Episode`` that may need something of the model."""

_COPIED = (
    *("count", "depths", "codes", "shown", "streaks", "invalids", "finished", "pruned", "completions"),
    *("code_of", "class_of", "tally", "scratch"),
)
_SHARED = ("setup", "order", "confidences")


class LiveEpisode(ReplayEpisode):
    """One question being answered by a running model; see ``Episode``.

    Several episodes, one after another, may be of the same question: what was written for the first is there for the
    next, which is charged for it anew.

    Attributes:
        question: what the model has written.
    """

    count: list[int]
    setup: list[int]
    completions: list[int]
    codes: list[int]
    class_of: list[int]

    def __init__(self, question: LiveQuestion, rules: EpisodeRules) -> None:
        """Begin; nothing is drawn yet.

        Args:
            question: what the model works on.
            rules: what may be spent and how it is charged.
        """
        self.question = question
        drawn = question.source.settings.drawn
        width = drawn.branches
        setup = np.zeros(SETUP_SIZE, np.int64)
        setup[RECORDED] = setup[MAX_WIDTH] = width
        setup[INTERVAL] = drawn.interval
        setup[BUDGET], setup[PROBE_COST] = rules.budget, rules.probe_cost
        setup[PUBLISHED], setup[EAGER] = rules.published, rules.eager
        places, classes = np.zeros(width, np.int32), np.zeros(0, np.int32)
        super().__init__(
            {
                "tables": question.tables,
                "confidences": confidence_table(width),
                "setup": setup,
                "order": 2 * np.arange(width),
                "count": np.zeros(COUNT_SIZE, np.int64),
                **{name: places for name in ("depths", "shown", "streaks", "invalids", "completions", "scratch")},
                "codes": places - 1,
                "finished": places > 0,
                "pruned": places > 0,
                **{name: classes for name in ("code_of", "class_of", "tally")},
                "log": np.zeros(WORDS_AN_ADVANCE * width * (question.most_depth + 1), np.int32),
            }
        )
        self._make_room_for_classes()

    def take(self, kernel: Callable[..., Any], *arguments: Any, in_one_go: bool = False) -> Any:
        """Run ``kernel`` on the episode when the model has given what it needs.

        Args:
            kernel: a kernel that takes an episode first.
            arguments: its further arguments.
            in_one_go: whether how far branches go does not depend on where others end: all may be drawn at once.

        Raises:
            EpisodeEnded: the deadline has come, or the question is ended from outside.
            LiveError: the model does not give it.
        """
        endless = in_one_go and self.setup[BUDGET] == NO_BUDGET
        self.question.check()
        while True:
            depths, shown = self._lacking(kernel, arguments, endless)
            if not depths and not shown:
                return kernel(self, *arguments)
            self.question.fetch(depths, shown)
            self._make_room_for_classes()

    def prune(self, i: int) -> bool:
        """Episode.prune; what the branch is writing is cancelled."""
        done = transitions.prune(self, i)
        self.question.branches[i].stop()
        return done

    def _lacking(
        self, kernel: Callable[..., Any], arguments: tuple[Any, ...], endless: bool
    ) -> tuple[dict[int, int], set[tuple[int, int]]]:
        """What is lacking for a call: the depth of each branch that is not there yet, and the answers it reveals."""
        written = self.question.written()
        guesses = {} if endless else self._next_ends(written)
        sketch = self._sketch(guesses)
        kernel(sketch, *arguments)
        depths: list[int] = sketch.depths[: sketch.count[WIDTH]]
        self.question.begin(len(depths))
        written += [0] * (len(depths) - len(written))
        going_on = [(i, intervals) for i, intervals in enumerate(written[: len(depths)]) if intervals is not None]
        tables = self.question.tables
        read = {tables.where(place) for place in sketch.tables.read if tables.answers[place] is None}
        return (
            {i: depths[i] for i, intervals in going_on if intervals < depths[i]},
            {(i, depth) for i, depth in read if guesses.get(i) != depth},
        )

    def _next_ends(self, written: list[int | None]) -> dict[int, int]:
        """Ends of the branches that go on, were each to end in the next interval that is not there."""
        unopened = [0] * (self.setup[MAX_WIDTH] - len(written))
        return {i: intervals + 1 for i, intervals in enumerate([*written, *unopened]) if intervals is not None}

    def _sketch(self, guesses: dict[int, int]) -> Any:
        """A copy in which branches end as they are guessed to; others that go on are endless."""
        copies = {name: getattr(self, name).copy() for name in _COPIED}
        shared = {name: getattr(self, name) for name in _SHARED}
        tables = SketchedTables(self.question.tables, guesses, self.setup[INTERVAL])
        return SimpleNamespace(**copies, **shared, tables=tables, log=())

    def _make_room_for_classes(self) -> None:
        for name, nothing in (("class_of", 0), ("tally", 0), ("code_of", -1)):
            numbers: list[int] = getattr(self, name)
            numbers.extend([nothing] * (len(self.question.classes.texts) - len(numbers)))


def _generating(name: str) -> Callable[..., Any]:
    kernel = METHODS[name]

    def method(self: LiveEpisode, *arguments: Any, **named: Any) -> Any:
        return self.take(partial(kernel, **named), *arguments, in_one_go=True)

    method.__name__, method.__doc__ = name, kernel.__doc__
    return method


for _name in GENERATING:
    setattr(LiveEpisode, _name, _generating(_name))
