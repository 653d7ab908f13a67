"""The directory that a collection keeps its work in: shards of finished branches, and a note for each unit that failed.

``DIR/.collection`` holds

- ``settings.json``: the settings, from the first branch that is kept; a collection with others is refused there, but
  for more branches, and for other answers where the texts are kept.
- ``shards/KEY-FIRST.DIGEST.parquet``: branches of a question from number FIRST on; DIGEST is the beginning of the
  SHA-256 of the file. A branch that has finished is a shard of its own until its unit has; then one takes the place of
  all. A shard is written aside and moved into place, so that it is whole or absent; a damaged one is drawn again.
- ``failures.jsonl``: a line for each unit that failed, with the reason; it is tried again by the next collection.
- ``sessions.jsonl``: a line for each time that somebody collected, with the versions of the tools.
- ``answers.jsonl``: what math-verify said of pairs of answers.
- ``draft``: where the store is put together.
- ``reread``: shards and settings that take the place of the others once the settings are there.
- ``lock``: held by the collector at work.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tts_gym.collectors.errors import CollectionError
from tts_gym.collectors.settings import CollectionSettings, check_change, completed
from tts_gym.collectors.units import UnitResult, WorkUnit
from tts_gym.datasets.cache import CACHE
from tts_gym.datasets.card import CARD_FILE
from tts_gym.datasets.parquet import METADATA_FILE, TABLE_FILES, TEXTS_FILE
from tts_gym.datasets.schema import DETAILS, RecordedBranch, probes_schema
from tts_gym.datasets.signals import SIGNALS
from tts_gym.files import locked, move, naming, write_whole
from tts_gym.run_directories import Layout

WORK = ".collection"

STORE = (METADATA_FILE, *TABLE_FILES, TEXTS_FILE, CARD_FILE, CACHE)

LAYOUT = Layout("collection", (f"{WORK}/settings.json",), (WORK, *STORE))
"""What lies in the directory of a collection, with its store."""

DIGITS = 16
"""Hexadecimal digits of a digest in the name of a shard."""


@dataclass(frozen=True)
class Shard:
    """A file of branches.

    Attributes:
        file: the file.
        first: number of its first branch.
        count: its branches.
    """

    file: Path
    first: int
    count: int

    @property
    def numbers(self) -> range:
        """Numbers of its branches."""
        return range(self.first, self.first + self.count)

    def read(self) -> list[RecordedBranch]:
        """Its branches, in order."""
        return decode_shard(self.file.read_bytes())


def encode_shard(branches: Sequence[RecordedBranch]) -> bytes:
    """The bytes of the Parquet file that holds ``branches``, in order."""
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
        begun: the settings of what is kept; None where nothing is.
    """

    def __init__(self, directory: Path, settings: CollectionSettings) -> None:
        """Read what is there, and remove what is left of interrupted writing; see ``open_shards``."""
        self.directory = directory
        self.damaged: list[str] = []
        self._settings = settings
        self._work = directory / WORK
        self.draft = self._work / "draft"
        shutil.rmtree(self.draft, ignore_errors=True)
        self._sessions = self._work / "sessions.jsonl"
        self._reread = self._work / "reread"
        self._take_over()
        self._find()
        self.begun = self._read_settings() if self._kept else None

    def _find(self) -> None:
        """Read which branches there are; what is damaged goes, and what a longer shard holds too."""
        self._shards = self._work / "shards"
        self._shards.mkdir(exist_ok=True)
        self._kept: dict[str, list[Shard]] = {}
        found: list[tuple[str, Shard]] = []
        for file in sorted(self._shards.iterdir()):
            name, _, digest = file.stem.partition(".")
            data = file.read_bytes() if file.suffix == ".parquet" else b""
            if data and _digest(data) == digest:
                key, _, first = name.rpartition("-")
                found.append((key, Shard(file, int(first), pq.read_metadata(pa.BufferReader(data)).num_rows)))
            else:
                file.unlink()
                if file.suffix == ".parquet":
                    self.damaged.append(name)
        for key, shard in sorted(found, key=lambda each: -each[1].count):
            if any(set(shard.numbers) <= set(longer.numbers) for longer in self._kept.get(key, ())):
                shard.file.unlink()
            else:
                self._kept.setdefault(key, []).append(shard)

    @property
    def equivalence_cache(self) -> Path:
        """Where answers found to be equal are kept."""
        return self._work / "answers.jsonl"

    @property
    def failures(self) -> Path:
        """Where failures are noted."""
        return self._work / "failures.jsonl"

    @property
    def keys(self) -> set[str]:
        """Keys of the questions of which there are branches."""
        return set(self._kept)

    def missing(self, units: Iterable[WorkUnit]) -> list[WorkUnit]:
        """Those of ``units`` that have not finished, with what there is of them."""
        found = (replace(unit, kept=self._numbers(unit)) for unit in units)
        return [unit for unit in found if unit.missing]

    def keep(self, result: UnitResult) -> None:
        """Keep finished branches of a unit, each whole or not at all.

        They survive the end of this process; a crash of the machine only once the unit is joined.

        Raises:
            OSError: it cannot be written.
        """
        self._note_settings()
        for number, branch in result.branches.items():
            self._add(result.unit.key, number, [branch], lasting=result.unit.count == 1)

    def join(self, unit: WorkUnit) -> bool:
        """Make one shard of a unit that has finished.

        Returns:
            Whether it has.

        Raises:
            OSError: it cannot be written.
        """
        if len(self._numbers(unit)) < unit.count:
            return False
        parts = [shard for shard in self._kept[unit.key] if set(shard.numbers) <= set(unit.numbers)]
        if len(parts) > 1:
            self._add(unit.key, unit.first, self.branches(unit))
            for shard in parts:
                self._kept[unit.key].remove(shard)
                shard.file.unlink()
        return True

    def branches(self, unit: WorkUnit) -> list[RecordedBranch]:
        """The branches of a finished unit."""
        parts = [shard for shard in self._kept[unit.key] if set(shard.numbers) & set(unit.numbers)]
        found = {number: branch for shard in parts for number, branch in zip(shard.numbers, shard.read(), strict=True)}
        return [found[number] for number in unit.numbers]

    def rewrite(self, change: Callable[[str, RecordedBranch], RecordedBranch]) -> None:
        """Change every branch, all of them or none, and note the settings.

        Args:
            change: makes the new branch, from the key of its question and the branch.

        Raises:
            OSError: it cannot be written.
        """
        for key, shards in self._kept.items():
            for shard in shards:
                data = encode_shard([change(key, branch) for branch in shard.read()])
                write_whole(self._reread / "shards" / _file_name(key, shard.first, data), data)
        write_whole(self._reread / "settings.json", self._described())
        self._take_over()
        self._find()
        self.begun = self._settings.as_dict()

    def _take_over(self) -> None:
        """Let what was changed take its place if it is whole; else it goes."""
        settings, shards = self._reread / "settings.json", self._reread / "shards"
        if settings.exists():
            if shards.exists():
                shutil.rmtree(self._work / "shards", ignore_errors=True)
                move(shards, self._work / "shards")
            move(settings, self._work / "settings.json")
        shutil.rmtree(self._reread, ignore_errors=True)

    def _numbers(self, unit: WorkUnit) -> frozenset[int]:
        """Numbers of the branches of a unit that there are."""
        numbers = set(unit.numbers)
        return frozenset(number for shard in self._kept.get(unit.key, ()) for number in numbers & set(shard.numbers))

    def _add(self, key: str, first: int, branches: Sequence[RecordedBranch], lasting: bool = True) -> None:
        data = encode_shard(branches)
        file = self._shards / _file_name(key, first, data)
        write_whole(file, data, lasting)
        self._kept.setdefault(key, []).append(Shard(file, first, len(branches)))

    def _described(self) -> bytes:
        return (json.dumps(self._settings.as_dict(), indent=1) + "\n").encode()

    def _note_settings(self) -> None:
        if self.begun != (now := self._settings.as_dict()):
            write_whole(self._work / "settings.json", self._described())
            self.begun = now

    def _read_settings(self) -> dict[str, Any]:
        file = self._work / "settings.json"
        try:
            return completed(json.loads(file.read_text(encoding="utf-8")))
        except (OSError, ValueError, AttributeError) as error:
            raise CollectionError(f"{file} is damaged ({error}): collect anew with --fresh.") from error

    def markers(self, units: Iterable[WorkUnit]) -> Counter[str]:
        """How often each mark gave the final answer in finished ``units``; "none" where there is no answer."""
        branches = (branch for unit in units for branch in self.branches(unit))
        return Counter(branch.marker or "none" for branch in branches)

    def note_failure(self, unit: WorkUnit, reason: str) -> None:
        """Note that a unit failed.

        Args:
            unit: the unit.
            reason: why, in a sentence for the user.
        """
        _append(self.failures, {"unit": unit.name, "question": unit.question.id, "first": unit.first, "reason": reason})

    def note_session(self, session: dict[str, Any]) -> None:
        """Note that somebody collects."""
        _append(self._sessions, session)

    def sessions(self) -> list[dict[str, Any]]:
        """What was noted of those who collected."""
        text = self._sessions.read_text(encoding="utf-8")
        return [note for note in map(_whole_note, text.splitlines()) if note is not None]


