"""Answers are grouped while others are still drawn, so that the store is made at once when the last unit is there."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager

from tts_gym.answers.equivalence import Equivalence
from tts_gym.collectors.shards import Shards
from tts_gym.collectors.store import recorded
from tts_gym.collectors.tasks import TaskScorer
from tts_gym.collectors.units import WorkUnit
from tts_gym.datasets.records import given_answers


class GroupingAhead(AbstractContextManager["GroupingAhead"]):
    """Groups or scores the answers of each question in a thread as soon as its last unit is kept.

    What is found out the equivalence and the scorer remember, so that making the store finds it; what goes wrong here
    goes wrong there again and is told there.
    """

    def __init__(self, shards: Shards, units: Sequence[WorkUnit], equivalence: Equivalence, tasks: TaskScorer) -> None:
        """Know which units each question has.

        Args:
            shards: where the units are kept.
            units: all units of the collection.
            equivalence: what groups.
            tasks: what scores answers to questions that have a scorer.
        """
        self._shards = shards
        self._equivalence = equivalence
        self._tasks = tasks
        self._thread = ThreadPoolExecutor(1)
        self._units: dict[str, list[WorkUnit]] = {}
        for unit in units:
            self._units.setdefault(unit.question.id, []).append(unit)

    def __exit__(self, *_: object) -> None:
        """Leave what has not begun, and wait for what has."""
        self._thread.shutdown(cancel_futures=True)

    def kept(self, unit: WorkUnit) -> None:
        """Take note that ``unit`` is kept."""
        units = self._units[unit.question.id]
        if not self._shards.missing(units):
            self._thread.submit(self._group, units)

    def _group(self, units: Sequence[WorkUnit]) -> None:
        question = recorded(self._shards, units)
        if question.scorer is None:
            self._equivalence.classes(given_answers(question), question.gold)
        else:
            self._tasks.decide(question)
