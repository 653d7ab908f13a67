"""From the directories of runs to the file of a report."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tts_gym.errors import TTSGymError
from tts_gym.evaluation.kept import KeptEvaluation, read_kept
from tts_gym.files import write_whole
from tts_gym.report.cases import Replays, choose
from tts_gym.report.contents import Contents, contents
from tts_gym.report.discoveries import is_discovery, read_discovery
from tts_gym.report.document import NOTHING, document, evaluated
from tts_gym.report.page import page, plot_library
from tts_gym.report.solved import Solved, is_solved, read_solved
from tts_gym.report.trainings import is_training, read_training_run

_log = logging.getLogger(__name__)

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
    allow_weak: bool = False,
) -> list[str]:
    """Write the report of runs, whole or not at all.

    Args:
        runs: at least one of what ``evaluate --out``, ``train``, ``discover``, ``discover pack`` and ``solve`` wrote;
            of the latter, the answers or the recording.
        out: the file, which is replaced.
        episodes: which cases it holds, see ``choose``.
        command: the command line that makes it.
        watch: see ``Watch``.
        allow_weak: whether candidates may run, for their episodes, where their jail lacks a layer.

    Returns:
        What is not in it, a sentence each; the report says so too.

    Raises:
        TTSGymError: a run or a store cannot be read or has changed, or the extra ``report`` is not installed.
        OSError: the file cannot be written.
    """
    plot_library()
    found = _Found()
    for run in runs:
        found.read(run)
    figures, left_out = NOTHING, found.left_out
    cases: list[dict[str, Any]] = []
    if found.evaluations or found.solved:
        about = contents(found.evaluations, found.solved)
        _log.info("Computing the figures")
        figures = evaluated(about)
        cases, unexplored = _explored(about, episodes, watch, allow_weak)
        left_out = [*left_out, *about.left_out, *unexplored]
    written = document(figures, cases, found.discoveries, found.trainings, left_out, command)
    write_whole(out, page(written).encode())
    return left_out


@dataclass
class _Found:
    """What runs hold, by kind.

    Attributes:
        evaluations: evaluations, those of trained models among them.
        solved: live runs.
        discoveries: see ``read_discovery``.
        trainings: see ``read_training_run``.
        left_out: what is not in them, a sentence each.
    """

    evaluations: list[KeptEvaluation] = field(default_factory=list)
    solved: list[Solved] = field(default_factory=list)
    discoveries: list[dict[str, Any]] = field(default_factory=list)
    trainings: list[dict[str, Any]] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)

    def read(self, run: Path) -> None:
        """Add what ``run`` holds.

        Raises:
            TTSGymError: it is no run, or a damaged one.
        """
        if not run.exists():
            raise TTSGymError(f"There is no run {run}: check the path.")
        if is_solved(run):
            self.solved.append(read_solved(run))
        elif is_discovery(run):
            self.discoveries.append(read_discovery(run))
        elif is_training(run):
            training, evaluation, left_out = read_training_run(run)
            self.trainings.append(training)
            self.evaluations += [] if evaluation is None else [evaluation]
            self.left_out += left_out
        else:
            self.evaluations.append(read_kept(run))


def _explored(about: Contents, episodes: str, watch: Watch, allow_weak: bool) -> tuple[list[dict[str, Any]], list[str]]:
    """The cases that can be explored, and what is left out of them."""
    chosen = choose(about, episodes)
    replays = Replays(about, allow_weak)
    cases: list[dict[str, Any]] = []
    for case in replays.run(chosen):
        cases.append(case)
        watch((len(cases), len(chosen)))
    left_out = [f"Episodes of {key} cannot be explored: {why.rstrip('.')}." for key, why in replays.left_out.items()]
    total = about.recorded_rows.groupby(["store", "question_id", "seed"]).ngroups
    if len(cases) < total:
        left_out.insert(
            0,
            f"{len(cases):,} of {total:,} cases (a question under a seed) can be explored (--episodes {episodes}); all "
            "figures are of all of them.",
        )
    return cases, left_out
