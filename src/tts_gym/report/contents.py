"""What a report is about: controllers on stores and on live questions, under names that tell them apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from tts_gym.datasets.catalogue import load_store
from tts_gym.datasets.digest import store_digest
from tts_gym.datasets.store import ReplayStore
from tts_gym.errors import TTSGymError
from tts_gym.evaluation.kept import KeptEvaluation
from tts_gym.report.solved import Solved


@dataclass(frozen=True)
class Asked:
    """A question that was asked."""

    id: str
    text: str
    gold: str


@dataclass(frozen=True)
class Entry:
    """A controller on a store, or on the questions of live runs.

    Attributes:
        controller: what the report calls the controller, the same on every store.
        family: what it calls controllers that differ in their parameters only.
        store: what it calls the store, or the questions.
        record: the results, see ``KeptEvaluation.evaluations``.
        found: where the store is found.
        recorded: what the episodes ran over; None where that was not recorded.
        solved: the run, where it was live and has decided once and for all.
    """

    controller: str
    family: str
    store: str
    record: Mapping[str, Any]
    found: str = ""
    recorded: ReplayStore | None = None
    solved: Solved | None = None


@dataclass(frozen=True)
class Contents:
    """What a report is about.

    Attributes:
        runs: the evaluations.
        solved: the live runs.
        entries: every controller on every store it was evaluated on.
        questions: the questions of each store, or of live runs, by what the report calls these.
        rows: the episodes: controller and store as the report calls them, "entry" (place in ``entries``), question_id,
            seed (that of a live episode is the place of its run), answer, correct, tokens, sequential_tokens, width,
            probes, stop_step, seconds (NaN where it was not live).
        left_out: what is not in it, a sentence each.
    """

    runs: Sequence[KeptEvaluation]
    solved: Sequence[Solved]
    entries: Sequence[Entry]
    questions: Mapping[str, Sequence[Asked]]
    rows: pd.DataFrame
    left_out: Sequence[str] = ()

    @property
    def controllers(self) -> dict[str, Entry]:
        """The first entry of each controller."""
        found: dict[str, Entry] = {}
        for entry in self.entries:
            found.setdefault(entry.controller, entry)
        return found

    @cached_property
    def recorded_rows(self) -> pd.DataFrame:
        """The episodes whose branches were recorded."""
        known = [set(() if entry.recorded is None else entry.recorded.question_ids) for entry in self.entries]
        pairs = zip(self.rows["entry"], self.rows["question_id"], strict=True)
        return self.rows[[question in known[place] for place, question in pairs]]


def contents(runs: Sequence[KeptEvaluation], solved: Sequence[Solved] = ()) -> Contents:
    """Put evaluations and live runs together, and open the stores.

    Args:
        runs: the evaluations.
        solved: the live runs; there is at least one of either.

    Raises:
        StoreError: a store is not where it was.
        TTSGymError: a store has changed since, or live runs have no question in common.
    """
    names = _store_names(runs)
    stores = {names[told["sha256"]]: _opened(told, run) for run in runs for told in run.stores}
    tags = _tags([run.directory for run in runs] + [one.path for one in solved])
    labels = [{str(each["label"]) for each in run.evaluations} for run in runs] + [{one.label} for one in solved]
    shared = [set().union(*(each for other, each in enumerate(labels) if other != place)) for place in range(len(tags))]
    entries: list[Entry] = []
    rows: list[pd.DataFrame] = []

    def add(place: int, record: Mapping[str, Any], own: pd.DataFrame, **told: Any) -> None:
        tag = f"@{tags[place]}" if record["label"] in shared[place] else ""
        head, colon, parameters = str(record["label"]).partition(":")
        key = f"{head}{tag}{colon}{parameters}"
        # Learned policies are told apart by their models, which are not points of one line.
        model = record["params"].get("path") if head == record["controller"] else None
        entry = Entry(key, f"{head}{tag}" + (f" {model}" if model else ""), record=record, **told)
        if any((known.controller, known.store) == (entry.controller, entry.store) for known in entries):
            return  # As where a controller is named beside zoo, which it is part of.
        rows.append(own.assign(controller=key, store=entry.store, entry=len(entries)))
        entries.append(entry)

    for place, run in enumerate(runs):
        told = {each["store"]: each for each in run.stores}
        for number, record in enumerate(run.evaluations):
            own = run.rows[run.rows["evaluation"] == number].assign(seconds=float("nan"))
            where = told[record["store"]]
            name = names[where["sha256"]]
            add(place, record, own, store=name, found=where["found"], recorded=stores[name])
    questions = {name: _asked(store) for name, store in stores.items()}
    left_out: list[str] = []
    for place, (name, one, common) in enumerate(_live(solved)):
        questions.setdefault(name, [Asked(*each) for each in one.questions if each[0] in common])
        own = one.rows[one.rows["question_id"].isin(common)].assign(seed=place)
        left_out += [*one.left_out, *_not_common(one, len(one.rows) - len(own))]
        add(len(runs) + place, one.record, own, store=name, recorded=one.recording, solved=one)
    return Contents(runs, solved, entries, questions, pd.concat(rows, ignore_index=True), left_out)


def _live(solved: Sequence[Solved]) -> list[tuple[str, Solved, set[str]]]:
    """Each live run with what the report calls its questions, and those that all runs on these have answered."""
    groups: dict[tuple[str, ...], set[str]] = {}
    for one in solved:
        answered = set(one.rows["question_id"])
        groups[one.asked] = groups.get(one.asked, answered) & answered
    names = {
        asked: "live questions" + (f" {number}" if len(groups) > 1 else "") for number, asked in enumerate(groups, 1)
    }
    for one in solved:
        if not groups[one.asked]:
            raise TTSGymError(
                f"No question in {one.path} has both an answer and a right one: there is nothing to report."
            )
    return [(names[one.asked], one, groups[one.asked]) for one in solved]


def _not_common(one: Solved, count: int) -> list[str]:
    if not count:
        return []
    return [f"{count:,} answers of {one.path} are left out, as other runs have none to these questions."]


def _tags(paths: Sequence[Path]) -> list[str]:
    """A name for each path: its last part, or all of it where two would have the same name."""
    names = [path.name for path in paths]
    return [name if names.count(name) == 1 else str(path) for name, path in zip(names, paths, strict=True)]


def _asked(store: ReplayStore) -> list[Asked]:
    golds = (store.class_texts[place][gold] for place, gold in enumerate(store.gold))
    return [Asked(*each) for each in zip(store.question_ids, store.questions, golds, strict=True)]


def _store_names(runs: Sequence[KeptEvaluation]) -> dict[str, str]:
    """What the report calls each store, by its hash: its label, with the hash where two have the same."""
    labels = {told["sha256"]: str(told["label"]) for run in runs for told in run.stores}
    shared = list(labels.values())
    return {sha: label if shared.count(label) == 1 else f"{label} ({sha[:6]})" for sha, label in labels.items()}


def _opened(told: Mapping[str, Any], run: KeptEvaluation) -> ReplayStore:
    store = load_store(told["found"])
    if store_digest(store) != told["sha256"]:
        raise TTSGymError(f"The store {told['found']} has changed since {run.directory} was made: evaluate again.")
    return store
