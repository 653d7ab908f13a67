"""What is replayed under a configuration: its stores, each with the arrays of the episodes on it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

from tts_gym.datasets.catalogue import load_store
from tts_gym.datasets.store import ReplayStore
from tts_gym.envs.config import ReplayConfig
from tts_gym.episode.compiled import compiled_episode
from tts_gym.episode.episode import episode_fields
from tts_gym.episode.rules import EpisodeRules
from tts_gym.episode.state import FIELDS, NO_BUDGET, SHARED


def episode_rules(config: ReplayConfig) -> EpisodeRules:
    """Spending and accounting under a configuration."""
    return EpisodeRules(
        published=config.rules == "published",
        budget=NO_BUDGET if config.budget is None else config.budget,
        probe_cost=config.probe_cost,
        eager=config.reveal == "advance",
    )


class Replay:
    """One store and the arrays of what is played on it: an episode, or a row of episodes.

    Attributes:
        store: what is replayed.
        branch_tokens: its mean branch length in tokens, the unit of the reward.
        longest: intervals of its longest branch, the finishing one included.
        state: the arrays, for kernels run in Python.
        episode: the same arrays, for compiled kernels.
    """

    def __init__(self, store: ReplayStore, config: ReplayConfig, rows: int | None = None) -> None:
        """Allocate what is played.

        Args:
            store: what is replayed.
            config: under which arguments.
            rows: episodes side by side; None for one, whose arrays have no axis for them.
        """
        fields = episode_fields(store, episode_rules(config), config.max_branches)
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


def open_replays(config: ReplayConfig, rows: int | None = None) -> tuple[Replay, ...]:
    """Load the stores of a configuration.

    Args:
        config: the arguments.
        rows: episodes side by side on each store; None for one at a time.

    Raises:
        StoreError: a store is missing or refused.
    """
    stores = (store if isinstance(store, ReplayStore) else load_store(store) for store in config.stores)
    return tuple(Replay(store, config, rows) for store in stores)
