"""Checks of Arrow tables: columns, types, nulls, and rows grouped by question."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tts_gym.datasets.schema import NULLABLE
from tts_gym.errors import StoreError

Ints = NDArray[np.int64]


def refuse(bad: NDArray[np.bool_], message: Callable[[int], str]) -> None:
    """Raise a ``StoreError`` with the message for the first place where ``bad`` holds, if there is one.

    Args:
        bad: bool [places].
        message: given the first bad place, what to say.

    Raises:
        StoreError: ``bad`` holds somewhere.
    """
    if bad.any():
        raise StoreError(message(int(bad.argmax())))


def one_line(error: Exception) -> str:
    """The message of an error from below on one line."""
    return " ".join(str(error).split())


def check_columns(table: pa.Table, schema: pa.Schema, source: str, first_row: int = 0) -> None:
    """Refuse a table that lacks a column of ``schema``, mistypes one, or has a null outside ``NULLABLE``.

    Args:
        table: the table, or rows of it.
        schema: columns that it must have.
        source: where it comes from, for error messages.
        first_row: row of the whole table with which ``table`` begins.
    """
    for column in schema:
        copies = table.column_names.count(column.name)
        if copies != 1:
            raise StoreError(f"{source}: there are {copies} columns {column.name!r}; it must have exactly one")
        found = table.schema.field(column.name).type
        if found != column.type:
            raise StoreError(f"{source}: the column {column.name!r} is of type {found}; it must be {column.type}")
        values = table[column.name]
        try:
            values.validate(full=True)
        except pa.ArrowException as error:
            raise StoreError(
                f"{source}: the column {column.name!r} is damaged ({one_line(error)}); write it again"
            ) from error
        if values.null_count and column.name not in NULLABLE:
            row = first_row + pc.index(values.is_null(), True).as_py()
            raise StoreError(f"{source}, row {row}: {column.name} is null; give it a value")


def question_ids(questions: pa.Table, source: str) -> pa.Array:
    """The ids of the questions table: at least one, and no two alike.

    Args:
        questions: the questions table.
        source: where it comes from, for error messages.

    Returns:
        string [questions].

    Raises:
        StoreError: there is none, or one twice.
    """
    ids = questions["id"].combine_chunks()
    if not len(ids):
        raise StoreError(f"{source}: there are no questions; record at least one")
    first = pc.index_in(ids, value_set=ids.unique()).to_numpy()
    seen = np.maximum.accumulate(np.concatenate([[-1], first[:-1]]))
    refuse(first <= seen, lambda row: f"{source}, row {row}: the id {ids[row].as_py()!r} is a duplicate; give another")
    return ids


def owners(table: pa.Table, ids: pa.Array, source: str) -> Ints:
    """Question index of each row, int64 [rows]; rows must be grouped by question, in the order of ``ids``.

    Args:
        table: has a column ``question_id``.
        ids: string [questions], no two alike.
        source: where the table comes from, for error messages.

    Raises:
        StoreError: a question is unknown, or its rows are apart or out of order.
    """
    named = table["question_id"]
    owner: Ints = pc.index_in(named, value_set=ids).fill_null(-1).to_numpy().astype(np.int64)
    refuse(
        owner < 0,
        lambda row: f"{source}, row {row}: the question {named[row].as_py()!r} is unknown; add it to the questions",
    )
    refuse(
        np.diff(owner, prepend=0) < 0,
        lambda row: (
            f"{source}, row {row}: question {named[row].as_py()!r} comes after {named[row - 1].as_py()!r}; "
            "keep the rows of a question together, in the order of the questions"
        ),
    )
    return owner


def starts(owner: Ints, questions: int) -> Ints:
    """First row of each question in rows grouped by question, int64 [questions + 1].

    Args:
        owner: int64 [rows], question of each row, ascending.
        questions: how many there are, those without rows included.
    """
    return np.searchsorted(owner, np.arange(questions + 1)).astype(np.int64)
