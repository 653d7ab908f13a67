"""``tts-gym report``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tts_gym.cli.messages import note
from tts_gym.cli.options import AllowWeak
from tts_gym.cli.output import check_writable, command_line
from tts_gym.cli.progress import counted


def report(
    runs: Annotated[
        list[Path],
        typer.Argument(
            metavar="RUN...", help="What evaluate --out, train, discover, discover pack, solve or solve --record wrote."
        ),
    ],
    out: Annotated[Path, typer.Option("-o", "--out", metavar="FILE.html", help="The report.")],
    episodes: Annotated[
        str, typer.Option(metavar="worst:N|all|QUESTION", help="Which cases can be looked at step by step.")
    ] = "worst:50",
    allow_weak_isolation: AllowWeak = False,
) -> None:
    """Write one file that shows runs in a browser, offline, with an explorer of their episodes."""
    from tts_gym.report.build import write_report

    check_writable(out)
    with counted("cases", "Reporting") as watch:
        left_out = write_report(runs, out, episodes, command_line(), watch, allow_weak_isolation)
    for line in left_out:
        note(f"Note: {line}")
    print(f"Wrote {out} ({out.stat().st_size / 1e6:.1f} MB): open it in a browser.")
