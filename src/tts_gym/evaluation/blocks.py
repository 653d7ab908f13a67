"""Blocks of work, one (store, controller, seeds) each."""

from __future__ import annotations

import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from tts_gym.agents.controller import Controller
from tts_gym.datasets.store import ReplayStore
from tts_gym.episode.rules import EpisodeRules


@dataclass(frozen=True)
class Block:
    """A controller on every question of a store under some seeds."""

    controller: Controller
    store: ReplayStore
    seeds: Sequence[int]
    rules: EpisodeRules


@dataclass(frozen=True)
class BlockResult:
    """Episode rows of a block, the seconds it took, and the warnings it gave."""

    rows: pd.DataFrame
    seconds: float
    messages: tuple[str, ...]


def run_block(block: Block) -> BlockResult:
    """Run one block."""
    start = time.perf_counter()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", RuntimeWarning)
        rows = block.controller.run(block.store, block.seeds, block.rules)
    messages = tuple(str(warning.message) for warning in caught if warning.category is RuntimeWarning)
    return BlockResult(rows, time.perf_counter() - start, messages)