@contextmanager
def open_shards(directory: Path, settings: CollectionSettings, fresh: bool = False) -> Iterator[Shards]:
    """Use a directory for a collection, new or begun before; nobody else can until the block ends.

    Args:
        directory: the directory; it is made if need be.
        settings: the settings of the collection.
        fresh: throw away the collection that is there, with its store, and begin anew.

    Raises:
        CollectionError: another collector is at work there, or it holds a collection with other settings, or something
            else.
        TTSGymError: the collection is to be thrown away, and something else is beside it.
        OSError: it cannot be written to.
    """
    work = directory / WORK
    if directory.exists() and not work.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise CollectionError(f"{directory} exists and is no collection: choose another directory.")
    if fresh and LAYOUT.is_begun(directory):
        with _alone(directory):
            LAYOUT.discard(directory)
    work.mkdir(parents=True, exist_ok=True)
    with _alone(directory):
        shards = Shards(directory, settings)
        if shards.begun is not None:
            check_change(directory, shards.begun, settings)
        yield shards


def _alone(directory: Path) -> AbstractContextManager[None]:
    """Keep other collectors out."""
    busy = CollectionError(f"Another collector is at work on {directory}: wait until it ends.")
    return locked(directory / WORK / "lock", busy)


def _file_name(key: str, first: int, data: bytes) -> str:
    return f"{key}-{first:05d}.{_digest(data)}.parquet"


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
