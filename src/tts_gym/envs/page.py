"""The picture of an episode on a terminal."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from itertools import groupby

from rich.console import Console
from rich.control import Control
from rich.segment import ControlType
from rich.text import Text

from tts_gym.envs.rendering import FINISHED_MARK, HIDDEN, MARKS, PRUNED_MARK, Picture, ink_on

COLUMNS, LINES = 80, 1000
"""Size of a page where no terminal says how large it is."""

GUTTER = 5
"""Columns left of the cells, for the number of the branch."""

TICKS = 10
"""Columns from one number over the cells to the next."""


def page(shown: Picture, longest: int, columns: int = COLUMNS, lines: int = LINES) -> Text:
    """The picture in letters: two lines on the episode, the answers with most votes, and a row a branch.

    ``?`` is an invalid answer; the letters of a pruned branch have lost their grounds. Where a row has no room for all
    intervals, a letter stands for several, and is the last one of them that was revealed.

    Args:
        shown: the picture.
        longest: intervals that a branch may have.
        columns: width of the page.
        lines: most lines of the page.
    """
    each = max(1, -(-longest // (columns - GUTTER - len(FINISHED_MARK + PRUNED_MARK))))
    parts = [Text(f"{shown.title}   ").append(MARKS, "dim"), Text(shown.status)]
    if shown.legend:
        parts.append(_legend(shown))
    parts.append(_ticks(longest, each))
    room = lines - len(parts)
    rows = len(shown.answers) if len(shown.answers) <= room else room - 1
    parts.extend(_row(shown, i, each) for i in range(rows))
    if rows < len(shown.answers):
        parts.append(Text(f"{'':{GUTTER}}… and {len(shown.answers) - rows} more branches"))
    for part in parts:
        part.truncate(columns, overflow="ellipsis")
    return Text("\n", no_wrap=True, overflow="crop", end="").join(parts)


def ansi(written: Text, columns: int = COLUMNS) -> str:
    """A page with the escape sequences that colour it; without colours where the variable NO_COLOR is set.

    Args:
        written: the page.
        columns: its width.
    """
    console = Console(file=io.StringIO(), force_terminal=True, color_system="256", width=columns, legacy_windows=False)
    with console.capture() as capture:
        console.print(written, end="")
    return capture.get()


class Printer:
    """Prints one page after another, on a terminal each in place of the last one."""

    def __init__(self) -> None:
        """Begin with the first page."""
        self._lines = 0

    def begin(self) -> None:
        """Leave what was printed."""
        self._lines = 0

    def print(self, shown: Picture, longest: int, frame_seconds: float) -> None:
        """Print a page that fits the terminal.

        Args:
            shown: the picture.
            longest: intervals that a branch may have.
            frame_seconds: pause after it, on a terminal.
        """
        console = Console(highlight=False)
        if not console.is_terminal:
            console.print(page(shown, longest))
            return
        for _ in range(self._lines):
            console.control(Control((ControlType.CURSOR_UP, 1), (ControlType.ERASE_IN_LINE, 2)))
        written = page(shown, longest, console.width, console.height - 1)
        console.print(written)
        self._lines = written.plain.count("\n") + 1
        time.sleep(frame_seconds)


def _legend(shown: Picture) -> Text:
    line = Text()
    for place, (code, text) in enumerate(shown.legend):
        line.append("  " * (place > 0))
        line.append(shown.letter(code), _style(shown, code, False))
        line.append(f" = {text}")
    return line


def _ticks(longest: int, each: int) -> Text:
    """Numbers over the cells: of the first interval and of every ``TICKS``-th letter's last one."""
    cells = -(-longest // each)
    numbers = "".join(f"{end * each:>{TICKS}}" for end in range(TICKS, cells + 1, TICKS))
    return Text(f"{'':{GUTTER}}1{numbers[1:]}", "dim")


def _row(shown: Picture, i: int, each: int) -> Text:
    line = Text(f"{i:>{GUTTER - 1}} ")
    for code, same in groupby(_cells(shown.answers[i], each)):
        line.append(shown.letter(code) * len(list(same)), _style(shown, code, shown.pruned[i]))
    return line.append(FINISHED_MARK * shown.finished[i] + PRUNED_MARK * shown.pruned[i], "bold")


def _cells(answers: tuple[int, ...], each: int) -> Iterator[int]:
    for first in range(0, len(answers), each):
        revealed = [code for code in answers[first : first + each] if code != HIDDEN]
        yield revealed[-1] if revealed else HIDDEN


def _style(shown: Picture, code: int, pruned: bool) -> str:
    ground = shown.colour(code)
    if pruned or code == HIDDEN:
        return f"{'dim ' if pruned else ''}{_rgb(ground)}"
    return f"bold {_rgb(ink_on(ground))} on {_rgb(ground)}"


def _rgb(colour: tuple[int, int, int]) -> str:
    return "rgb({},{},{})".format(*colour)
