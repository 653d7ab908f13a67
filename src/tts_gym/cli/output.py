"""What the commands print and write."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from tts_gym.errors import TTSGymError
from tts_gym.files import write_whole

SECONDS_BETWEEN_LINES = 30
"""How often a line tells of the progress where the output is not a terminal."""

P = TypeVar("P")


def check_writable(file: Path) -> None:
    """Refuse a file that could not be written after the work is done."""
    nearest = next(path for path in (file, *file.parents) if path.exists())
    if file.is_dir() or not os.access(nearest, os.W_OK) or (nearest != file and not nearest.is_dir()):
        raise TTSGymError(f"Cannot write {file}: choose a file in a directory that you can write to.")


def write(file: str, text: str) -> None:
    """Write ``text`` whole or not at all; ``-`` is standard output."""
    if file == "-":
        sys.stdout.write(text)
        return
    write_whole(Path(file), text.encode())


def print_table(table: Table) -> None:
    """Print ``table``, as wide as it is where the output is not a terminal."""
    console = Console()
    if not console.is_terminal:
        console.width = 1000
    console.print(table)


@contextmanager
def progress_shown(unit: str, read: Callable[[P], tuple[int, int, str]]) -> Iterator[Callable[[P], None]]:
    """Show progress on standard error: as a bar on a terminal, else as a line now and then.

    Args:
        unit: what is counted, in the plural.
        read: how many are done of how many, and what else to say.
    """
    screen = Console(stderr=True)
    if not screen.is_terminal:
        yield _lines(unit, read)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=screen, transient=True) as bar:
        task = bar.add_task("Loading")

        def show(progress: P) -> None:
            done, total, words = read(progress)
            bar.update(task, total=total, completed=done, description=words)

        yield show


def _lines(unit: str, read: Callable[[P], tuple[int, int, str]]) -> Callable[[P], None]:
    last = time.monotonic()

    def show(progress: P) -> None:
        nonlocal last
        if time.monotonic() - last >= SECONDS_BETWEEN_LINES:
            last = time.monotonic()
            done, total, words = read(progress)
            print(f"{done:,} of {total:,} {unit}. {words}", file=sys.stderr)

    return show
