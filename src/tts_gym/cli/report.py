"""``tts-gym report``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import track

from tts_gym.cli.output import check_writable, command_line


def report(
    runs: Annotated[
        list[Path],
        typer.Argument(metavar="RUN...", help="Directories of evaluate --out or discover, or packed discoveries."),
    ],
    out: Annotated[Path, typer.Option("-o", "--out", metavar="FILE.html", help="The report.")],
    episodes: Annotated[
        str, typer.Option(metavar="worst:N|all|QUESTION", help="Which cases can be looked at step by step.")
    ] = "worst:50",
) -> None:
    """Write one file that shows runs in a browser, offline, with an explorer of their episodes."""
    from tts_gym.report.build import write_report

    check_writable(out)
    for line in write_report(runs, out, episodes, command_line(), _tracked):
        print(f"Note: {line}")
    print(f"Wrote {out} ({out.stat().st_size / 1e6:.1f} MB): open it in a browser.")


def _tracked(cases: Iterator[dict[str, Any]], total: int) -> Iterable[dict[str, Any]]:
    screen = Console(stderr=True)
    return track(cases, "Replaying", total, console=screen, transient=True, disable=not screen.is_terminal)
