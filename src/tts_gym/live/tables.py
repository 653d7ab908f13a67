"""The tables of a live episode: those of replay, written as the model goes.

Branch ``i`` owns row ``2 i`` and a slot of answers as long as any branch may need; row ``2 i + 1`` is where its answers
end. While the branch goes on, that is the end of its slot: to the kernels it is a branch whose end is far away.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tts_gym.datasets.signals import SIGNALS
from tts_gym.datasets.store import INVALID


class LiveTables:
    """What the kernels read of ``datasets.Tables``, for one question.

    Attributes:
        slot: places that a branch has for its answers, one more than its most advances.
        tokens: a length for each row.
        answer_start: the place of the first answer of each row.
        answers: class at each place; None where it is not known.
        signal_column: column of each of ``SIGNALS``, -1 where it is not recorded.
        signals: float32, as in ``Tables``; NaN where it is not known.
    """

    def __init__(self, branches: int, most_depth: int, interval: int, signals: Sequence[str]) -> None:
        """Make room.

        Args:
            branches: most branches.
            most_depth: most advances of a branch.
            interval: tokens of an interval (Δ).
            signals: names of the recorded signals.
        """
        self.slot = most_depth + 1
        self._interval = interval
        self.tokens = [self.slot * interval] * (2 * branches)
        self.answer_start = [self.slot * ((row + 1) // 2) for row in range(2 * branches + 1)]
        self.answers: list[int | None] = [None] * (self.slot * branches)
        self.signal_column = [signals.index(name) if name in signals else -1 for name in SIGNALS]
        self.signals: NDArray[np.float32] = np.full((len(self.answers), len(signals)), np.nan, np.float32)

    def end(self, branch: int, depth: int, tokens: int) -> None:
        """Note that a branch has ended.

        Args:
            branch: its number.
            depth: the advance that finishes it.
            tokens: its length.
        """
        self.tokens[2 * branch] = tokens
        self.answer_start[2 * branch + 1] = self.answer_start[2 * branch] + depth

    def place(self, branch: int, depth: int) -> int:
        """Where an answer stands.

        Args:
            branch: number of the branch.
            depth: the intervals after which it is given, from 1.
        """
        return self.answer_start[2 * branch] + depth - 1

    def where(self, place: int) -> tuple[int, int]:
        """The branch and depth of an answer's place."""
        return place // self.slot, place % self.slot + 1

    def signal_place(self, branch: int, interval: int) -> int:
        """Row of ``signals`` of an interval.

        Args:
            branch: number of the branch.
            interval: 1, 2, …
        """
        return self.answer_start[2 * branch] - 2 * branch + interval - 1


class SketchedTables:
    """Tables in which branches that go on end at a guess, and answers that are not known are invalid.

    Attributes:
        read: places of ``answers`` that were read.
    """

    def __init__(self, tables: LiveTables, guesses: dict[int, int], interval: int) -> None:
        """Copy ``tables``.

        Args:
            tables: what is known.
            guesses: advances of each branch that goes on.
            interval: tokens of an interval (Δ).
        """
        self.tokens, self.answer_start = tables.tokens.copy(), tables.answer_start.copy()
        for branch, depth in guesses.items():
            self.tokens[2 * branch] = depth * interval
            self.answer_start[2 * branch + 1] = self.answer_start[2 * branch] + depth
        self.read: list[int] = []
        self.answers = _Noted(tables.answers, self.read)


class _Noted:
    """Answers that note where they are read."""

    def __init__(self, answers: list[int | None], read: list[int]) -> None:
        self._answers, self._read = answers, read

    def __getitem__(self, place: Any) -> int:
        self._read.append(int(place))
        answer = self._answers[place]
        return INVALID if answer is None else answer
