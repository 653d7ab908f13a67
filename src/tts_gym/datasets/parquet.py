"""Replay stores on disk: a directory of Parquet tables and ``metadata.json``, written whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from os import PathLike
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from tts_gym.datasets.build import (
    BranchRows,
    Piece,
    branch_rows,
    probe_pieces,
    recorded_signals,
    replay_store,
    replay_tables,
)
from tts_gym.datasets.cache import cache_key, keep_tables, mapped_tables
from tts_gym.datasets.card import CARD_FILE, dataset_card
from tts_gym.datasets.checks import one_line
from tts_gym.datasets.grading import grading_of
from tts_gym.datasets.jsonfile import read_json
from tts_gym.datasets.labels import Labels, read_labels
from tts_gym.datasets.metadata import check_file_metadata, check_provenance, tool_versions
from tts_gym.datasets.records import Grouping, exact_classes, record_tables
from tts_gym.datasets.schema import (
    BRANCHES,
    FIRST_QUESTIONS,
    FIRST_VERSION,
    FORMAT_VERSION,
    QUESTIONS,
    RecordedQuestion,
    Sources,
    probes_schema,
)
from tts_gym.datasets.store import ReplayStore, Tables
from tts_gym.datasets.summary import Finals, StoreSummary, summary
from tts_gym.errors import StoreError
from tts_gym.files import explaining, new_directory, sha256, sync, write_whole

METADATA_FILE = "metadata.json"
TABLE_FILES = QUESTIONS_FILE, BRANCHES_FILE, ANSWERS_FILE = "questions.parquet", "branches.parquet", "answers.parquet"
TEXTS_FILE = "texts.parquet"

BRANCHES_PER_PIECE = 2**14
"""Branches whose probes are read at once."""

MAPPED_BYTES = 2**22
"""Size of ``branches.parquet`` from which on the arrays of a store are kept and mapped into memory."""


def write_store(
    directory: str | PathLike[str],
    questions: Iterable[RecordedQuestion],
    metadata: Mapping[str, Any],
    grouping: Grouping = exact_classes,
    beside: Mapping[str, bytes] = MappingProxyType({}),
) -> None:
    """Write a store to a new directory, with its dataset card.

    The files are written to a temporary directory, read back and checked, and only then moved into place, so that
    nothing is left behind on any failure or interruption.

    Args:
        directory: where the store goes; it must not exist yet. Missing parent directories are created.
        questions: the records; read once, one at a time.
        metadata: the provenance (``metadata.PROVENANCE``); the keys that describe the files are added.
        grouping: which answers of a question are the same; as the texts are equal unless given.
        beside: further files by name, which are no part of the store.

    Raises:
        StoreError: the directory exists or cannot be created, or a record or the metadata are invalid.
    """
    target = Path(directory)
    with new_directory(target, StoreError) as draft:
        check_provenance(metadata, str(target))
        _write_tables(draft, questions, str(target), grouping)
        _write_metadata(draft, metadata, str(target))
        files = open_files(draft, target)
        write_whole(draft / CARD_FILE, dataset_card(check_files(files), files.metadata).encode())
        for name, content in beside.items():
            write_whole(draft / name, content)


def read_store(directory: str | PathLike[str]) -> ReplayStore:
    """Read a store from its tables into memory, with every check.

    Args:
        directory: a directory that ``write_store`` wrote.

    Raises:
        StoreError: the store is missing, damaged, inconsistent, or of a newer format.
    """
    files = open_files(Path(directory))
    labels = labels_of(files)
    return replay_store(files.metadata, labels, _read_tables(files, labels))


def open_store(directory: str | PathLike[str]) -> ReplayStore:
    """Open a store: as ``read_store``, but the arrays of a large one are kept beside its tables and mapped into memory.

    The first opening builds the arrays (``cache``); later ones only find out that the tables are still the same. Where
    the directory cannot be written to, the arrays are built in memory each time.

    Args:
        directory: a directory that ``write_store`` wrote.

    Raises:
        StoreError: the store is missing, damaged, inconsistent, or of a newer format.
    """
    files = open_files(Path(directory))
    labels = labels_of(files)
    if (files.directory / BRANCHES_FILE).stat().st_size < MAPPED_BYTES:
        return replay_store(files.metadata, labels, _read_tables(files, labels))
    key = cache_key(files.metadata)
    tables = mapped_tables(files.directory, key)
    if tables is None:
        rows, signals = branches_of(files, labels)
        with suppress(OSError):
            keep_tables(files.directory, key, rows, _pieces(files, labels, rows, signals), signals)
        tables = mapped_tables(files.directory, key)
        if tables is None:
            tables = replay_tables(rows, _pieces(files, labels, rows, signals), signals)
    return replay_store(files.metadata, labels, tables)


class StoreFiles(NamedTuple):
    """The files of a store, found undamaged; error messages call them by ``sources``."""

    directory: Path
    metadata: dict[str, Any]
    sources: Sources


def open_files(directory: Path, shown: Path | None = None) -> StoreFiles:
    """Find the files of a store, and that they are those which its metadata describe.

    Args:
        directory: a directory that ``write_store`` wrote.
        shown: what error messages call it; the directory by default.

    Raises:
        StoreError: the store is missing, damaged, or of a newer format.
    """
    shown = shown or directory
    questions, branches, answers = (str(shown / name) for name in TABLE_FILES)
    sources = Sources(questions, branches, answers, str(shown / METADATA_FILE))
    if not directory.is_dir():
        raise StoreError(f"{shown} is not a directory; give the directory of a store")
    metadata = read_json(directory / METADATA_FILE)
    check_file_metadata(metadata, sources.metadata)
    check_provenance(metadata, sources.metadata)
    for name in files_of(metadata):
        with explaining(directory / name, StoreError):
            digest = sha256(directory / name)
        expected = metadata["sha256"].get(name)
        if digest != expected:
            raise StoreError(
                f"{shown / name}: its SHA-256 is {digest} where {METADATA_FILE} has {expected}; the file was damaged "
                "or changed, copy or write the store again"
            )
    return StoreFiles(directory, metadata, sources)


def files_of(metadata: Mapping[str, Any]) -> tuple[str, ...]:
    """Names of the tables of the store with these metadata."""
    return (*TABLE_FILES, TEXTS_FILE) if TEXTS_FILE in metadata["sha256"] else TABLE_FILES


def check_files(files: StoreFiles) -> StoreSummary:
    """Read the tables of a store with every check, a piece of its branches at a time, and summarise them.

    Raises:
        StoreError: something is mistyped, missing or inconsistent; the message names the place.
    """
    labels = labels_of(files)
    rows, signals = branches_of(files, labels)
    answers = (piece.answers for piece in _pieces(files, labels, rows, signals))
    finals = Finals(rows.start, rows.tokens, rows.finals)
    right = zip(labels.gold.tolist(), labels.also_right, strict=True)
    grading = grading_of([(gold, *others) for gold, others in right])
    return summary(files.metadata["name"], files.metadata, grading, finals, answers, signals)


def labels_of(files: StoreFiles) -> Labels:
    """The questions and answers of a store.

    Raises:
        StoreError: they are damaged or inconsistent.
    """
    with parquet_file(files.directory / ANSWERS_FILE, files.sources.answers) as file:
        answers = file.read()
    return read_labels(questions_of(files), answers, files.sources)


def questions_of(files: StoreFiles) -> pa.Table:
    """The table of questions, with the columns that the first version lacks."""
    with parquet_file(files.directory / QUESTIONS_FILE, files.sources.questions) as file:
        if files.metadata["format_version"] > FIRST_VERSION:
            return file.read()
        table = file.read(columns=FIRST_QUESTIONS.names)
    for column in QUESTIONS:
        if column.name not in FIRST_QUESTIONS.names:
            table = table.append_column(column, pa.nulls(len(table), column.type))
    return table


def _read_tables(files: StoreFiles, labels: Labels) -> Tables:
    rows, signals = branches_of(files, labels)
    return replay_tables(rows, _pieces(files, labels, rows, signals), signals)


def branches_of(files: StoreFiles, labels: Labels) -> tuple[BranchRows, tuple[str, ...]]:
    """The columns of the branches with one value a branch, and the names of the recorded signals.

    Args:
        files: those of a store.
        labels: its questions and answers.

    Raises:
        StoreError: the columns are damaged or inconsistent.
    """
    with parquet_file(files.directory / BRANCHES_FILE, files.sources.branches) as file:
        signals = recorded_signals(file.schema_arrow.names)
        return branch_rows(file.read(columns=BRANCHES.names), labels, files.sources), signals


def _pieces(files: StoreFiles, labels: Labels, rows: BranchRows, signals: tuple[str, ...]) -> Iterator[Piece]:
    source = files.sources.branches
    with parquet_file(files.directory / BRANCHES_FILE, source) as file:
        batches = file.iter_batches(BRANCHES_PER_PIECE, columns=probes_schema(signals).names)
        tables = (pa.Table.from_batches([batch]) for batch in batches)
        yield from probe_pieces(tables, rows, labels, files.metadata["interval"], signals, files.sources)


@contextmanager
def parquet_file(path: Path, source: str) -> Iterator[pq.ParquetFile]:
    """A Parquet file, open for reading.

    Args:
        path: where it is.
        source: what error messages call it.

    Raises:
        StoreError: something goes wrong while it is read.
    """
    try:
        with pq.ParquetFile(path) as file:
            yield file
    except StoreError:
        raise
    except (pa.ArrowException, OSError, ValueError) as error:
        raise StoreError(
            f"{source} is not a readable Parquet file ({one_line(error)}); write the store again"
        ) from error


def _write_tables(directory: Path, questions: Iterable[RecordedQuestion], source: str, grouping: Grouping) -> None:
    with ExitStack() as stack:
        writers: dict[str, pq.ParquetWriter] = {}
        for batch in record_tables(questions, source, grouping):
            tables = dict(zip((*TABLE_FILES, TEXTS_FILE), batch, strict=True))
            if not len(batch.texts):
                del tables[TEXTS_FILE]
            for name, table in tables.items():
                if name not in writers:
                    writer = pq.ParquetWriter(directory / name, table.schema, compression="zstd")
                    writers[name] = stack.enter_context(writer)
                writers[name].write_table(table)
    for name in writers:
        sync(directory / name)


def _write_metadata(directory: Path, metadata: Mapping[str, Any], source: str) -> None:
    described = {
        **metadata,
        "format_version": FORMAT_VERSION,
        "tools": tool_versions(),
        "sha256": {file.name: sha256(file) for file in sorted(directory.glob("*.parquet"))},
    }
    write_whole(directory / METADATA_FILE, metadata_file(described, source))


def metadata_file(metadata: Mapping[str, Any], source: str) -> bytes:
    """What ``metadata.json`` holds.

    Args:
        metadata: all that is told of a store.
        source: the store, for error messages.

    Raises:
        StoreError: JSON does not hold it.
    """
    try:
        text = json.dumps(metadata, indent=2, allow_nan=False, ensure_ascii=False)
    except (TypeError, ValueError) as error:
        raise StoreError(f"{source}: the metadata cannot be written as JSON ({error}); correct them") from error
    return (text + "\n").encode()
