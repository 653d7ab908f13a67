"""``tts-gym report``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import track

from tts_gym.cli.output import check_writable, command_line
from tts_gym.files import write_whole


def report(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Directories that evaluate --out wrote.")],
    out: Annotated[Path, typer.Option("-o", "--out", metavar="FILE.html", help="The report.")],
    episodes: Annotated[
        str, typer.Option(metavar="worst:N|all|QUESTION", help="Which cases can be looked at step by step.")
    ] = "worst:50",
) -> None:
    """Write one file that shows evaluations in a browser, offline, with an explorer of their episodes."""
    from tts_gym.evaluation.kept import read_kept
    from tts_gym.report.cases import Replays, choose
    from tts_gym.report.contents import contents
    from tts_gym.report.document import document
    from tts_gym.report.page import page, plot_library

    check_writable(out)
    plot_library()
    about = contents([read_kept(run) for run in runs])
    chosen = choose(about, episodes)
    replays = Replays(about)
    screen = Console(stderr=True)
    cases = list(
        track(
            replays.run(chosen),
            "Replaying",
            len(chosen),
            console=screen,
            transient=True,
            disable=not screen.is_terminal,
        )
    )
    total = len(about.rows.groupby(["store", "question_id", "seed"]))
    left_out = [f"The episodes of {key} are left out: {why.rstrip('.')}." for key, why in replays.left_out.items()]
    if len(cases) < total:
        left_out.insert(
            0,
            f"{len(cases):,} of {total:,} cases (a question under a seed) can be explored (--episodes {episodes}); "
            "tables, charts and the heat map are of all of them.",
        )
    write_whole(out, page(document(about, cases, left_out, command_line())).encode())
    for line in left_out:
        print(f"Note: {line}")
    print(f"Wrote {out}: {out.stat().st_size / 1e6:.1f} MB.")
