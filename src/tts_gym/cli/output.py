"""What the commands print and write."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.table import Column, Table

from tts_gym.errors import TTSGymError
from tts_gym.files import write_whole


def command_line() -> str:
    """The command line of this process, as a shell takes it."""
    return shlex.join(["tts-gym", *sys.argv[1:]])


def check_writable(file: Path) -> None:
    """Refuse a file that could not be written after the work is done."""
    nearest = next(path for path in (file, *file.parents) if path.exists())
    if file.is_dir() or not os.access(nearest, os.W_OK) or (nearest != file and not nearest.is_dir()):
        raise TTSGymError(f"Cannot write {file}: choose a file in a directory that you can write to.")


def write(file: str, text: str) -> None:
    """Write a text whole or not at all.

    Args:
        file: path of the file; ``-`` is standard output.
        text: what it shall hold.

    Raises:
        OSError: it cannot be written.
    """
    if file == "-":
        sys.stdout.write(text)
        return
    write_whole(Path(file), text.encode())


def figures(*titles: str) -> Iterator[Column]:
    """Columns of figures for ``print_table``, by their titles."""
    return (Column(title, justify="right") for title in titles)


def print_table(table: Table) -> None:
    """Print ``table``, as wide as it is where the output is not a terminal.

    On a narrow one figures, which stand to the right, stay whole, and texts take several lines.
    """
    for column in table.columns:
        column.overflow = "fold"
        column.no_wrap = column.justify == "right"
    console = Console()
    if not console.is_terminal:
        console.width = 1000
    console.print(table)
