"""Directories of runs, such as a training: what tells one from any other directory, and how it is thrown away."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from tts_gym.errors import TTSGymError


@dataclass(frozen=True)
class Layout:
    """What lies in the directory of a run.

    Attributes:
        run: what the run is called, such as "training".
        marks: files without which there is no run, by their paths in the directory; they are written first.
        names: patterns of the names that lie in the directory itself, those of the marks among them.
    """

    run: str
    marks: tuple[str, ...]
    names: tuple[str, ...]

    def is_begun(self, directory: Path) -> bool:
        """Whether ``directory`` is that of a run."""
        return all((directory / mark).is_file() for mark in self.marks)

    def is_free(self, directory: Path) -> bool:
        """Whether a run may begin in ``directory``: it is not there, or holds no more than one cut off as it began."""
        if not directory.exists():
            return True
        return directory.is_dir() and not _others(directory, [*self.marks, "*.partial", ".lock"])

    def check_discardable(self, directory: Path) -> None:
        """Refuse to throw away what is not a run, or more than a run.

        Raises:
            TTSGymError: ``directory`` is not that of a run, holds something else too, or is the current one.
        """
        if not self.is_begun(directory):
            raise TTSGymError(f"{directory} is no directory of a {self.run}: choose another one.")
        others = _others(directory, self.names)
        if others:
            raise TTSGymError(
                f"{directory} is not thrown away, as it holds {others[0]}, which is not of a {self.run}: move that, or "
                "choose another directory."
            )
        if Path.cwd().is_relative_to(directory.resolve()):
            raise TTSGymError(f"{directory} is not thrown away while you are in it: go to another directory.")

    def discard(self, directory: Path) -> None:
        """Throw away the run in ``directory``, which is empty then: all of it at once, or nothing.

        Whoever calls it keeps other processes out.

        Raises:
            TTSGymError: see ``check_discardable``.
            OSError: it cannot be moved or removed.
        """
        self.check_discardable(directory)
        here = directory.resolve()
        aside = here.with_name(f"{here.name}.{uuid.uuid4().hex}.discarded")
        os.replace(here, aside)
        here.mkdir()
        shutil.rmtree(aside)


TRAINING = Layout(
    run="training",
    marks=("config.yaml", "provenance.json"),
    names=(
        "*.partial",
        ".lock",
        "best.zip",
        "checkpoints",
        "config.yaml",
        "events.out.tfevents.*",
        "final.zip",
        "progress.csv",
        "provenance.json",
        "validation.csv",
    ),
)
"""What ``agents.rl.run_directory`` writes; it stands here to be known without the libraries that train."""


def _others(directory: Path, patterns: Sequence[str]) -> list[str]:
    """Names in ``directory`` that fit none of ``patterns``."""
    names = sorted(each.name for each in directory.iterdir())
    return [name for name in names if not any(fnmatch(name, pattern) for pattern in patterns)]
