"""What a report is about: the controllers and stores of several evaluations, under names that tell them apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from tts_gym.datasets.catalogue import load_store
from tts_gym.datasets.digest import store_digest
from tts_gym.datasets.store import ReplayStore
from tts_gym.errors import TTSGymError
from tts_gym.evaluation.kept import KeptEvaluation


@dataclass(frozen=True)
class Entry:
    """A controller on a store.

    Attributes:
        controller: what the report calls the controller, the same on every store.
        family: what it calls controllers that differ in their parameters only.
        store: what it calls the store.
        record: the results, see ``KeptEvaluation.evaluations``.
    """

    controller: str
    family: str
    store: str
    record: Mapping[str, Any]


@dataclass(frozen=True)
class Contents:
    """What a report is about.

    Attributes:
        runs: the evaluations.
        entries: every controller on every store it was evaluated on.
        stores: the stores by what the report calls them.
        rows: the episodes: controller and store as the report calls them, "entry" (place in ``entries``), question_id,
            seed, answer, correct, tokens, sequential_tokens, width, probes, stop_step.
    """

    runs: Sequence[KeptEvaluation]
    entries: Sequence[Entry]
    stores: Mapping[str, ReplayStore]
    rows: pd.DataFrame

    @property
    def controllers(self) -> dict[str, Entry]:
        """The first entry of each controller."""
        found: dict[str, Entry] = {}
        for entry in self.entries:
            found.setdefault(entry.controller, entry)
        return found


def contents(runs: Sequence[KeptEvaluation]) -> Contents:
    """Put evaluations together, and open their stores.

    Args:
        runs: the evaluations, at least one.

    Raises:
        StoreError: a store is not where it was.
        TTSGymError: a store has changed since.
    """
    names = _store_names(runs)
    stores = {names[told["sha256"]]: _opened(told, run) for run in runs for told in run.stores}
    labels = [{str(each["label"]) for each in run.evaluations} for run in runs]
    entries: list[Entry] = []
    rows: list[pd.DataFrame] = []
    for place, run in enumerate(runs):
        shas = {told["store"]: told["sha256"] for told in run.stores}
        others = set().union(*(each for other, each in enumerate(labels) if other != place))
        for number, record in enumerate(run.evaluations):
            tag = f"@{run.directory.name}" if record["label"] in others else ""
            family = f"{record['controller']}{tag}"
            key = family + str(record["label"]).removeprefix(record["controller"])
            entry = Entry(key, family, names[shas[record["store"]]], record)
            if any((known.controller, known.store) == (entry.controller, entry.store) for known in entries):
                continue  # As where a controller is named beside zoo, which it is part of.
            own = run.rows[run.rows["evaluation"] == number]
            rows.append(own.assign(controller=key, store=entry.store, entry=len(entries)))
            entries.append(entry)
    return Contents(runs, entries, stores, pd.concat(rows, ignore_index=True))


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
