"""Replay stores on disk: a directory of Parquet tables and ``metadata.json``, written whole or not at all."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from os import PathLike
from pathlib import Path
from tempfile import TemporaryDirectory
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
    RecordedBranch,
    RecordedQuestion,
    Sources,
    probes_schema,
)
from tts_gym.datasets.store import ReplayStore, Tables
from tts_gym.datasets.summary import Finals, summary
from tts_gym.errors import StoreError
from tts_gym.files import explaining, move, sha256, sync, write_whole

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
) -> None:
    """Write a store to a new directory, with its dataset card.

    The files are written to a temporary directory, read back and checked, and only then moved into place, so that
    nothing is left behind on any failure or interruption.

    Args:
        directory: where the store goes; it must not exist yet. Missing parent directories are created.
        questions: the records; read once, one at a time.
        metadata: the provenance (``metadata.PROVENANCE``); the keys that describe the files are added.
        grouping: which answers of a question are the same; as the texts are equal unless given.

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
        _write_tables(draft, questions, str(target), grouping)
        _write_metadata(draft, metadata, str(target))
        _write_card(draft, target)
        sync(draft)
        target.parent.mkdir(parents=True, exist_ok=True)
        move(draft, target)


def read_store(directory: str | PathLike[str]) -> ReplayStore:
    """Read a store from its tables into memory, with every check.

    Args:
        directory: a directory that ``write_store`` wrote.

    Raises:
        StoreError: the store is missing, damaged, inconsistent, or of a newer format.
    """
    recorded = _open(Path(directory))
    labels = _labels(recorded)
    return replay_store(recorded.metadata, labels, _read_tables(recorded, labels))


def read_records(directory: str | PathLike[str]) -> tuple[dict[str, Any], list[RecordedQuestion]]:
    """Read back the records that a store was written from, with every check.

    Args:
        directory: a directory that ``write_store`` wrote.

    Returns:
        The metadata, and the questions with their branches.

    Raises:
        StoreError: the store is missing, damaged, inconsistent, or of a newer format.
    """
    recorded = _open(Path(directory))
    labels = _labels(recorded)
    _, signals = _branches(recorded, labels)
    files = [recorded.directory / name for name in (BRANCHES_FILE, TEXTS_FILE)]
    branches, *texts = (pq.read_table(file).to_pylist() for file in files if file.exists())
    said = {(row.pop("question_id"), row.pop("branch")): row for table in texts for row in table}
    recorded_branches: dict[str, list[RecordedBranch]] = {}
    for row in branches:
        key = row.pop("question_id"), row.pop("branch")
        values = {name: row.pop(name) for name in signals}
        recorded_branches.setdefault(key[0], []).append(RecordedBranch(**row, signals=values, **said.get(key, {})))
    questions = [
        RecordedQuestion(**row | {"right": row["right"] or []}, branches=recorded_branches[row["id"]])
        for row in _questions(recorded).select(QUESTIONS.names).to_pylist()
    ]
    return recorded.metadata, questions


def open_store(directory: str | PathLike[str]) -> ReplayStore:
    """Open a store: as ``read_store``, but the arrays of a large one are kept beside its tables and mapped into memory.

    The first opening builds the arrays (``cache``); later ones only find out that the tables are still the same. Where
    the directory cannot be written to, the arrays are built in memory each time.

    Args:
        directory: a directory that ``write_store`` wrote.

    Raises:
        StoreError: the store is missing, damaged, inconsistent, or of a newer format.
    """
    recorded = _open(Path(directory))
    labels = _labels(recorded)
    if (recorded.directory / BRANCHES_FILE).stat().st_size < MAPPED_BYTES:
        return replay_store(recorded.metadata, labels, _read_tables(recorded, labels))
    key = cache_key(recorded.metadata)
    tables = mapped_tables(recorded.directory, key)
    if tables is None:
        rows, signals = _branches(recorded, labels)
        with suppress(OSError):
            keep_tables(recorded.directory, key, rows, _pieces(recorded, labels, rows, signals), signals)
        tables = mapped_tables(recorded.directory, key)
        if tables is None:
            tables = replay_tables(rows, _pieces(recorded, labels, rows, signals), signals)
    return replay_store(recorded.metadata, labels, tables)


class _Recorded(NamedTuple):
    """The files of a store, found undamaged; error messages call them by ``sources``."""

    directory: Path
    metadata: dict[str, Any]
    sources: Sources


