"""An evaluation kept in a directory: its episodes, and what was evaluated on what, with which command and versions."""

from __future__ import annotations

import io
import json
import os
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from platform import python_version
from typing import Any

import pandas as pd
import pyarrow as pa

from tts_gym.datasets.catalogue import catalogue
from tts_gym.datasets.digest import store_digest
from tts_gym.datasets.store import ReplayStore
from tts_gym.errors import TTSGymError
from tts_gym.evaluation.evaluate import Evaluation
from tts_gym.evaluation.results import record
from tts_gym.files import move, read_whole, sha256, write_whole
from tts_gym.run_directories import Layout

ROWS, TOLD = "rows.parquet", "evaluation.json"

FORMAT_VERSION = 1

LAYOUT = Layout(run="kept evaluation", marks=(TOLD,), names=(TOLD, ROWS))

PACKAGES = ("tts-gym", "numba", "numpy", "pandas", "pyarrow")
"""Those whose versions are kept."""


@dataclass(frozen=True)
class KeptEvaluation:
    """What lies in the directory of an evaluation.

    Attributes:
        directory: where it lies.
        command: the command line that made it.
        versions: version by package, and that of Python.
        stores: for each store: "store" as the user gave it, "found" where it is found again, "label", "sha256" (see
            ``store_digest``), "interval" (tokens), "questions" and "branches" (counts).
        evaluations: one a controller and store, see ``results.record``, with "label", the controller without parameters
            at their defaults.
        rows: the episodes, see ``Evaluation.rows``, and "evaluation", the place of each in ``evaluations``.
    """

    directory: Path
    command: str
    versions: Mapping[str, str]
    stores: Sequence[Mapping[str, Any]]
    evaluations: Sequence[Mapping[str, Any]]
    rows: pd.DataFrame


def check_place(directory: Path) -> None:
    """Refuse a directory that holds anything but an earlier evaluation, which ``keep`` replaces.

    Raises:
        TTSGymError: it does, or is a file.
    """
    if directory.is_dir() and not any(directory.iterdir()):
        return
    if directory.exists():
        LAYOUT.check_discardable(directory)


def keep(kept: KeptEvaluation) -> None:
    """Write an evaluation to its directory, whole or not at all; an earlier one there is replaced.

    Args:
        kept: the evaluation, see ``as_kept``.

    Raises:
        TTSGymError: the directory holds something else.
        OSError: it cannot be written.
    """
    directory = kept.directory
    check_place(directory)
    draft = directory.with_name(f"{directory.name}.{uuid.uuid4().hex}.partial")
    content = io.BytesIO()
    kept.rows.to_parquet(content, index=False)
    write_whole(draft / ROWS, content.getvalue())
    told = {
        "format_version": FORMAT_VERSION,
        "command": kept.command,
        "versions": kept.versions,
        "stores": kept.stores,
        "evaluations": kept.evaluations,
        "rows_sha256": sha256(draft / ROWS),
    }
    write_whole(draft / TOLD, (json.dumps(told, indent=2) + "\n").encode())
    if LAYOUT.is_begun(directory):
        LAYOUT.discard(directory)
    move(draft, directory)


def as_kept(
    directory: Path,
    command: str,
    stores: Mapping[str, ReplayStore],
    specs: Sequence[tuple[str, str]],
    evaluations: Sequence[Evaluation],
) -> KeptEvaluation:
    """An evaluation as ``keep`` writes it and ``read_kept`` reads it.

    Args:
        directory: where it lies, once it is written.
        command: the command line that made it.
        stores: the stores by what the user called them.
        specs: of each evaluation, what the user called its store and its controller.
        evaluations: the results.
    """
    rows = pd.concat([each.rows.assign(evaluation=place) for place, each in enumerate(evaluations)], ignore_index=True)
    records = [
        record(*spec, evaluation) | {"label": evaluation.summary.label}
        for spec, evaluation in zip(specs, evaluations, strict=True)
    ]
    versions = {"python": python_version()} | {package: version(package) for package in PACKAGES}
    told = [_told(name, store) for name, store in stores.items()]
    return KeptEvaluation(directory, command, versions, told, records, rows)


def read_kept(directory: Path) -> KeptEvaluation:
    """Read what ``keep`` wrote.

    Args:
        directory: where it lies.

    Raises:
        TTSGymError: there is no evaluation, or it is damaged or of a newer version.
    """
    file = directory / TOLD
    try:
        told = json.loads(read_whole(file, TTSGymError))
        found = told["format_version"]
        if found > FORMAT_VERSION:
            raise TTSGymError(f"{file} has the newer format version {found}: install a newer tts-gym.")
        if sha256(directory / ROWS) != told["rows_sha256"]:
            raise TTSGymError(f"{directory / ROWS} is not the one that {file} was written with: evaluate again.")
        rows = pd.read_parquet(directory / ROWS)
        return KeptEvaluation(directory, told["command"], told["versions"], told["stores"], told["evaluations"], rows)
    except (ValueError, KeyError, TypeError, OSError, pa.ArrowException) as error:
        raise TTSGymError(f"{directory} holds no whole evaluation ({error!r}): evaluate again.") from error


def _told(name: str, store: ReplayStore) -> dict[str, Any]:
    return {
        "store": name,
        "found": _absolute(name),
        "label": store.label,
        "sha256": store_digest(store),
        "interval": store.interval,
        "questions": len(store),
        "branches": int(store.branch_counts.sum()),
    }


def _absolute(name: str) -> str:
    """``name`` as it means the same in any directory."""
    whole, mark, selection = name.rpartition("?") if not os.path.exists(name) else (name, "", "")
    whole, selection = (whole, selection) if mark else (name, "")
    return (whole if whole in catalogue() else os.path.abspath(whole)) + mark + selection
