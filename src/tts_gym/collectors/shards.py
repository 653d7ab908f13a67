"""The directory that a collection keeps its work in: one shard a finished unit, and a note for each that failed.

``DIR/.collection`` holds

- ``settings.json``: the settings; a collection with others is refused there.
- ``shards/UNIT.DIGEST.parquet``: the branches of a unit; DIGEST is the beginning of the SHA-256 of the file. A shard is
  written aside and moved into place, so that it is whole or absent; one that does not match its digest is drawn again.
- ``failures.jsonl``: a line for each unit that failed, with the reason; it is tried again by the next collection.
- ``sessions.jsonl``: a line for each time that somebody collected, with the versions of the tools.
- ``answers.jsonl``: what math-verify said of pairs of answers.
- ``draft``: where the store is put together.
- ``lock``: held by the collector at work.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tts_gym.collectors.errors import CollectionError
from tts_gym.collectors.settings import differences
from tts_gym.collectors.units import Unit, UnitResult
from tts_gym.datasets.schema import DETAILS, RecordedBranch, probes_schema
from tts_gym.datasets.store import SIGNALS
from tts_gym.files import locked, naming, write_whole

WORK = ".collection"

DIGITS = 16
"""Hexadecimal digits of a digest in the name of a shard."""


def encode_shard(result: UnitResult) -> bytes:
    """The bytes of the Parquet file that holds the branches of a finished unit, in order."""
    branches = result.branches
    signals = tuple(branches[0].signals)
    schema = pa.schema(
        {
            "tokens": pa.int64(),
            "final_answer": pa.string(),
            "finish_reason": pa.string(),
            **{field.name: field.type for field in probes_schema(signals)},
            **DETAILS,
            "text": pa.string(),
            "in_reasoning": pa.bool_(),
            "marker": pa.string(),
        }
    )
    rows = [{**vars(branch), **branch.signals} for branch in branches]
    columns = {name: [row[name] for row in rows] for name in schema.names}
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(columns, schema), sink, compression="zstd")
    data: bytes = sink.getvalue().to_pybytes()
    return data


def decode_shard(data: bytes) -> list[RecordedBranch]:
    """The branches that ``encode_shard`` put into a file."""
    table = pq.read_table(pa.BufferReader(data))
    signals = [name for name in SIGNALS if name in table.column_names]
    return [RecordedBranch(signals={name: row.pop(name) for name in signals}, **row) for row in table.to_pylist()]


class Shards:
    """The work of a collection, while its lock is held.

    Attributes:
        directory: the directory of the collection.
        draft: where the store may be put together; what is left there goes when the directory is next opened.
        damaged: names of shards that did not match their digests and were removed.
    """

    def __init__(self, directory: Path) -> None:
        """Read what is there, and remove what is left of interrupted writing; see ``open_shards``."""
        self.directory = directory
        self.damaged: list[str] = []
        self._work = directory / WORK
        self.draft = self._work / "draft"
        shutil.rmtree(self.draft, ignore_errors=True)
        self._shards = self._work / "shards"
        self._shards.mkdir(exist_ok=True)
        self._sessions = self._work / "sessions.jsonl"
        self._files: dict[str, Path] = {}
        for file in sorted(self._shards.iterdir()):
            unit, digest, suffix = (*file.name.split("."), "", "")[:3]
            if suffix == "parquet" and _digest(file.read_bytes()) == digest:
                self._files[unit] = file
            else:
                file.unlink()
                if suffix == "parquet":
                    self.damaged.append(unit)

    @property
    def equivalence_cache(self) -> Path:
        """Where answers found to be equal are kept."""
        return self._work / "answers.jsonl"

    @property
    def failures(self) -> Path:
        """Where failures are noted."""
        return self._work / "failures.jsonl"

    def missing(self, units: Iterable[Unit]) -> list[Unit]:
        """Those of ``units`` that have not finished."""
        return [unit for unit in units if unit.name not in self._files]

    def keep(self, unit: str, shard: bytes) -> None:
        """Keep the shard of a unit, whole or not at all.

        Raises:
            OSError: it cannot be written.
        """
        file = self._shards / f"{unit}.{_digest(shard)}.parquet"
        write_whole(file, shard)
        self._files[unit] = file

    def branches(self, unit: Unit) -> list[RecordedBranch]:
        """The branches of a finished unit."""
        return decode_shard(self._files[unit.name].read_bytes())

    def markers(self, units: Iterable[Unit]) -> Counter[str]:
        """How often each mark gave the final answer in finished ``units``; "none" where there is no answer."""
        branches = (branch for unit in units for branch in self.branches(unit))
        return Counter(branch.marker or "none" for branch in branches)

    def note_failure(self, unit: Unit, reason: str) -> None:
        """Note that a unit failed."""
        _append(self.failures, {"unit": unit.name, "question": unit.question.id, "first": unit.first, "reason": reason})

    def note_session(self, session: dict[str, Any]) -> None:
        """Note that somebody collects."""
        _append(self._sessions, session)

    def sessions(self) -> list[dict[str, Any]]:
        """What was noted of those who collected."""
        text = self._sessions.read_text(encoding="utf-8")
        return [note for note in map(_whole_note, text.splitlines()) if note is not None]


@contextmanager
def open_shards(directory: Path, settings: dict[str, Any]) -> Iterator[Shards]:
    """Use a directory for a collection, new or begun before; nobody else can until the block ends.

    Args:
        directory: the directory; it is made if need be.
        settings: the settings of the collection, as JSON holds them.

    Raises:
        CollectionError: another collector is at work there, or it holds a collection with other settings, or something
            else.
        OSError: it cannot be written to.
    """
    work = directory / WORK
    if directory.exists() and not work.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise CollectionError(f"{directory} exists and is no collection: choose another directory.")
    work.mkdir(parents=True, exist_ok=True)
    busy = CollectionError(f"Another collector is at work on {directory}: wait until it ends.")
    with locked(work / "lock", busy):
        _check_settings(directory, settings)
        yield Shards(directory)


def _check_settings(directory: Path, settings: dict[str, Any]) -> None:
    file = directory / WORK / "settings.json"
    if not file.exists():
        write_whole(file, (json.dumps(settings, indent=1) + "\n").encode())
        return
    try:
        begun = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise CollectionError(f"{file} is damaged ({error}): choose another directory.") from error
    changes = differences(begun, settings)
    if changes:
        raise CollectionError(
            f"{directory} was begun with other settings ({'; '.join(changes)}): choose another, or collect as before."
        )


def _append(file: Path, note: dict[str, Any]) -> None:
    with naming(file), file.open("a", encoding="utf-8") as notes:
        notes.write("\n" + json.dumps(note))


def _whole_note(line: str) -> dict[str, Any] | None:
    """The note in ``line``, None where it is empty or was cut off by a full disk."""
    try:
        note: dict[str, Any] = json.loads(line)
    except ValueError:
        return None
    return note


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:DIGITS]
