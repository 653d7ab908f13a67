"""What a model has written of a question and is writing, in the tables that kernels read."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Mapping

import numpy as np

from tts_gym.collectors.forced import ForcedAnswer
from tts_gym.collectors.questions import Question
from tts_gym.datasets.signals import SIGNALS
from tts_gym.live.branch import LiveBranch, Source, Spent
from tts_gym.live.classes import GrowingClasses
from tts_gym.live.reading import AnswersOf, Final
from tts_gym.live.tables import LiveTables

_OF_THE_PROBE = SIGNALS.index("answer_logprob")


class EpisodeEnded(BaseException):  # noqa: N818 - no error: like a cancelled task, it must pass programs that catch errors.
    """An episode ends before its controller does."""


class LiveQuestion:
    """A question that a model works on.

    Attributes:
        asked: the question.
        source: what branches are drawn from.
        answers: reads answers to the question.
        classes: the answers so far.
        branches: what has been begun, in order.
        tables: what is known of it.
        forced: the answers that were forced, by branch and depth.
        finals: the answers of branches that ended, as far as they were looked at.
        spent: tokens that it took.
        ended: why it was ended from outside, or by the deadline; else None.
    """

    def __init__(
        self,
        asked: Question,
        source: Source,
        answers: AnswersOf,
        classes: GrowingClasses,
        deadline: float | None = None,
    ) -> None:
        """Begin; nothing is drawn yet, but the deadline counts from here.

        Args:
            asked: the question.
            source: what branches are drawn from.
            answers: reads answers to the question.
            classes: tells them apart.
            deadline: seconds from now on after which it ends; None for no limit.
        """
        drawn = source.settings.drawn
        self.asked, self.source, self.answers, self.classes = asked, source, answers, classes
        self.branches: list[LiveBranch] = []
        self.most_depth = -(-source.room // drawn.interval)
        self.tables = LiveTables(drawn.branches, self.most_depth, drawn.interval, answers.signals)
        self.forced: dict[tuple[int, int], ForcedAnswer] = {}
        self.finals: dict[int, Final] = {}
        self.spent = Spent()
        self.ended: str | None = None
        self._changed = threading.Condition()
        self._until = None if deadline is None else time.monotonic() + deadline

    def begin(self, number: int) -> None:
        """Have ``number`` branches ready to be drawn."""
        while len(self.branches) < number:
            self.branches.append(LiveBranch(self.source, len(self.branches), self._changed, self.spent))

    def written(self) -> list[int | None]:
        """Write what has come into the tables.

        Returns:
            The whole intervals of each branch that goes on, None for one that has ended.
        """
        with self._changed:
            return [self._write_branch(branch) for branch in self.branches]

    def fetch(self, depths: Mapping[int, int], shown: Iterable[tuple[int, int]]) -> None:
        """Wait until the model has given what is lacking, together.

        Args:
            depths: the depth, in intervals, that each branch is to be written to, or to its end.
            shown: branches and depths whose answers are wanted; at its end where a branch ends before.

        Raises:
            EpisodeEnded: the deadline has come, or the question is ended from outside.
            LiveError: the model does not give it.
        """
        wanted = {(i, depth): False for i, depth in depths.items()} | dict.fromkeys(shown, True)
        for (i, depth), is_shown in wanted.items():
            self.branches[i].want(depth, is_shown)
        with self._changed:
            while not all(self._is_there(i, depth, is_shown) for (i, depth), is_shown in wanted.items()):
                for i, _ in wanted:
                    self.branches[i].check()
                self.check()
                self._changed.wait(None if self._until is None else max(0.0, self._until - time.monotonic()))
        self.check()
        for (i, depth), is_shown in sorted(wanted.items()):
            if is_shown:
                self._write_answer(i, depth)

    def check(self) -> None:
        """Refuse to go on after the end.

        Raises:
            EpisodeEnded: the deadline has come, or the question is ended from outside.
        """
        if self.ended is None and self._until is not None and time.monotonic() >= self._until:
            self.ended = "deadline"
        if self.ended is not None:
            raise EpisodeEnded(self.ended)

    def end(self, reason: str) -> None:
        """End it from outside, at once: what runs is cancelled, and whoever waits is let go."""
        with self._changed:
            self.ended = self.ended or reason
            self._changed.notify_all()
        self.stop()

    def stop(self) -> None:
        """Cancel what still runs."""
        for branch in self.branches:
            branch.stop()

    def _is_there(self, i: int, depth: int, is_shown: bool) -> bool:
        branch = self.branches[i]
        return branch.has_reached(depth) and (not is_shown or branch.has_shown(depth))

    def _write_branch(self, branch: LiveBranch) -> int | None:
        tables, i = self.tables, branch.number
        if branch.ended:
            tables.end(i, branch.last_depth, branch.length)
        for name, values in branch.signals.items():
            if name in self.answers.signals:
                rows = tables.signal_place(i, 1) + np.arange(min(len(values), branch.intervals))
                tables.signals[rows, tables.signal_column[SIGNALS.index(name)]] = values[: len(rows)]
        return None if branch.ended else branch.intervals

    def _write_answer(self, i: int, depth: int) -> None:
        """Write the answer of branch ``i`` at ``depth``, or at its end where that comes first, if it is there."""
        branch, tables = self.branches[i], self.tables
        depth = min(depth, branch.last_depth) if branch.ended else depth
        if branch.ended and depth == branch.last_depth:
            self.finals[i] = self.answers.final(branch)
            answer = self.finals[i].answer
        elif depth in branch.forced:
            self.forced[i, depth] = self.answers.forced(branch.forced[depth])
            answer = self.forced[i, depth].answer
            if (column := tables.signal_column[_OF_THE_PROBE]) >= 0:
                tables.signals[tables.signal_place(i, depth), column] = self.forced[i, depth].logprob
        else:
            return
        tables.answers[tables.place(i, depth)] = self.classes.number(answer)
