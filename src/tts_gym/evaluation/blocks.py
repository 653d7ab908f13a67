"""Blocks of work, one (store, controller, seeds) each, run in this process or in worker processes."""

from __future__ import annotations

import multiprocessing
import time
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import joblib
import pandas as pd
from joblib.externals.loky.process_executor import TerminatedWorkerError

from tts_gym.agents.controller import Controller
from tts_gym.datasets.store import ReplayStore
from tts_gym.envs.episode import EpisodeRules
from tts_gym.errors import ControllerError


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


def run_blocks(
    blocks: Sequence[Block], jobs: int = 1, timeout: float | None = None, isolate: bool = False
) -> Iterator[BlockResult]:
    """Run ``blocks`` and yield their results in the same order, whatever the number of workers.

    Args:
        blocks: the work.
        jobs: worker processes; with 1 everything runs in this process unless ``timeout`` or ``isolate`` ask for
            workers.
        timeout: seconds to wait for a block before its worker is killed.
        isolate: use worker processes in any case, so that compiled code can be interrupted.

    Raises:
        ControllerError: if a controller fails, takes too long, or takes its worker process down.
    """
    if jobs == 1 and timeout is None and not isolate:
        yield from map(run_block, blocks)
        return
    # joblib starts processes, which alone can be stopped, from two jobs on.
    parallel = joblib.Parallel(
        n_jobs=max(2, jobs), timeout=timeout, return_as="generator", batch_size=1, max_nbytes=None
    )
    results = parallel(joblib.delayed(run_block)(block) for block in blocks)
    for block in blocks:
        try:
            yield next(results)
        except (TimeoutError, multiprocessing.TimeoutError) as error:
            raise ControllerError(
                f"Controller {block.controller.name} did not end within {timeout:g} seconds on store "
                f"{block.store.name}: it may loop for ever, or needs a larger timeout."
            ) from error
        except TerminatedWorkerError as error:
            raise ControllerError(
                f"Controller {block.controller.name} took its worker process down on store {block.store.name}: "
                "it may have run out of memory or crashed."
            ) from error
