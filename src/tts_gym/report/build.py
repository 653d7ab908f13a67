"""From the directories of runs to the file of a report."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from tts_gym.evaluation.kept import read_kept
from tts_gym.files import write_whole
from tts_gym.report.cases import Replays, choose
from tts_gym.report.contents import Contents, contents
from tts_gym.report.discoveries import is_discovery, read_discovery
from tts_gym.report.document import document
from tts_gym.report.page import page, plot_library

Cases = Iterable[dict[str, Any]]

Watching = Callable[[Iterator[dict[str, Any]], int], Cases]


def _unwatched(cases: Cases, total: int) -> Cases:
    return cases


def write_report(
    runs: Sequence[Path],
    out: Path,
    episodes: str,
    command: str,
    watching: Watching = _unwatched,
) -> list[str]:
    """Write the report of runs, whole or not at all.

    Args:
        runs: directories that ``evaluate --out`` wrote, and discoveries (directories or packed files); at least one.
        out: the file, which is replaced.
        episodes: which cases it holds, see ``choose``.
        command: the command line that makes it.
        watching: passes the cases through as they are replayed; it is told how many there are.

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
    cases, left_out = ([], []) if about is None else _explored(about, episodes, watching)
    write_whole(out, page(document(about, cases, discoveries, left_out, command)).encode())
    return left_out


def _explored(about: Contents, episodes: str, watching: Watching) -> tuple[list[dict[str, Any]], list[str]]:
    """The cases that can be explored, and what is left out of them."""
    chosen = choose(about, episodes)
    replays = Replays(about)
    cases = list(watching(replays.run(chosen), len(chosen)))
    left_out = [f"Episodes of {key} cannot be explored: {why.rstrip('.')}." for key, why in replays.left_out.items()]
    total = about.rows.groupby(["store", "question_id", "seed"]).ngroups
    if len(cases) < total:
        left_out.insert(
            0,
            f"{len(cases):,} of {total:,} cases (a question under a seed) can be explored (--episodes {episodes}); all "
            "figures are of all of them.",
        )
    return cases, left_out
