"""From the directories of runs to the file of a report."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from tts_gym.evaluation.kept import read_kept
from tts_gym.files import write_whole
from tts_gym.report.cases import Replays, choose
from tts_gym.report.contents import contents
from tts_gym.report.document import document
from tts_gym.report.page import page, plot_library

Cases = Iterable[dict[str, Any]]


def _unwatched(cases: Cases, total: int) -> Cases:
    return cases


def write_report(
    runs: Sequence[Path],
    out: Path,
    episodes: str,
    command: str,
    watching: Callable[[Iterator[dict[str, Any]], int], Cases] = _unwatched,
) -> list[str]:
    """Write the report of runs, whole or not at all.

    Args:
        runs: directories that ``evaluate --out`` wrote, at least one.
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
    about = contents([read_kept(run) for run in runs])
    chosen = choose(about, episodes)
    replays = Replays(about)
    cases = list(watching(replays.run(chosen), len(chosen)))
    left_out = [
        f"The episodes of {key} cannot be explored: {why.rstrip('.')}." for key, why in replays.left_out.items()
    ]
    total = about.rows.groupby(["store", "question_id", "seed"]).ngroups
    if len(cases) < total:
        left_out.insert(
            0,
            f"{len(cases):,} of {total:,} cases (a question under a seed) can be explored (--episodes {episodes}); all "
            "figures are of all of them.",
        )
    write_whole(out, page(document(about, cases, left_out, command)).encode())
    return left_out
