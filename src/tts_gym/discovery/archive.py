"""The directory of a discovery. Every file is written whole or not at all, so that a killed one can go on."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import pandas as pd

from tts_gym.datasets.digest import store_digest
from tts_gym.datasets.store import ReplayStore
from tts_gym.discovery.proposers.proposer import Proposal
from tts_gym.discovery.records import Assessment, OnRecordings, Tried, Usage
from tts_gym.discovery.settings import OPEN, Settings
from tts_gym.errors import DiscoveryError
from tts_gym.files import write_whole
from tts_gym.sandbox.boundary import printable

LONGEST_FAILURE = 400
"""Characters of a proposer's reason that are kept."""


class Archive:
    """The files of a discovery.

    - ``discovery.json``: what it was told, and a hash of every search store.
    - ``rounds/NNN/``: a round; 000 is that of the seed programs. ``digest.md`` is what it taught, ``cases.parquet`` has
      its diagnosed episodes. ``round.json``, with the state of the proposer, is written last and closes the round.
    - ``rounds/NNN/SLOT/``: a candidate. ``workspace/`` is where it is written, beside its ``prompt.md``;
      ``candidate.py`` is its source, ``proposal.json`` what it took, ``transcript.json`` what was said, ``result.json``
      what became of it, ``questions.parquet`` its means over the seeds, and ``recorded.json``, if it came to lead, how
      it does on the recordings themselves.
    - ``held_out.jsonl``: when which held-out store was read.
    - ``report.md``, ``report.json`` and ``winner.py``, the winner as a controller that runs.
    """

    def __init__(self, path: Path) -> None:
        """Use the directory ``path``, which need not exist yet."""
        self.path = path

    def begin(self, settings: Settings, stores: Sequence[ReplayStore]) -> None:
        """Write what the discovery is told.

        Raises:
            DiscoveryError: the directory has something in it.
        """
        if self.path.exists() and any(not each.name.endswith(".partial") for each in self.path.iterdir()):
            raise DiscoveryError(f"{self.path} is not empty: choose another directory, or go on with --resume.")
        self._write_settings(settings, {store.label: store_digest(store) for store in stores})

    def settings(self) -> Settings:
        """What the discovery was told.

        Raises:
            DiscoveryError: the directory is none of a discovery.
        """
        told: Any = self._document()["settings"]
        lists = {name: tuple(value) for name, value in told.items() if isinstance(value, list)}
        return Settings(**(told | lists))

    def go_on(self, told: Mapping[str, Any]) -> Settings:
        """What the discovery was told, with what is told now.

        Raises:
            DiscoveryError: something is told that must stay as it was.
        """
        begun = self.settings()
        for name, value in told.items():
            if name not in OPEN and value != getattr(begun, name):
                raise DiscoveryError(
                    f"The discovery in {self.path} was begun with {name} {getattr(begun, name)!r}, not {value!r}: "
                    "leave the option out, or begin another one."
                )
        return Settings(**{**asdict(begun), **told})

    def keep_settings(self, settings: Settings) -> None:
        """Write what the discovery is told from now on."""
        self._write_settings(settings, self._document()["stores"])

    def check_stores(self, stores: Sequence[ReplayStore]) -> None:
        """Refuse search stores that are not those the discovery was begun with.

        Raises:
            DiscoveryError: a store has changed.
        """
        recorded = self._document()["stores"]
        for store in stores:
            if recorded.get(store.label) != store_digest(store):
                raise DiscoveryError(
                    f"The store {store.label} has changed since the discovery in {self.path} began: "
                    "bring the old one back, or begin another discovery."
                )

    def round_path(self, number: int) -> Path:
        """Directory of a round."""
        return self.path / "rounds" / f"{number:03d}"

    def workspace(self, number: int, slot: int) -> Path:
        """Where the candidate of a slot is written."""
        return self.round_path(number) / str(slot) / "workspace"

    def closed_rounds(self) -> int:
        """Number of rounds that are closed, that of the seed programs among them."""
        number = 0
        while (self.round_path(number) / "round.json").exists():
            number += 1
        return number

    def close_round(self, number: int, state: Mapping[str, Any]) -> None:
        """Close a round with the state of the proposer."""
        write_json(self.round_path(number) / "round.json", state)

    def proposal(self, number: int, slot: int) -> Proposal | None:
        """The proposal of a slot; None if it is not there yet."""
        here = self.round_path(number) / str(slot)
        if not (here / "proposal.json").exists():
            return None
        kept = read_json(here / "proposal.json")
        source = (here / "candidate.py").read_text(encoding="utf-8") if kept["source"] else None
        return Proposal(source, kept["failure"], Usage(**kept["usage"]), genome=kept["genome"])

    def keep_proposal(self, number: int, slot: int, proposal: Proposal) -> None:
        """Write a proposal; ``proposal.json`` comes last."""
        here = self.round_path(number) / str(slot)
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

    def assessed(self, number: int, slot: int) -> bool:
        """Whether it is known what became of the candidate of a slot."""
        return (self.round_path(number) / str(slot) / "result.json").exists()

    def keep_assessment(self, number: int, slot: int, name: str, assessment: Assessment, points: pd.DataFrame) -> None:
        """Write what became of a candidate; ``result.json`` comes last."""
        here = self.round_path(number) / str(slot)
        if assessment.table is not None:
            write_table(here / "questions.parquet", assessment.table)
        result = {each.name: getattr(assessment, each.name) for each in fields(Assessment) if each.name != "table"}
        shown = points[["beta", "tokens", "accuracy"]].to_dict("records")
        write_json(here / "result.json", {"name": name, **result, "points": shown})

    def keep_recorded(self, number: int, slot: int, recorded: OnRecordings) -> None:
        """Write how the candidate of a slot does on the recordings."""
        write_json(self.round_path(number) / str(slot) / "recorded.json", asdict(recorded))

    def tried(self) -> list[Tried]:
        """Everything that was assessed, in order of rounds and slots."""
        found = []
        for result_file in (self.path / "rounds").glob("*/*/result.json"):
            here = result_file.parent
            number, slot = int(here.parent.name), int(here.name)
            kept = read_json(result_file)
            name = kept.pop("name")
            del kept["points"]
            table_file = here / "questions.parquet"
            scored = kept["failure"] is None
            assessment = Assessment(**kept, table=pd.read_parquet(table_file) if scored else None)
            proposal = self.proposal(number, slot)
            assert proposal is not None
            recorded_file = here / "recorded.json"
            recorded = OnRecordings(**read_json(recorded_file)) if recorded_file.exists() else None
            genome = dict(proposal.genome)
            found.append(Tried(number, slot, name, proposal.source, assessment, proposal.usage, genome, recorded))
        return sorted(found, key=lambda each: (each.round, each.slot))

    def spent(self) -> Usage:
        """What all proposals took, those not yet assessed among them."""
        files = (self.path / "rounds").glob("*/*/proposal.json")
        return sum((Usage(**read_json(file)["usage"]) for file in sorted(files)), Usage())

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
            raise DiscoveryError(f"{self.path} is no directory of a discovery: begin one with discover run.") from error
        return document

    def _write_settings(self, settings: Settings, stores: Mapping[str, str]) -> None:
        write_json(self.path / "discovery.json", {"settings": asdict(settings), "stores": dict(stores)})


def write_table(file: Path, table: pd.DataFrame) -> None:
    """Write a table as Parquet, whole or not at all."""
    content = io.BytesIO()
    table.to_parquet(content, index=False, compression="zstd")
    write_whole(file, content.getvalue())


def write_text(file: Path, text: str) -> None:
    """Write a text whole or not at all, with ? for what UTF-8 cannot hold."""
    write_whole(file, text.encode(errors="replace"))


def write_json(file: Path, document: Any) -> None:
    """Write a document whole or not at all."""
    write_text(file, json.dumps(document, indent=1) + "\n")


def read_json(file: Path) -> Any:
    """The document in a file of the archive."""
    return json.loads(file.read_text(encoding="utf-8"))
