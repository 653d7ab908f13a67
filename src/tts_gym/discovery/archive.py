"""The directory of a discovery. Every file is written whole or not at all, so that a killed one can go on."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

import pandas as pd

from tts_gym.discovery.history import History, Place
from tts_gym.discovery.proposers.proposer import Proposal
from tts_gym.discovery.records import LONGEST_FAILURE, Assessment, OnRecordings, ProposalUsage, Tried
from tts_gym.discovery.settings import OPEN, DiscoverySettings
from tts_gym.errors import DiscoveryError
from tts_gym.files import PARTIAL, locked, write_whole
from tts_gym.run_directories import Layout
from tts_gym.sandbox.boundary import printable

LOCK = ".lock"
"""The file that a process locks while it works in the directory."""

REPORTED = ("report.md", "report.json", "winner.py")
"""What a report writes: the page, its figures, and the winner as a controller that runs."""

LAYOUT = Layout(
    run="discovery",
    marks=("discovery.json",),
    names=(
        "*.partial",
        ".lock",
        "discovery.json",
        "held_out.jsonl",
        "report.json",
        "report.md",
        "rounds",
        "winner.py",
    ),
)
"""What ``Archive`` lists, as it lies in the directory."""


class Archive:
    """The files of a discovery.

    - ``discovery.json``: what it was told, and a hash of every search store.
    - ``rounds/NNN/``: a round; 000 is that of the seed programs. ``lessons.md`` is what it taught, ``cases.parquet``
      has its diagnosed episodes. ``round.json``, with the state of the proposer, is written last and closes the round.
    - ``rounds/NNN/SLOT/``: a candidate. ``workspace/`` is where it is written, beside its ``prompt.md``;
      ``candidate.py`` is its source, ``proposal.json`` what it took, ``transcript.json`` what was said, ``result.json``
      what became of it, ``questions.parquet`` its means over the seeds, and ``recorded.json``, if it came to lead, how
      it does on the recordings themselves.
    - ``held_out.jsonl``: when which held-out store was read.
    - What a report writes, ``REPORTED``.
    """

    def __init__(self, path: Path, name: Path | None = None) -> None:
        """Use a directory.

        Args:
            path: the directory, which need not exist yet.
            name: how errors call it, where that is not ``path``.
        """
        self.path = path
        self.name = name or path

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep other processes out of the directory; the lock of a process that dies is gone.

        Raises:
            DiscoveryError: another process works there.
        """
        busy = DiscoveryError(f"Another process works in {self.name}: wait until it ends.")
        with locked(self.path / LOCK, busy):
            yield

    def discard(self) -> None:
        """Throw away the discovery that the directory holds, if there is one.

        Raises:
            DiscoveryError: another process works there.
            TTSGymError: something else is beside it.
        """
        if LAYOUT.is_begun(self.path):
            with self.alone():
                LAYOUT.discard(self.path)

    def check_empty(self) -> None:
        """Refuse a directory that has something in it.

        Raises:
            DiscoveryError: it has.
        """
        if self.path.exists() and any(each.suffix != PARTIAL for each in self.path.iterdir()):
            raise DiscoveryError(f"{self.name} is not empty: choose another directory.")

    def settings(self) -> DiscoverySettings:
        """What the discovery was told.

        Raises:
            DiscoveryError: the directory is none of a discovery.
        """
        told: Any = self._document()["settings"]
        lists = {name: tuple(value) for name, value in told.items() if isinstance(value, list)}
        return DiscoverySettings(**(told | lists))

    def settings_with(self, told: Mapping[str, Any]) -> DiscoverySettings:
        """What the discovery was told, with what is told now.

        Raises:
            DiscoveryError: something is told that must stay as it was.
        """
        begun = self.settings()
        for name, value in told.items():
            if name not in OPEN and value != getattr(begun, name):
                raise DiscoveryError(
                    f"The discovery in {self.name} was begun with {name} {getattr(begun, name)!r}, not {value!r}: "
                    "leave the option out, or begin anew with --fresh."
                )
        return replace(begun, **told)

    def take_up(self, settings: DiscoverySettings, digests: Mapping[str, str]) -> None:
        """Write what the discovery is told from now on.

        Args:
            settings: what it is told.
            digests: hash of each search store by label; those of a discovery that has begun must be the same.

        Raises:
            DiscoveryError: a store has changed.
        """
        if (self.path / "discovery.json").exists():
            self.check_stores(digests)
        write_json(self.path / "discovery.json", {"settings": asdict(settings), "stores": dict(digests)})

    def check_stores(self, digests: Mapping[str, str]) -> None:
        """Refuse search stores that are not those the discovery was begun with.

        Args:
            digests: hash of each store by label.

        Raises:
            DiscoveryError: a store has changed.
        """
        recorded = self._document()["stores"]
        for label, digest in digests.items():
            if recorded.get(label) != digest:
                raise DiscoveryError(
                    f"The store {label} has changed since the discovery in {self.name} began: "
                    "bring the old one back, or begin anew with --fresh."
                )

    def round_path(self, number: int) -> Path:
        """Directory of a round."""
        return self.path / "rounds" / f"{number:03d}"

    def workspace(self, place: Place) -> Path:
        """Where the candidate of a round and a slot is written."""
        return self._slot_path(place) / "workspace"

    def closed_rounds(self) -> int:
        """Number of rounds that are closed, that of the seed programs among them."""
        number = 0
        while (self.round_path(number) / "round.json").exists():
            number += 1
        return number

    def close_round(self, number: int, state: Mapping[str, Any]) -> None:
        """Close a round.

        Args:
            number: the round.
            state: what is kept of the proposer, and what was spent.
        """
        write_json(self.round_path(number) / "round.json", state)

    def history(self) -> History:
        """Read all that was proposed and assessed.

        Raises:
            DiscoveryError: a file is damaged.
        """
        history = History()
        for file in (self.path / "rounds").glob("*/*/proposal.json"):
            here = file.parent
            try:
                place = int(here.parent.name), int(here.name)
                history.proposals[place] = _read_proposal(here)
                if (here / "result.json").exists():
                    history.put(place, *_read_assessed(here))
            except (OSError, ValueError, KeyError, TypeError) as error:
                raise DiscoveryError(
                    f"{self.name} has a damaged candidate in {here.relative_to(self.path)} ({error}): "
                    "bring its files back from a copy."
                ) from error
        return history

    def keep_proposal(self, place: Place, proposal: Proposal) -> Proposal:
        """Write a proposal, ``proposal.json`` last.

        Args:
            place: its round and slot.
            proposal: what the proposer gave.

        Returns:
            The proposal as the archive has it from now on, its text in UTF-8 and its failure in one line.
        """
        here = self._slot_path(place)
        write_json(here / "transcript.json", list(proposal.transcript))
        if proposal.source is not None:
            write_text(here / "candidate.py", proposal.source)
        kept = {
            "source": proposal.source is not None,
            "failure": None if proposal.failure is None else printable(proposal.failure, LONGEST_FAILURE),
            "usage": asdict(proposal.usage),
            "genome": dict(proposal.genome),
        }
        write_json(here / "proposal.json", kept)
        return _read_proposal(here)

    def keep_tried(self, tried: Tried) -> None:
        """Write what became of a candidate, ``result.json`` last."""
        here = self._slot_path(tried.place)
        if tried.table is not None:
            write_table(here / "questions.parquet", tried.table)
        assessed = {
            each.name: getattr(tried.assessment, each.name) for each in fields(Assessment) if each.name != "table"
        }
        shown = tried.points()[["beta", "tokens", "accuracy"]].to_dict("records")
        write_json(here / "result.json", {"name": tried.name, **assessed, "points": shown})

    def keep_recorded(self, tried: Tried) -> None:
        """Write how a candidate that ran on the recordings does there."""
        assert tried.recorded is not None
        write_json(self._slot_path(tried.place) / "recorded.json", asdict(tried.recorded))

    def note_held_out(self, record: Mapping[str, Any]) -> None:
        """Add a line on the reading of a held-out store."""
        file = self.path / "held_out.jsonl"
        before = file.read_text() if file.exists() else ""
        write_text(file, before + json.dumps(record) + "\n")

    def _document(self) -> Any:
        try:
            document = read_json(self.path / "discovery.json")
            _ = document["settings"], document["stores"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DiscoveryError(f"{self.name} is no directory of a discovery: begin one with discover run.") from error
        return document

    def _slot_path(self, place: Place) -> Path:
        number, slot = place
        return self.round_path(number) / str(slot)


def write_table(file: Path, table: pd.DataFrame) -> None:
    """Write a table as Parquet, whole or not at all.

    Args:
        file: the file, ``.parquet``.
        table: its rows; the index is left out.
    """
    content = io.BytesIO()
    table.to_parquet(content, index=False, compression="zstd")
    write_whole(file, content.getvalue())


def write_text(file: Path, text: str) -> None:
    """Write a text whole or not at all, with ? for what UTF-8 cannot hold.

    Args:
        file: the file.
        text: all of it.
    """
    write_whole(file, text.encode(errors="replace"))


def write_json(file: Path, document: Any) -> None:
    """Write a document whole or not at all.

    Args:
        file: the file, ``.json``.
        document: what JSON can hold.
    """
    write_text(file, json.dumps(document, indent=1) + "\n")


def read_json(file: Path) -> Any:
    """The document in a file of the archive."""
    return json.loads(file.read_text(encoding="utf-8"))


def _read_proposal(here: Path) -> Proposal:
    kept = read_json(here / "proposal.json")
    source = (here / "candidate.py").read_text(encoding="utf-8") if kept["source"] else None
    return Proposal(source, kept["failure"], ProposalUsage(**kept["usage"]), genome=kept["genome"])


def _read_assessed(here: Path) -> tuple[str, Assessment, OnRecordings | None]:
    kept = read_json(here / "result.json")
    name = kept.pop("name")
    del kept["points"]
    table = pd.read_parquet(here / "questions.parquet") if kept["failure"] is None else None
    recorded_file = here / "recorded.json"
    recorded = OnRecordings(**read_json(recorded_file)) if recorded_file.exists() else None
    return name, Assessment(**kept, table=table), recorded
