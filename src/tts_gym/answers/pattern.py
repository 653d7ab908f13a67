"""Answers by a regular expression of the user's."""

from __future__ import annotations

import re
from contextlib import AbstractContextManager
from threading import Lock

from tts_gym.answers.passages import tidy
from tts_gym.answers.worker import Worker, WorkerError
from tts_gym.errors import TTSGymError

LONGEST_SEARCHED = 100_000
"""Characters at the end of a text in which a pattern of the user's is searched."""


class PatternSearch(AbstractContextManager["PatternSearch"]):
    """Finds answers with a regular expression of the user's, in a process that is killed if it takes too long.

    Use it as a context manager; it may be used from any thread.

    Attributes:
        timeouts: texts that took too long; they have no answer.
    """

    def __init__(self, pattern: str, seconds: float = 1.0) -> None:
        """Check the pattern.

        Args:
            pattern: in the syntax of ``re``; its first group is the answer, or all of it if it has no group.
            seconds: how long the search in one text may take.

        Raises:
            TTSGymError: it is not a regular expression.
        """
        try:
            re.compile(pattern)
        except (re.error, RecursionError, OverflowError) as error:
            raise TTSGymError(f"The pattern {pattern!r} is not a regular expression ({error}): correct it.") from error
        self.timeouts = 0
        self._pattern = pattern
        self._seconds = seconds
        self._worker = Worker("search", "", "")
        self._lock = Lock()

    def __exit__(self, *_: object) -> None:
        """Close."""
        self.close()

    def close(self) -> None:
        """End the process."""
        self._worker.close()

    def __call__(self, text: str) -> str | None:
        """The answer in the last match in the last ``LONGEST_SEARCHED`` characters of ``text``."""
        try:
            with self._lock:
                found: str | None = self._worker.ask(
                    "search", self._pattern, text[-LONGEST_SEARCHED:], seconds=self._seconds
                )
        except WorkerError:
            self.timeouts += 1
            return None
        return tidy(found)
