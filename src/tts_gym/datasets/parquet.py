"""Replay stores on disk: a directory of Parquet tables and ``metadata.json``, written whole or not at all."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from os import PathLike
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tts_gym.datasets.build import replay_store
from tts_gym.datasets.checks import one_line
from tts_gym.datasets.jsonfile import read_bytes, read_json
from tts_gym.datasets.metadata import check_file_metadata, check_provenance, tool_versions
from tts_gym.datasets.records import record_tables
from tts_gym.datasets.schema import FORMAT_VERSION, RecordedQuestion, Sources, StoreTables
from tts_gym.datasets.store import ReplayStore
from tts_gym.errors import StoreError

METADATA_FILE = "metadata.json"
TABLE_FILES = tuple(f"{table}.parquet" for table in StoreTables._fields)


def write_store(
    directory: str | PathLike[str], questions: Iterable[RecordedQuestion], metadata: Mapping[str, Any]
) -> None:
    """Write a store to a new directory.

    The files are written to a temporary directory, read back and checked, and only then moved into place, so that
    nothing is left behind on any failure or interruption.

    Args:
        directory: where the store goes; it must not exist yet. Missing parent directories are created.
        questions: the records; read once, one at a time.
        metadata: the provenance (``metadata.PROVENANCE``); the keys that describe the files are added.

    Raises:
        StoreError: the directory exists or cannot be created, or a record or the metadata are invalid.
    """
    target = Path(directory)
    if os.path.lexists(target):
        raise StoreError(f"{target} already exists; remove it or choose another directory")
    check_provenance(metadata, str(target))
    existing = next(parent for parent in target.absolute().parents if parent.exists())
    try:
        workplace = TemporaryDirectory(prefix=f".{target.name}-", dir=existing)
    except OSError as error:
        raise StoreError(f"{target} cannot be written ({error}); choose another directory") from error
    with workplace as temporary:
        draft = Path(temporary) / target.name
        draft.mkdir()
        _write_tables(draft, questions, str(target))
        _write_metadata(draft, metadata, str(target))
        _read(draft, target)
        target.parent.mkdir(parents=True, exist_ok=True)
        draft.rename(target)
        _sync(target.parent)


def read_store(directory: str | PathLike[str]) -> ReplayStore:
    """Read a store from its directory, with every check.

    Args:
        directory: a directory that ``write_store`` wrote.

    Raises:
        StoreError: the store is missing, damaged, inconsistent, or of a newer format.
    """
    return _read(Path(directory), Path(directory))


def _read(directory: Path, shown: Path) -> ReplayStore:
    """Read the store in ``directory``; error messages call it ``shown``."""
    questions, branches, answers = table_sources = [str(shown / name) for name in TABLE_FILES]
    sources = Sources(questions, branches, answers, str(shown / METADATA_FILE))
    if not directory.is_dir():
        raise StoreError(f"{shown} is not a directory; give the directory of a store")
    metadata = read_json(directory / METADATA_FILE)
    check_file_metadata(metadata, sources.metadata)
    tables = StoreTables(
        *(
            _read_table(directory / name, metadata["sha256"].get(name), source)
            for name, source in zip(TABLE_FILES, table_sources, strict=True)
        )
    )
    return replay_store(tables, metadata, sources)


def _read_table(path: Path, expected: object, source: str) -> pa.Table:
    data = read_bytes(path)
    digest = hashlib.sha256(data).hexdigest()
    if digest != expected:
        raise StoreError(
            f"{source}: its SHA-256 is {digest} where {METADATA_FILE} has {expected}; the file was damaged or changed, "
            "copy or write the store again"
        )
    try:
        return pq.ParquetFile(pa.BufferReader(data)).read()
    except (pa.ArrowException, OSError, ValueError) as error:
        raise StoreError(
            f"{source} is not a readable Parquet file ({one_line(error)}); write the store again"
        ) from error


def _write_tables(directory: Path, questions: Iterable[RecordedQuestion], source: str) -> None:
    with ExitStack() as stack:
        writers: list[pq.ParquetWriter] = []
        for batch in record_tables(questions, source):
            if not writers:
                writers = [
                    stack.enter_context(pq.ParquetWriter(directory / name, table.schema, compression="zstd"))
                    for name, table in zip(TABLE_FILES, batch, strict=True)
                ]
            for writer, table in zip(writers, batch, strict=True):
                writer.write_table(table)
    for name in TABLE_FILES:
        _sync(directory / name)


def _write_metadata(directory: Path, metadata: Mapping[str, Any], source: str) -> None:
    described = {
        **metadata,
        "format_version": FORMAT_VERSION,
        "tools": tool_versions(),
        "sha256": {name: hashlib.sha256((directory / name).read_bytes()).hexdigest() for name in TABLE_FILES},
    }
    try:
        text = json.dumps(described, indent=2, allow_nan=False, ensure_ascii=False)
        (directory / METADATA_FILE).write_text(text + "\n", encoding="utf-8")
    except (TypeError, ValueError) as error:
        raise StoreError(f"{source}: the metadata cannot be written as JSON ({error}); correct them") from error
    _sync(directory / METADATA_FILE)
    _sync(directory)


def _sync(path: Path) -> None:
    """Have the system put a file or directory on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
