"""Answers are grouped while others are still drawn, so that the store is made at once when the last unit is there."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager

from tts_gym.answers.equivalence import Equivalence
from tts_gym.collectors.shards import Shards
from tts_gym.collectors.units import Unit


class GroupingAhead(AbstractContextManager["GroupingAhead"]):
    """Groups the answers of each question in a thread as soon as its last unit is kept.

    What is found out lies in the cache of the equivalence, where making the store finds it; what goes wrong here goes
    wrong there again and is told there.
    """

    def __init__(self, shards: Shards, units: Sequence[Unit], equivalence: Equivalence) -> None:
        """Know which units each question has.

        Args:
            shards: where the units are kept.
            units: all units of the collection.
            equivalence: what groups.
        """
        self._shards = shards
        self._equivalence = equivalence
        self._thread = ThreadPoolExecutor(1)
        self._units: dict[str, list[Unit]] = {}
        for unit in units:
            self._units.setdefault(unit.question.id, []).append(unit)

    def __exit__(self, *_: object) -> None:
        """Leave what has not begun, and wait for what has."""
        self._thread.shutdown(cancel_futures=True)

    def kept(self, unit: Unit) -> None:
        """Take note that ``unit`` is kept."""
        units = self._units[unit.question.id]
        if not self._shards.missing(units):
            self._thread.submit(self._group, units)

    def _group(self, units: Sequence[Unit]) -> None:
        branches = [branch for unit in units for branch in self._shards.branches(unit)]
        given = (text for branch in branches for text in (*branch.probe_answers, branch.final_answer))
        self._equivalence.classes([text for text in dict.fromkeys(given) if text is not None], units[0].question.gold)
