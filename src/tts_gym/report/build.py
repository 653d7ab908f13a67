"""From the directories of runs to the file of a report."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tts_gym.evaluation.kept import read_kept
from tts_gym.files import write_whole
from tts_gym.report.cases import Replays, choose
from tts_gym.report.contents import Contents, contents
from tts_gym.report.discoveries import is_discovery, read_discovery
from tts_gym.report.document import document
from tts_gym.report.page import page, plot_library

Watch = Callable[[tuple[int, int]], None]
"""Is told how many cases are replayed, of how many."""


def _unwatched(progress: tuple[int, int]) -> None:
    pass


def write_report(
    runs: Sequence[Path],
    out: Path,
    episodes: str,
    command: str,
    watch: Watch = _unwatched,
) -> list[str]:
    """Write the report of runs, whole or not at all.

    Args:
        runs: directories that ``evaluate --out`` wrote, and discoveries (directories or packed files); at least one.
        out: the file, which is replaced.
        episodes: which cases it holds, see ``choose``.
        command: the command line that makes it.
        watch: see ``Watch``.

    Returns:
        What is not in it, a sentence each; the report says so too.

    Raises:
        TTSGymError: a run or a store cannot be read or has changed, or the extra ``report`` is not installed.
        OSError: the file cannot be written.
    """
    plot_library()
    evaluations = [read_kept(run) for run in runs if not is_discovery(run)]
    discoveries = [read_discovery(run) for run in runs if is_discovery(run)]
    about = contents(evaluations) if evaluations else None
    cases, left_out = ([], []) if about is None else _explored(about, episodes, watch)
    write_whole(out, page(document(about, cases, discoveries, left_out, command)).encode())
    return left_out


def _explored(about: Contents, episodes: str, watch: Watch) -> tuple[list[dict[str, Any]], list[str]]:
    """The cases that can be explored, and what is left out of them."""
    chosen = choose(about, episodes)
    replays = Replays(about)
    cases: list[dict[str, Any]] = []
    for case in replays.run(chosen):
        cases.append(case)
        watch((len(cases), len(chosen)))
    left_out = [f"Episodes of {key} cannot be explored: {why.rstrip('.')}." for key, why in replays.left_out.items()]
    total = about.rows.groupby(["store", "question_id", "seed"]).ngroups
    if len(cases) < total:
        left_out.insert(
            0,
            f"{len(cases):,} of {total:,} cases (a question under a seed) can be explored (--episodes {episodes}); all "
            "figures are of all of them.",
        )
    return cases, left_out
