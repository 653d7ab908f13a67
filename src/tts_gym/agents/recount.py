"""The episodes of a store recounted from their logs, which may be anything: what they cost and what they answered."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tts_gym.agents.replay import groups, most_words
from tts_gym.datasets.store import ReplayStore
from tts_gym.episode.compile_cache import compile_cached
from tts_gym.episode.compiled import borrow, compiled_episode
from tts_gym.episode.episode import episode_fields
from tts_gym.episode.loop import COLUMNS, Logs, class_of_code, room_for_logs, tell
from tts_gym.episode.recount import MOST_WRITTEN, recount
from tts_gym.episode.rules import EpisodeRules
from tts_gym.episode.transitions import reset


def _drive(episode, questions, orders, first, logs, results, progress):  # type: ignore[no-untyped-def]
    e = borrow(episode)
    begin = 0
    for place in range(len(logs.ends)):
        row = first + place
        progress[0] = row
        e.order = orders[row % len(orders)]
        reset(e, questions[row // len(orders)])
        recount(e, logs.words[begin : logs.ends[place]])
        tell(e, class_of_code(e, logs.codes[place]), results[row])
        begin = logs.ends[place]


@cache
def _compiled_drive() -> Callable[..., None]:
    return compile_cached(_drive, nogil=True)


class Recounter:
    """Recounts runs over the questions of a store, under some seeds.

    Attributes:
        most_words: words of logs that ``replay_logged`` gives at a time at most.
    """

    def __init__(self, store: ReplayStore, seeds: Sequence[int], rules: EpisodeRules) -> None:
        """Compile what recounts them.

        Args:
            store: what was replayed.
            seeds: one branch order each.
            rules: spending and accounting.
        """
        self._episode: Any = compiled_episode(
            episode_fields(store, rules, int(store.branch_counts.max()), MOST_WRITTEN)
        )
        self.most_words = most_words(store, rules)
        self._store, self._seeds = store, seeds
        self._groups = list(groups(store, seeds))
        questions, orders, _ = self._groups[0]
        nothing = np.empty((0, len(COLUMNS)), np.int64)
        _compiled_drive()(self._episode, questions, orders, 0, room_for_logs(0, 0), nothing, np.zeros(1, np.int64))

    def place_of(self, question: int, order: int) -> int:
        """Where an episode comes among the logs of a run.

        Args:
            question: index of its question.
            order: place of its seed among the seeds.
        """
        rows = np.concatenate([group.rows for group in self._groups])
        return int(np.flatnonzero(rows == question * len(self._seeds) + order)[0])

    def run(self, logged: Callable[[int], Logs]) -> NDArray[np.int64]:
        """What ``replay`` returns for a run, from nothing but its logs.

        Args:
            logged: gives the logs of the next episodes, one at least and at most as many as it is told, in the order of
                ``replay_logged``. The ends within them are in order and within the words; nothing else need be true.

        Raises:
            ValueError: an episode has no such log, or its answer was not shown.
        """
        results = np.empty((len(self._store) * len(self._seeds), len(COLUMNS)), np.int64)
        for questions, orders, rows in self._groups:
            part, progress, first = np.empty((len(rows), len(COLUMNS)), np.int64), np.zeros(1, np.int64), 0
            while first < len(rows):
                logs = logged(len(rows) - first)
                try:
                    _compiled_drive()(self._episode, questions, orders, first, logs, part, progress)
                except (ValueError, IndexError) as error:
                    question, seed = divmod(int(rows[progress[0]]), len(self._seeds))
                    raise ValueError(
                        f"question {self._store.question_ids[question]!r}, seed {self._seeds[seed]}: {error}"
                    ) from error
                first += len(logs.ends)
            results[rows] = part
        return results