def _open(directory: Path, shown: Path | None = None) -> _Recorded:
    """The files in ``directory``; error messages call it ``shown``."""
    shown = shown or directory
    questions, branches, answers = (str(shown / name) for name in TABLE_FILES)
    sources = Sources(questions, branches, answers, str(shown / METADATA_FILE))
    if not directory.is_dir():
        raise StoreError(f"{shown} is not a directory; give the directory of a store")
    metadata = read_json(directory / METADATA_FILE)
    check_file_metadata(metadata, sources.metadata)
    check_provenance(metadata, sources.metadata)
    texts = (TEXTS_FILE,) if TEXTS_FILE in metadata["sha256"] else ()
    for name in (*TABLE_FILES, *texts):
        with explaining(directory / name, StoreError):
            digest = sha256(directory / name)
        expected = metadata["sha256"].get(name)
        if digest != expected:
            raise StoreError(
                f"{shown / name}: its SHA-256 is {digest} where {METADATA_FILE} has {expected}; the file was damaged "
                "or changed, copy or write the store again"
            )
    return _Recorded(directory, metadata, sources)


def _labels(recorded: _Recorded) -> Labels:
    with _parquet(recorded.directory / ANSWERS_FILE, recorded.sources.answers) as file:
        answers = file.read()
    return read_labels(_questions(recorded), answers, recorded.sources)


def _questions(recorded: _Recorded) -> pa.Table:
    """The table of questions, with the columns that the first version lacks."""
    with _parquet(recorded.directory / QUESTIONS_FILE, recorded.sources.questions) as file:
        if recorded.metadata["format_version"] > FIRST_VERSION:
            return file.read()
        table = file.read(columns=FIRST_QUESTIONS.names)
    for column in QUESTIONS:
        if column.name not in FIRST_QUESTIONS.names:
            table = table.append_column(column, pa.nulls(len(table), column.type))
    return table


def _read_tables(recorded: _Recorded, labels: Labels) -> Tables:
    rows, signals = _branches(recorded, labels)
    return replay_tables(rows, _pieces(recorded, labels, rows, signals), signals)


def _branches(recorded: _Recorded, labels: Labels) -> tuple[BranchRows, tuple[str, ...]]:
    """The columns of the branches with one value a branch, and the names of the recorded signals."""
    with _parquet(recorded.directory / BRANCHES_FILE, recorded.sources.branches) as file:
        signals = recorded_signals(file.schema_arrow.names)
        return branch_rows(file.read(columns=BRANCHES.names), labels, recorded.sources), signals


def _pieces(recorded: _Recorded, labels: Labels, rows: BranchRows, signals: tuple[str, ...]) -> Iterator[Piece]:
    source = recorded.sources.branches
    with _parquet(recorded.directory / BRANCHES_FILE, source) as file:
        batches = file.iter_batches(BRANCHES_PER_PIECE, columns=probes_schema(signals).names)
        tables = (pa.Table.from_batches([batch]) for batch in batches)
        yield from probe_pieces(tables, rows, labels, recorded.metadata["interval"], signals, recorded.sources)


@contextmanager
def _parquet(path: Path, source: str) -> Iterator[pq.ParquetFile]:
    """The Parquet file at ``path``; what goes wrong while it is read is told of ``source``."""
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
    try:
        text = json.dumps(described, indent=2, allow_nan=False, ensure_ascii=False)
    except (TypeError, ValueError) as error:
        raise StoreError(f"{source}: the metadata cannot be written as JSON ({error}); correct them") from error
    write_whole(directory / METADATA_FILE, (text + "\n").encode())


def _write_card(directory: Path, shown: Path) -> None:
    """Read the store in ``directory`` with every check and describe it; error messages call it ``shown``."""
    recorded = _open(directory, shown)
    labels = _labels(recorded)
    rows, signals = _branches(recorded, labels)
    answers = (piece.answers for piece in _pieces(recorded, labels, rows, signals))
    finals = Finals(rows.start, rows.tokens, rows.finals)
    right = zip(labels.gold.tolist(), labels.also_right, strict=True)
    grading = grading_of([(gold, *others) for gold, others in right])
    facts = summary(recorded.metadata["name"], recorded.metadata, grading, finals, answers, signals)
    write_whole(directory / CARD_FILE, dataset_card(facts, recorded.metadata).encode())
