"""The arrays of a large store, kept beside its tables and mapped into memory instead of built again.

They are ``.npy`` files in ``DIR/.cache/KEY``, where KEY is a digest of everything they were made from, so that arrays
of other tables are never found. The directory can be deleted at any time.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.format import header_data_from_array_1_0, write_array_header_1_0
from numpy.typing import NDArray

from tts_gym.datasets.build import BranchRows, Piece, answer_starts, signal_columns
from tts_gym.datasets.store import SIGNALS, Tables
from tts_gym.files import locked, move, sync

CACHE = ".cache"

LAYOUT = 1
"""Version of the arrays and of the checks they have passed; a change of either needs a new number."""


def cache_key(metadata: Mapping[str, Any]) -> str:
    """Digest of what the arrays of a store are made from: its tables, its interval, and what is known of signals."""
    made_from = json.dumps([LAYOUT, SIGNALS, metadata["interval"], metadata["sha256"]], sort_keys=True)
    return hashlib.sha256(made_from.encode()).hexdigest()[:32]


def mapped_tables(directory: Path, key: str) -> Tables | None:
    """The arrays kept for ``key``, mapped into memory; None where there are none, or not whole ones.

    Args:
        directory: the store.
        key: from ``cache_key``.
    """
    try:
        tables = Tables(*(_map(directory / CACHE / key / f"{name}.npy") for name in Tables._fields))
    except (EOFError, OSError, ValueError):
        return None
    branches, answers = len(tables.tokens), len(tables.answers)
    whole = (
        tables.branch_start[-1] == branches
        and len(tables.answer_start) == branches + 1
        and tables.answer_start[-1] == answers
        and len(tables.signals) == answers - branches
    )
    return tables if whole else None


def keep_tables(directory: Path, key: str, rows: BranchRows, pieces: Iterable[Piece], signals: tuple[str, ...]) -> None:
    """Keep arrays for ``key`` as they are built, a piece at a time, and remove those of other tables.

    Only one process at a time does so; another one waits, and builds nothing where the first has kept the arrays.

    Args:
        directory: the store.
        key: from ``cache_key``.
        rows: what is recorded once a branch.
        pieces: what is recorded once a probe.
        signals: names of the recorded signals.

    Raises:
        OSError: the directory cannot be written to, or the disk is full.
    """
    cache = directory / CACHE
    cache.mkdir(exist_ok=True)
    with locked(cache / "lock"):
        if mapped_tables(directory, key) is not None:
            return
        for other in cache.iterdir():
            if other.is_dir():
                shutil.rmtree(other)
        draft = cache / "draft"
        draft.mkdir()
        _write(draft, rows, pieces, signals)
        move(draft, cache / key)


def _write(draft: Path, rows: BranchRows, pieces: Iterable[Piece], signals: tuple[str, ...]) -> None:
    probe_counts = []
    with closing(_Growing(draft / "answers.npy")) as answers, closing(_Growing(draft / "signals.npy")) as values:
        for piece in pieces:
            probe_counts.append(piece.probe_counts)
            answers.append(piece.answers)
            values.append(piece.signals)
    whole = {
        "branch_start": rows.start,
        "tokens": rows.tokens,
        "answer_start": answer_starts(np.concatenate(probe_counts)),
        "signal_column": signal_columns(signals),
    }
    for name, array in whole.items():
        np.save(draft / f"{name}.npy", array)
    for file in draft.iterdir():
        sync(file)


def _map(path: Path) -> NDArray[Any]:
    return np.asarray(np.load(path, mmap_mode="r"))


class _Growing:
    """A ``.npy`` file that arrays are appended to; the header, in which NumPy leaves room for it, is written anew."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb")
        self._header: dict[str, Any] | None = None

    def append(self, array: NDArray[Any]) -> None:
        if self._header is None:
            self._header = header_data_from_array_1_0(array)
            write_array_header_1_0(self._file, self._header)
        else:
            self._header["shape"] = (self._header["shape"][0] + len(array), *array.shape[1:])
        array.tofile(self._file)

    def close(self) -> None:
        if self._header is not None:
            self._file.seek(0)
            write_array_header_1_0(self._file, self._header)
        self._file.close()
