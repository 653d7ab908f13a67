"""Running blocks: in this process, in processes of this machine (loky), or on a Ray cluster.

Candidates have processes of their own, their jails, which end with this process; threads wait for them.
"""

from __future__ import annotations

import multiprocessing
import time
import warnings
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import joblib
from joblib.externals.loky.process_executor import TerminatedWorkerError

from tts_gym.clusters import ray_cluster
from tts_gym.errors import ControllerError
from tts_gym.evaluation.blocks import Block, BlockResult, run_block
from tts_gym.sandbox.jailed_controller import JailedController

EXECUTORS = ("loky", "ray")

Outcome = BlockResult | ControllerError
"""What a block comes to: its result, or why its controller failed."""

TRIES = 2
"""How often a block is run whose worker process dies."""


@dataclass(frozen=True)
class Workers:
    """Who runs the blocks.

    Attributes:
        jobs: worker processes; with 1 everything runs in this process, unless another attribute asks for workers.
        timeout: seconds to wait for the next block before the evaluation is given up.
        isolate: use worker processes in any case, so that compiled code can be interrupted.
        executor: "loky" for processes of this machine, "ray" for a Ray cluster.
        address: address of a running Ray cluster; None starts one with ``jobs`` processes on this machine.

    Raises:
        ValueError: an attribute is out of range.
    """

    jobs: int = 1
    timeout: float | None = None
    isolate: bool = False
    executor: str = "loky"
    address: str | None = None

    def __post_init__(self) -> None:
        """Check the attributes."""
        if self.jobs < 1:
            raise ValueError(f"An evaluation needs at least 1 job, but got {self.jobs}.")
        if self.timeout is not None and not self.timeout > 0:
            raise ValueError(f"A timeout is a positive number of seconds, but got {self.timeout}.")
        if self.executor not in EXECUTORS:
            raise ValueError(f"Unknown executor {self.executor!r}: use loky or ray.")
        if self.address is not None and self.executor != "ray":
            raise ValueError("An address is that of a Ray cluster: use it with the executor ray.")

    def run(self, blocks: Mapping[int, Block]) -> Generator[tuple[int, Outcome], None, None]:
        """Run ``blocks`` and yield their keys and outcomes as they finish.

        A block whose worker process dies is run again, at last alone.

        Raises:
            ControllerError: if a controller takes too long, or takes its worker down every time.
            TTSGymError: if Ray is not installed or not reached.
        """
        jailed = {key: block for key, block in blocks.items() if isinstance(block.controller, JailedController)}
        yield from _run_in_jails(jailed, self.jobs)
        blocks = {key: block for key, block in blocks.items() if key not in jailed}
        if not blocks:
            return
        if self.executor == "ray":
            yield from _run_on_ray(blocks, self)
        elif self.jobs == 1 and self.timeout is None and not self.isolate:
            yield from (_run_numbered(key, block) for key, block in blocks.items())
        else:
            yield from _run_in_processes(blocks, self)


def _run_in_jails(blocks: Mapping[int, Block], jobs: int) -> Generator[tuple[int, Outcome], None, None]:
    parallel = joblib.Parallel(jobs, "threading", return_as="generator_unordered", batch_size=1)
    with _left(parallel(joblib.delayed(_run_in_jail)(*item) for item in blocks.items())) as outcomes:
        for outcome in outcomes:  # noqa: UP028 - yield from would close them first
            yield outcome


def _run_in_jail(key: int, block: Block) -> tuple[int, Outcome]:
    """``_run_numbered`` for a thread: warnings, which a jail has none of, are recorded for all threads together."""
    start = time.perf_counter()
    try:
        rows = block.controller.run(block.store, block.seeds, block.rules)
    except ControllerError as error:
        return key, error
    return key, BlockResult(rows, time.perf_counter() - start, ())


def _run_in_processes(blocks: Mapping[int, Block], workers: Workers) -> Generator[tuple[int, Outcome], None, None]:
    waiting = dict(blocks)
    for _ in range(TRIES - 1):
        try:
            yield from _run_together(waiting, workers)
            return
        except TerminatedWorkerError:
            pass
    for key, block in list(waiting.items()):
        try:
            yield from _run_together({key: block}, workers)
        except TerminatedWorkerError as error:
            raise _died(block) from error


def _run_together(waiting: dict[int, Block], workers: Workers) -> Generator[tuple[int, Outcome], None, None]:
    """Run the blocks ``waiting`` and remove the finished ones."""
    # joblib starts processes, which alone can be stopped, from two jobs on.
    parallel = joblib.Parallel(
        n_jobs=max(2, workers.jobs), timeout=workers.timeout, return_as="generator_unordered", batch_size=1
    )
    with _left(parallel(joblib.delayed(_run_numbered)(*item) for item in list(waiting.items()))) as outcomes:
        try:
            for key, outcome in outcomes:
                del waiting[key]
                yield key, outcome
        except (TimeoutError, multiprocessing.TimeoutError) as error:
            raise _too_slow(next(iter(waiting.values())), workers) from error


@contextmanager
def _left(outcomes: Any) -> Generator[Any, None, None]:
    """``outcomes`` of joblib, which may be left before they end, say because a controller failed."""
    try:
        yield outcomes
    finally:
        with warnings.catch_warnings():
            # Whoever stops early knows that results are left.
            warnings.filterwarnings("ignore", r"\d+ tasks", UserWarning)
            outcomes.close()


def _run_numbered(key: int, block: Block) -> tuple[int, Outcome]:
    try:
        return key, run_block(block)
    except ControllerError as error:
        return key, error


def _run_on_ray(blocks: Mapping[int, Block], workers: Workers) -> Generator[tuple[int, Outcome], None, None]:
    with ray_cluster(workers.address, workers.jobs) as ray:
        stores = {id(block.store): ray.put(block.store) for block in blocks.values()}
        remote = ray.remote(max_retries=TRIES - 1, num_cpus=1)(_run_parts)
        running = {
            remote.remote(key, block.controller, stores[id(block.store)], block.seeds, block.rules): key
            for key, block in blocks.items()
        }
        try:
            while running:
                finished, _ = ray.wait(list(running), timeout=workers.timeout)
                if not finished:
                    raise _too_slow(blocks[min(running.values())], workers)
                key = running.pop(finished[0])
                try:
                    yield ray.get(finished[0])
                except ray.exceptions.WorkerCrashedError as error:
                    raise _died(blocks[key]) from error
        finally:
            for reference in running:
                ray.cancel(reference, force=True)


def _run_parts(key: int, *parts: Any) -> tuple[int, Outcome]:
    """``_run_numbered`` for Ray, which sends a store once if it is an argument of its own."""
    return _run_numbered(key, Block(*parts))


def _too_slow(block: Block, workers: Workers) -> ControllerError:
    return ControllerError(
        f"Controller {block.controller.name} did not end within {workers.timeout:g} seconds on store "
        f"{block.store.name}: it may loop for ever, or needs a larger timeout."
    )


def _died(block: Block) -> ControllerError:
    return ControllerError(
        f"Controller {block.controller.name} took its worker process down {TRIES} times on store "
        f"{block.store.name}: it may have run out of memory or crashed."
    )
