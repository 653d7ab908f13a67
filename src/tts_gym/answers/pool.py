"""Several workers that answer requests from any thread, with what they have answered kept."""

from __future__ import annotations

import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from os import PathLike
from queue import SimpleQueue
from threading import Lock
from typing import Any

from tts_gym.answers.cache import ResultCache
from tts_gym.answers.worker import Failure, Worker, WorkerError

MOST_WORKERS = 4


@dataclass
class Counts:
    """What it took to group answers.

    Attributes:
        asked: requests made to math-verify.
        timeouts: requests that ran into the deadline; the answers count as different.
        crashes: requests that took the worker down; the answers count as different.
        open_pairs: formulas that were not compared, as the time of their question was up; they count as different.
    """

    asked: int = 0
    timeouts: int = 0
    crashes: int = 0
    open_pairs: int = 0

    @property
    def shortfall(self) -> str:
        """A sentence on what was not compared, empty if everything was."""
        if not (self.timeouts or self.crashes or self.open_pairs):
            return ""
        return (
            f"math-verify ran into its deadline {self.timeouts} times and crashed {self.crashes} times, and "
            f"{self.open_pairs} comparisons were left out for time; those answers count as different."
        )


class WorkerPool:
    """Workers of ``worker_main``, as many as the machine has processors for; each starts when it is first needed.

    Attributes:
        counts: what it has taken so far; results from the cache are not counted.
    """

    def __init__(self, cache: str | PathLike[str] | None, version: str, seconds: float) -> None:
        """Start nothing yet.

        Args:
            cache: a file that keeps results from run to run.
            version: what the results depend on besides the requests.
            seconds: deadline of a request, in processor seconds.

        Raises:
            TTSGymError: the cache cannot be opened.
        """
        self.counts = Counts()
        self.workers = [Worker("same", "x", "1+1") for _ in range(min(os.cpu_count() or 1, MOST_WORKERS))]
        self._seconds = seconds
        self._cache = ResultCache(cache, version)
        self._lock = Lock()
        self._idle: SimpleQueue[Worker] = SimpleQueue()
        for worker in reversed(self.workers):
            self._idle.put(worker)
        self._threads = ThreadPoolExecutor(len(self.workers))

    def close(self) -> None:
        """End the workers and close the cache."""
        self._threads.shutdown(cancel_futures=True)
        for worker in self.workers:
            worker.close()
        self._cache.close()

    def ask(self, operation: str, *arguments: str) -> Any:
        """The result of a request, from the cache if it is there; None if the worker failed.

        Args:
            operation: one of ``worker_main.OPERATIONS``.
            *arguments: what it takes.

        Raises:
            TTSGymError: a worker does not start.
        """
        key = (operation, *arguments)
        with self._lock:
            if key in self._cache:
                return self._cache[key]
        worker = self._idle.get()
        failure = None
        try:
            result = worker.ask(*key, seconds=self._seconds)
        except WorkerError as error:
            failure, result = error.failure, None
        finally:
            self._idle.put(worker)
        with self._lock:
            self.counts.asked += 1
            self.counts.timeouts += failure == Failure.TIMEOUT
            self.counts.crashes += failure == Failure.CRASH
            self._cache[key] = result
        return result

    def ask_each(self, operation: str, arguments: Iterable[str]) -> list[Any]:
        """The results of many requests of one argument each, in order.

        Args:
            operation: one of ``worker_main.OPERATIONS`` that takes one argument.
            arguments: an argument a request.

        Raises:
            TTSGymError: a worker does not start.
        """
        return list(self._threads.map(lambda argument: self.ask(operation, argument), arguments))
