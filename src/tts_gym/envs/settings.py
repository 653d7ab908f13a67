"""The arguments of the environments, checked, and what is replayed under them."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from types import SimpleNamespace
from typing import Any

import numpy as np

from tts_gym.datasets.catalogue import load_store
from tts_gym.datasets.schema import MOST_TOKENS
from tts_gym.datasets.store import ReplayStore
from tts_gym.envs.spec import plain
from tts_gym.episode import votes
from tts_gym.episode.compiled import compiled_episode
from tts_gym.episode.episode import episode_fields
from tts_gym.episode.rules import EpisodeRules
from tts_gym.episode.state import FIELDS, NO_BUDGET, SHARED

AGGREGATORS = {"active": votes.ACTIVE, "finished": votes.FINISHED, "all": votes.ALL}
"""Pool of voters behind each aggregator."""

MOST_BRANCHES = 4096

DEFAULT_STORE = "smollm2-arithmetic"
"""The store of an environment that is made without one."""

ONE_STORE = (str, os.PathLike, ReplayStore)
StoreName = str | os.PathLike[str] | ReplayStore
StoreNames = StoreName | Sequence[StoreName]
"""Stores by name or path, or loaded already, which a keyword argument of ``gymnasium.make`` cannot be."""


@dataclass(frozen=True)
class Settings:
    """The arguments of ``TTSWidthDepth-v0``, which describes them.

    Raises:
        ValueError: an argument has a wrong type or value; the message names it.
    """

    store: StoreNames
    max_branches: int
    budget: int | None
    probe_cost: int
    cost_weight: float
    rules: str
    aggregator: str
    reveal: str
    invalid_action: str

    def __post_init__(self) -> None:
        """Check the arguments."""
        if not self.names or not all(isinstance(name, ONE_STORE) for name in self.names):
            raise ValueError(f"store is a name, a path or a list of them, but got {self.store!r}.")
        check_integer("max_branches", self.max_branches, 1, MOST_BRANCHES)
        if self.budget is not None:
            check_integer("budget", self.budget, 0, MOST_TOKENS)
        check_integer("probe_cost", self.probe_cost, 0, MOST_TOKENS)
        weight = plain(self.cost_weight)
        if isinstance(weight, bool) or not isinstance(weight, Real) or not 0 <= float(weight) < math.inf:
            raise ValueError(f"cost_weight is a finite number, 0 or more, but got {weight!r}.")
        _check_choice("rules", self.rules, ("exact", "published"))
        _check_choice("aggregator", self.aggregator, tuple(AGGREGATORS))
        _check_choice("reveal", self.reveal, ("probe", "advance"))
        _check_choice("invalid_action", self.invalid_action, ("ignore", "raise"))

    @property
    def names(self) -> tuple[Any, ...]:
        """The store arguments, one or more."""
        if isinstance(self.store, ONE_STORE):
            return (self.store,)
        return tuple(self.store) if isinstance(self.store, Sequence) else ()

    @property
    def pool(self) -> int:
        """The pool of voters that answers."""
        return AGGREGATORS[self.aggregator]

    @property
    def episode_rules(self) -> EpisodeRules:
        """Spending and accounting."""
        return EpisodeRules(
            published=self.rules == "published",
            budget=NO_BUDGET if self.budget is None else int(self.budget),
            probe_cost=int(self.probe_cost),
            eager=self.reveal == "advance",
        )

    def open_replays(self, rows: int | None = None) -> tuple[Replay, ...]:
        """Load the stores, for one episode at a time or for ``rows`` side by side.

        Raises:
            StoreError: a store is missing or refused.
        """
        stores = (name if isinstance(name, ReplayStore) else load_store(name) for name in self.names)
        return tuple(Replay(store, self.episode_rules, int(self.max_branches), rows) for store in stores)


def check_integer(name: str, value: object, least: int, most: int) -> None:
    """Refuse a value of the argument ``name`` that is not an integer between ``least`` and ``most``."""
    if isinstance(value, bool) or not isinstance(value, Integral) or not least <= int(value) <= most:
        raise ValueError(f"{name} is an integer from {least} to {most}, but got {value!r}.")


def _check_choice(name: str, value: object, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise ValueError(f"{name} is one of {', '.join(map(repr, choices))}, but got {value!r}.")


class Replay:
    """One store and the arrays of what is played on it: an episode, or a row of episodes.

    Attributes:
        store: what is replayed.
        branch_tokens: its mean branch length in tokens, the unit of the reward.
        longest: intervals of its longest branch, the finishing one included.
        state: the arrays, for kernels run in Python.
        episode: the same arrays, for compiled kernels.
    """

    def __init__(self, store: ReplayStore, rules: EpisodeRules, max_branches: int, rows: int | None = None) -> None:
        """Allocate an episode for ``store``, or ``rows`` of them."""
        fields = episode_fields(store, rules, max_branches)
        if rows is not None:
            for name in set(FIELDS) - set(SHARED):
                fields[name] = np.tile(fields[name], (rows, 1))
        self.store = store
        self.branch_tokens = store.mean_branch_tokens
        self.longest = store.most_probes + 1
        self.state = SimpleNamespace(**fields)
        self.episode = compiled_episode(fields)

    def snapshot(self) -> dict[str, Any]:
        """Copies of the arrays that an episode changes."""
        return {name: getattr(self.state, name).copy() for name in FIELDS if name not in ("tables", "confidences")}

    def restore(self, snapshot: dict[str, Any]) -> None:
        """Go back to a snapshot of an episode on the same store."""
        for name, array in snapshot.items():
            getattr(self.state, name)[...] = array
