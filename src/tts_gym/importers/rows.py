"""Rows of large sources: read one after the other, and found again by their numbers, but never all held as objects."""

from __future__ import annotations

import csv
import json
from array import array
from collections.abc import Callable, Hashable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from tts_gym.errors import SourceError
from tts_gym.files import explaining

BATCH = 1024
"""Rows that are objects at a time."""

BLOCK_BYTES = 2**26
"""Most bytes of a row of a CSV file."""


class Rows(Protocol):
    """Rows of a source, numbered from 0."""

    def __iter__(self) -> Iterator[Any]:
        """Each row."""

    def take(self, numbers: Sequence[int]) -> list[Any]:
        """The rows with these numbers, ascending, of those that were seen already."""

    def place(self, number: int) -> str:
        """What error messages call a row."""


class ListRows:
    """Rows that are objects already."""

    def __init__(self, rows: list[Any], source: str) -> None:
        """Hold rows.

        Args:
            rows: the rows.
            source: where they come from.
        """
        self._rows, self._source = rows, source

    def __iter__(self) -> Iterator[Any]:
        """Each row."""
        return iter(self._rows)

    def take(self, numbers: Sequence[int]) -> list[Any]:
        """See ``Rows.take``."""
        return [self._rows[number] for number in numbers]

    def place(self, number: int) -> str:
        """See ``Rows.place``."""
        return f"{self._source}, row {number}"


class ArrowRows:
    """Rows of an Arrow table."""

    def __init__(self, table: pa.Table, source: str) -> None:
        """Hold a table.

        Args:
            table: the table.
            source: where it comes from.
        """
        self._table, self._source = table, source

    def __iter__(self) -> Iterator[Any]:
        """Each row."""
        for batch in self._table.to_batches(BATCH):
            yield from batch.to_pylist()

    def take(self, numbers: Sequence[int]) -> list[Any]:
        """See ``Rows.take``."""
        rows: list[Any] = []
        for _, run in groupby(enumerate(numbers), lambda item: item[1] - item[0]):
            following = [number for _, number in run]
            rows += self._table.slice(following[0], len(following)).to_pylist()
        return rows

    def place(self, number: int) -> str:
        """See ``Rows.place``."""
        return f"{self._source}, row {number}"


class JsonLines:
    """Rows of files of JSON lines; where each begins is remembered."""

    def __init__(self, files: Sequence[Path]) -> None:
        """Open nothing yet.

        Args:
            files: the files, read one after the other.
        """
        self._files = files
        self._starts, self._lines, self._owners = array("q"), array("q"), array("i")

    def __iter__(self) -> Iterator[Any]:
        """Each row."""
        number = 0
        for owner, file in enumerate(self._files):
            start = 0
            with explaining(file, SourceError):
                lines = file.open("rb")
            with lines:
                for line_number, line in enumerate(lines, 1):
                    if line.strip():
                        if number == len(self._starts):
                            self._starts.append(start)
                            self._lines.append(line_number)
                            self._owners.append(owner)
                        yield self._parsed(line, number)
                        number += 1
                    start += len(line)

    def take(self, numbers: Sequence[int]) -> list[Any]:
        """See ``Rows.take``."""
        rows = []
        for owner, run in groupby(numbers, lambda number: self._owners[number]):
            with self._files[owner].open("rb") as lines:
                for number in run:
                    lines.seek(self._starts[number])
                    rows.append(self._parsed(lines.readline(), number))
        return rows

    def file(self, number: int) -> Path:
        """The file that a row is in."""
        return self._files[self._owners[number]]

    def place(self, number: int) -> str:
        """See ``Rows.place``."""
        return f"{self.file(number)}, line {self._lines[number]}"

    def _parsed(self, line: bytes, number: int) -> Any:
        try:
            return json.loads(line.decode("utf-8-sig"))
        except (ValueError, RecursionError) as error:
            raise SourceError(f"{self.place(number)} is not valid JSON ({error}): correct it.") from error


def parquet_rows(files: Sequence[Path]) -> ArrowRows:
    """Rows of Parquet files with the same columns."""
    tables = []
    for file in files:
        with explaining(file, SourceError):
            tables.append(pq.read_table(file))
    return _joined(tables, files)


def csv_rows(files: Sequence[Path]) -> ArrowRows:
    """Rows of CSV files with the same columns; every cell is text, and an empty one is none."""
    tables = []
    for file in files:
        with explaining(file, SourceError):
            with file.open(encoding="utf-8-sig", newline="") as lines:
                names = next(csv.reader(lines), [])
            convert = pyarrow.csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()), null_values=[""], strings_can_be_null=True
            )
            read = pyarrow.csv.ReadOptions(block_size=BLOCK_BYTES)
            parse = pyarrow.csv.ParseOptions(newlines_in_values=True)
            tables.append(pyarrow.csv.read_csv(file, read, parse, convert))
    return _joined(tables, files)


def grouped(rows: Rows, key: Callable[[Any, int], Hashable]) -> Iterator[list[tuple[int, Any]]]:
    """The rows that belong together, with their numbers, in the order in which the first of each came.

    Args:
        rows: the rows, which are read twice.
        key: what is the same for rows that belong together, from a row and its number.
    """
    numbers: dict[Hashable, array[int]] = {}
    for number, row in enumerate(rows):
        numbers.setdefault(key(row, number), array("q")).append(number)
    for found in numbers.values():
        yield list(zip(found, rows.take(found), strict=True))


def _joined(tables: Sequence[pa.Table], files: Sequence[Path]) -> ArrowRows:
    try:
        table = pa.concat_tables(tables)
    except pa.ArrowInvalid as error:
        raise SourceError(
            f"{files[0].parent}: its files have different columns ({_one_line(error)}); give one file."
        ) from error
    return ArrowRows(table, str(files[0] if len(files) == 1 else files[0].parent))


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())
