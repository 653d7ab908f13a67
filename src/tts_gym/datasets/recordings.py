"""Reading back the records that a store was written from, a question at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import pairwise
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from tts_gym.datasets.checks import Ints, check_columns, owners, starts
from tts_gym.datasets.parquet import (
    ANSWERS_FILE,
    BRANCHES_FILE,
    TEXTS_FILE,
    StoreFiles,
    branches_of,
    check_files,
    files_of,
    labels_of,
    open_files,
    parquet_file,
    questions_of,
)
from tts_gym.datasets.schema import BRANCH_TEXTS, DETAILS, QUESTIONS, RecordedBranch, RecordedQuestion, branches_schema
from tts_gym.errors import StoreError

KEYS = "question_id", "branch"

OPENED = BRANCH_TEXTS.get_field_index("in_reasoning")
"""The column of texts that older stores lack."""


class Recordings:
    """The records of a store.

    Its questions and answers are in memory, and of the branches one row group, that is about ``PROBES_PER_BATCH``
    probes with their texts.

    Attributes:
        directory: where the store is.
        metadata: what ``metadata.json`` says.
        summary: what the store holds.
        asked: the questions by their ids, in order, without branches and classes.
        recorded: names of what is recorded of every branch: its signals, details and text.
        joins_texts: whether two answers of other texts are of one class somewhere.
    """

    def __init__(self, directory: str | PathLike[str]) -> None:
        """Read the store with every check.

        Args:
            directory: a directory that ``write_store`` wrote.

        Raises:
            StoreError: the store is missing, damaged, inconsistent, or of a newer format.
        """
        files = open_files(Path(directory))
        self.directory = files.directory
        self.metadata = files.metadata
        self.summary = check_files(files)
        rows = questions_of(files).select(QUESTIONS.names).to_pylist()
        asked = [RecordedQuestion(**row | {"right": row["right"] or []}, branches=[]) for row in rows]
        self.asked = {question.id: question for question in asked}
        labels = labels_of(files)
        branches, self._signals = branches_of(files, labels)
        self._spans = _spans(self.asked, branches.start)
        with parquet_file(files.directory / ANSWERS_FILE, files.sources.answers) as file:
            self._answers = file.read()
        owner = owners(self._answers, labels.ids, files.sources.answers)
        self.joins_texts = len(owner) > sum(len(texts) - 1 for texts in labels.class_texts)
        self._answer_spans = _spans(self.asked, starts(owner, len(labels.ids)))
        self._branches = _Rows(files, BRANCHES_FILE, branches_schema(self._signals), pa.schema(DETAILS))
        self.recorded = tuple(name for name in self._branches.columns if name in {*self._signals, *DETAILS})
        self._texts = None
        if TEXTS_FILE in files_of(files.metadata):
            self._texts = _Rows(files, TEXTS_FILE, BRANCH_TEXTS.remove(OPENED), pa.schema([BRANCH_TEXTS[OPENED]]))
            self._texts.check_length(self._branches)
            self.recorded += ("text",)

    def __iter__(self) -> Iterator[RecordedQuestion]:
        """The questions with their branches, in order."""
        return map(self.question, self.asked)

    def branch_count(self, question_id: str) -> int:
        """How many branches are recorded for the question with this id."""
        first, end = self._spans[question_id]
        return end - first

    def question(self, question_id: str) -> RecordedQuestion:
        """The question with this id, its branches and the classes of its answers.

        Raises:
            StoreError: a column that replay does not read is damaged.
        """
        rows = self._branches.read(*self._spans[question_id])
        if self._texts is not None:
            for row, said in zip(rows, self._texts.read(*self._spans[question_id]), strict=True):
                if any(said[key] != row[key] for key in KEYS):
                    raise StoreError(
                        f"{self._texts.source}, question {question_id!r}, branch {row['branch']}: its text is not in "
                        "the row of the branch; write the store again"
                    )
                row |= said
        first, end = self._answer_spans[question_id]
        classes = {row["answer"]: row["class"] for row in self._answers.slice(first, end - first).to_pylist()}
        branches = [self._branch(row) for row in rows]
        return replace(self.asked[question_id], branches=branches, classes=classes)

    def _branch(self, row: dict[str, Any]) -> RecordedBranch:
        for key in KEYS:
            del row[key]
        signals = {name: row.pop(name) for name in self._signals}
        return RecordedBranch(**row, signals=signals)


def read_records(directory: str | PathLike[str]) -> tuple[dict[str, Any], list[RecordedQuestion]]:
    """Read back all records that a store was written from, with every check; the classes of answers are left out.

    Args:
        directory: a directory that ``write_store`` wrote.

    Returns:
        The metadata, and the questions with their branches.

    Raises:
        StoreError: the store is missing, damaged, inconsistent, or of a newer format.
    """
    recordings = Recordings(directory)
    return recordings.metadata, [replace(question, classes=None) for question in recordings]


class _Rows:
    """The rows of a table with one row a branch; the row group that was read last stays in memory."""

    def __init__(self, files: StoreFiles, name: str, needed: pa.Schema, further: pa.Schema) -> None:
        """Read no row yet.

        Args:
            files: those of the store.
            name: of the file.
            needed: columns that it must have.
            further: columns that it may have.
        """
        self.source = str(Path(files.sources.branches).with_name(name))
        self._path = files.directory / name
        with parquet_file(self._path, self.source) as file:
            known = [column for column in further if column.name in file.schema_arrow.names]
            counts = [file.metadata.row_group(group).num_rows for group in range(file.num_row_groups)]
        self._schema = pa.schema([*needed, *known])
        self.columns = self._schema.names
        self._start = np.cumsum([0, *counts])
        self._held = -1
        self._table = self._schema.empty_table()

    def check_length(self, other: _Rows) -> None:
        """Refuse the table if it does not have as many rows as ``other``."""
        if self._start[-1] != other._start[-1]:
            raise StoreError(
                f"{self.source} has {self._start[-1]} rows for {other._start[-1]} branches; write the store again"
            )

    def read(self, first: int, end: int) -> list[dict[str, Any]]:
        """The rows from ``first`` up to ``end``."""
        rows: list[dict[str, Any]] = []
        while first < end:
            group = int(np.searchsorted(self._start, first, side="right")) - 1
            if group != self._held:
                self._hold(group)
            low, high = self._start[group : group + 2].tolist()
            rows += self._table.slice(first - low, min(end, high) - first).to_pylist()
            first = high
        return rows

    def _hold(self, group: int) -> None:
        with parquet_file(self._path, self.source) as file:
            self._table = file.read_row_group(group, columns=self.columns)
        check_columns(self._table, self._schema, self.source, int(self._start[group]))
        self._held = group


def _spans(ids: Iterable[str], start: Ints) -> dict[str, tuple[int, int]]:
    """For each question the first of its rows and the row after its last."""
    return dict(zip(ids, pairwise(start.tolist()), strict=True))
