"""The place that samples are imported from, seen without reading all of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from tts_gym.errors import SourceError
from tts_gym.importers.rows import ArrowRows, JsonLines, ListRows, Rows, csv_rows, parquet_rows

SAVED = ("dataset_dict.json", "dataset_info.json")
"""Files of a directory that ``datasets`` saved."""

FIRST_ROWS = 100
"""Rows whose columns are those of the source."""


@dataclass(frozen=True)
class Source:
    """A file, a directory, or a dataset on the hub.

    Attributes:
        spelling: as the user gave it.
    """

    spelling: str

    @cached_property
    def path(self) -> Path:
        """The file or directory, which need not exist."""
        whole = Path(self.spelling)
        return whole if whole.exists() else Path(self.spelling.partition("?")[0])

    @property
    def name(self) -> str:
        """A short name of what it holds."""
        return self.path.stem

    @property
    def on_hub(self) -> bool:
        """Whether it can only be a dataset on the hub."""
        return not self.path.exists() and str(self.path).count("/") == 1 and not self.path.suffix

    def files(self, pattern: str) -> list[Path]:
        """The file, or the files of the directory and those below it, whose names match ``pattern``, sorted."""
        if self.path.is_file():
            return [self.path] if self.path.match(pattern) else []
        return sorted(self.path.rglob(pattern))

    @cached_property
    def rows(self) -> Rows:
        """What it holds as a table or a list of objects.

        Raises:
            SourceError: it does not exist, cannot be read, or holds no rows.
        """
        if self.on_hub or any((self.path / name).exists() for name in SAVED):
            return self._dataset()
        if not self.path.exists():
            raise SourceError(f"{self.spelling} does not exist: give a file, a directory, or a dataset OWNER/NAME.")
        for pattern, read in (("*.jsonl", JsonLines), ("*.parquet", parquet_rows), ("*.csv", csv_rows)):
            if files := self.files(pattern):
                return read(files)
        if self.path.suffix == ".json":
            return ListRows(self.document if isinstance(self.document, list) else [self.document], self.spelling)
        raise SourceError(f"{self.spelling} holds no .jsonl, .json, .csv or .parquet: give a file of samples.")

    @cached_property
    def document(self) -> Any:
        """What the JSON file holds.

        Raises:
            SourceError: it cannot be read.
        """
        try:
            return json.loads(self.path.read_text(encoding="utf-8-sig"))
        except (OSError, ValueError, RecursionError) as error:
            raise SourceError(f"{self.spelling} cannot be read ({error}): check the file.") from error

    @cached_property
    def first(self) -> Mapping[str, Any]:
        """Its first row.

        Raises:
            SourceError: there is none, or it is no object.
        """
        row = next(islice(self.rows, 1), None)
        if not isinstance(row, Mapping) or not row:
            raise SourceError(f"{self.spelling} holds no rows that are objects: give at least one.")
        return row

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """The columns of its first rows, as rows of JSON lines need not have the same."""
        rows = [row for row in islice(self.rows, FIRST_ROWS) if isinstance(row, Mapping)]
        return tuple(dict.fromkeys(name for row in rows for name in row))

    def _dataset(self) -> Rows:
        try:
            import datasets
        except ImportError as error:
            raise SourceError(f"{self.spelling} needs the package datasets: install tts-gym[collect].") from error
        options = dict(parse_qsl(self.spelling.removeprefix(str(self.path)).removeprefix("?")))
        split = options.pop("split", None)
        try:
            loaded = (
                datasets.load_from_disk(str(self.path))
                if self.path.exists()
                else datasets.load_dataset(str(self.path), **options)
            )
        except Exception as error:  # The hub, the network and the data raise what they like.
            raise SourceError(f"{self.spelling} cannot be loaded ({' '.join(str(error).split())}).") from error
        if isinstance(loaded, Mapping):
            if split is None and len(loaded) > 1:
                raise SourceError(
                    f"{self.path} has the splits {', '.join(loaded)}: choose one, {self.path}?split=NAME."
                )
            split = split or next(iter(loaded))
            if split not in loaded:
                raise SourceError(f"{self.path} has no split {split!r}: it has {', '.join(loaded)}.")
            loaded = loaded[split]
        return ArrowRows(loaded.data.table, self.spelling)
