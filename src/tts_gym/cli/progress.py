"""Progress of the commands: a bar on a terminal, with what is done at the moment, the rate, and the time left.

Where standard error is no terminal, a line now and then is logged, which ``-v`` shows.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn
from rich.table import Column
from rich.text import Text

from tts_gym.cli.messages import PACKAGE, is_quiet

SECONDS_BETWEEN_LINES = 30
"""How often a line tells of the progress where the output is not a terminal."""

_log = logging.getLogger(__name__)

_PERIODS = ((1, "s"), (60, "min"), (3600, "h"))

P = TypeVar("P")
T = TypeVar("T")


@dataclass
class _Pace:
    """How fast something goes on.

    Attributes:
        unit: what is counted, in the plural.
        start: when it began, by ``time.monotonic``.
        first: how many were done before, None as long as nothing is known.
        done: how many are done now.
        total: how many there are.
    """

    unit: str
    start: float = field(default_factory=time.monotonic)
    first: int | None = None
    done: int = 0
    total: int = 0

    def update(self, done: int, total: int) -> None:
        """Note how many are done, of how many."""
        if self.first is None:
            self.first, self.start = done, time.monotonic()
        self.done, self.total = done, total

    def __str__(self) -> str:
        """The rate and the time left, or the time since it began while nothing is done."""
        seconds = time.monotonic() - self.start
        since = self.done - (self.first or 0)
        if since <= 0:
            return _clock(seconds)
        rate = since / max(seconds, 1e-9)
        each, name = next(each for each in _PERIODS if rate * each[0] >= 1 or each == _PERIODS[-1])
        return f"{rate * each:,.0f} {self.unit}/{name}, {_clock((self.total - self.done) / rate)} left"


class _PaceColumn(ProgressColumn):
    """Draws a pace at each refresh, so that it moves while nothing else does."""

    def __init__(self, pace: _Pace) -> None:
        super().__init__(Column(no_wrap=True))
        self._pace = pace

    def render(self, task: Task) -> Text:
        percent = f"{task.percentage:3.0f} %  " if task.total else ""
        return Text(f"{percent}{self._pace}")


class _Doing(logging.Handler):
    """Shows the last thing that was logged beside a bar."""

    def __init__(self, show: Callable[[str], None]) -> None:
        super().__init__(logging.INFO)
        self._show = show

    def emit(self, record: logging.LogRecord) -> None:
        self._show(record.getMessage())


@contextmanager
def progress_shown(
    unit: str, read: Callable[[P], tuple[int, int, str]], words: str = "Loading"
) -> Iterator[Callable[[P], None]]:
    """Show progress on standard error.

    Args:
        unit: what is counted, in the plural.
        read: how many are done of how many, and what else to say.
        words: what to say before the first progress.
    """
    screen, pace = Console(stderr=True), _Pace(unit)
    if not screen.is_terminal or is_quiet():
        yield _lines(pace, read)
        return
    description = TextColumn("{task.description}", markup=False, table_column=Column(ratio=1, no_wrap=True))
    with Progress(
        description, BarColumn(16), _PaceColumn(pace), console=screen, transient=True, expand=True
    ) as progress:
        task = progress.add_task(words, total=None)

        def show(state: P) -> None:
            done, total, said = read(state)
            pace.update(done, total)
            progress.update(task, completed=done, total=total, description=said or words)

        doing = _Doing(lambda line: progress.update(task, description=line))
        PACKAGE.addHandler(doing)
        try:
            yield show
        finally:
            PACKAGE.removeHandler(doing)


def counted(unit: str, words: str) -> AbstractContextManager[Callable[[tuple[int, int]], None]]:
    """Show progress of which no more is known than how many are done, of how many.

    Args:
        unit: what is counted, in the plural.
        words: what is done.
    """
    return progress_shown(unit, lambda state: (*state, ""), words)


def tracked(items: Sequence[T], unit: str, words: str) -> Iterator[T]:
    """The items one by one, with a bar that shows how many were taken.

    Args:
        items: what is gone through.
        unit: what they are, in the plural.
        words: what is done with them.
    """
    with counted(unit, words) as show:
        for done, item in enumerate(items):
            show((done, len(items)))
            yield item


def working(words: str) -> AbstractContextManager[object]:
    """Show that something is going on of which nobody knows how much is left.

    Args:
        words: what is done.
    """
    return counted("", words)


def _lines(pace: _Pace, read: Callable[[P], tuple[int, int, str]]) -> Callable[[P], None]:
    last = time.monotonic()

    def show(state: P) -> None:
        nonlocal last
        done, total, words = read(state)
        pace.update(done, total)
        if time.monotonic() - last >= SECONDS_BETWEEN_LINES:
            last = time.monotonic()
            _log.info("%s", ". ".join(filter(None, (f"{done:,} of {total:,} {pace.unit}", words, str(pace)))))

    return show


def _clock(seconds: float) -> str:
    return str(timedelta(seconds=round(seconds))).removeprefix("0:")
