"""Evaluation: every question of a store under every seed, in one protocol for every kind of controller."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from os import PathLike
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from tts_gym.agents.controller import Controller, check_recorded
from tts_gym.agents.programs import Program
from tts_gym.agents.specs import label, make_controller, one_controller, specification
from tts_gym.datasets.catalogue import load_store
from tts_gym.datasets.schema import MOST_TOKENS
from tts_gym.datasets.store import ReplayStore
from tts_gym.episode.rules import EpisodeRules
from tts_gym.errors import ControllerError
from tts_gym.evaluation.block_cache import BlockCache
from tts_gym.evaluation.blocks import Block, BlockResult
from tts_gym.evaluation.statistics import Estimate, estimates
from tts_gym.evaluation.workers import Outcome, Workers

_log = logging.getLogger(__name__)

RULES = ("exact", "published")
"""The accounting rules by name."""

BLOCK_SEEDS = 25
"""Seeds of a block. It does not depend on the workers, so that blocks kept by one evaluation serve any other."""


@dataclass(frozen=True)
class Summary:
    """A controller on a store in figures.

    Attributes:
        store: label of the store.
        controller: name of the controller.
        params: its parameters.
        label: name and parameters, without those at their defaults.
        rules: accounting rules.
        probe_cost: tokens that a controller paid for each answer that it was shown of a branch that went on.
        seeds: seeds a question.
        questions: number of questions.
        accuracy: right answers, in %.
        tokens: total tokens an episode.
        sequential_tokens: tokens on the critical path of an episode.
        seconds: time it took, summed over workers.
        upper_bound: whether it is a bound on controllers, not one of them.
        isolation: layers of the jail of a candidate; empty for a controller that runs without one.
    """

    store: str
    controller: str
    params: Mapping[str, Any]
    label: str
    rules: str
    probe_cost: int
    seeds: int
    questions: int
    accuracy: Estimate
    tokens: Estimate
    sequential_tokens: Estimate
    seconds: float
    upper_bound: bool
    isolation: str


class Evaluation(NamedTuple):
    """What ``evaluate`` returns.

    Attributes:
        rows: one row an episode: controller, store, question_id, seed, answer, correct, tokens, sequential_tokens,
            width, probes, stop_step (calls that generated tokens).
        summary: the means, with 95 % intervals by bootstrap over questions.
    """

    rows: pd.DataFrame
    summary: Summary


@dataclass
class EvaluationProgress:
    """How far an evaluation has come.

    Attributes:
        episodes: all episodes.
        done: those that are done.
        last: controller and store of the last ones, empty before the first.
    """

    episodes: int
    done: int = 0
    last: str = ""


Watch = Callable[[EvaluationProgress], None]
"""Is told how far an evaluation has come."""


def evaluate(
    controller: str | Controller | Program | Callable[..., Any],
    store: str | PathLike[str] | ReplayStore,
    seeds: int = 100,
    rules: str = "exact",
    jobs: int = 1,
    timeout: float | None = None,
    executor: str = "loky",
    address: str | None = None,
    cache: str | PathLike[str] | None = None,
    fresh: bool = False,
    probe_cost: int = 0,
) -> Evaluation:
    """Run a controller on every question of a store under ``seeds`` branch orders.

    Args:
        controller: a specification such as ``"cmc:beta=0.5"``, a function of an episode, a program, a class with the
            published ``solve`` interface, or a controller.
        store: a catalogue name, a path, or a store.
        seeds: number of seeds; seed s replays the branches as shuffled by ``random.Random(s)``.
        rules: accounting, "exact" or "published" (design of the replay, section 3).
        jobs: worker processes; the results do not depend on it.
        timeout: seconds that one worker may take, unlimited by default.
        executor: "loky" for processes of this machine, "ray" for a Ray cluster (extra ``distributed``).
        address: address of a running Ray cluster; None starts one with ``jobs`` processes on this machine.
        cache: directory that keeps what is finished, so that an interrupted evaluation goes on, and others reuse it.
        fresh: run what the cache holds of this evaluation anew, and keep that.
        probe_cost: tokens charged for a probe (κ). Whoever looks at the answers of branches that go on pays for each
            that it is shown: programs with every interval, a policy that asks for them where it does.

    Raises:
        ControllerError: for a wrong controller or parameter, for one that needs a signal or probes which the store
            lacks, or one that fails or runs into the timeout.
        StoreError: for a store that is missing or refused.
        ValueError: for another argument out of range.
    """
    loaded = store if isinstance(store, ReplayStore) else load_store(store)
    workers = Workers(jobs, timeout, executor=executor, address=address)
    pairs = [(_as_controller(controller), loaded)]
    return next(evaluate_many(pairs, seeds, rules, workers, cache, fresh, probe_cost=probe_cost))


def evaluate_many(
    pairs: Sequence[tuple[Controller, ReplayStore]],
    seeds: int = 100,
    rules: str = "exact",
    workers: Workers | None = None,
    cache: str | PathLike[str] | None = None,
    fresh: bool = False,
    watch: Watch = lambda progress: None,
    probe_cost: int = 0,
) -> Iterator[Evaluation]:
    """Evaluate each (controller, store) pair, in order, and yield each as it is done.

    Args:
        pairs: the pairs.
        seeds: number of seeds, see ``evaluate``.
        rules: accounting, "exact" or "published".
        workers: who runs the blocks; this process by default.
        cache: directory that keeps what is finished.
        fresh: run what the cache holds of these pairs anew, and keep that.
        watch: is told of the progress at the beginning and after each block.
        probe_cost: tokens charged for a probe, see ``evaluate``.

    Raises:
        ControllerError: a controller needs a signal or probes that its store lacks, which is said before anything runs,
            fails, or runs into the timeout.
        ValueError: ``seeds``, ``rules`` or ``probe_cost`` is out of range.
    """
    if seeds < 1:
        raise ValueError(f"An evaluation needs at least 1 seed, but got {seeds}.")
    if rules not in RULES:
        raise ValueError(f"Unknown rules {rules!r}: use exact or published.")
    if not 0 <= probe_cost <= MOST_TOKENS:
        raise ValueError(f"A probe costs 0 to {MOST_TOKENS} tokens, but got {probe_cost}.")
    for controller, store in pairs:
        check_recorded(controller, store)
    episode_rules = EpisodeRules(published=rules == "published", probe_cost=probe_cost)
    shares = [range(first, min(first + BLOCK_SEEDS, seeds)) for first in range(0, seeds, BLOCK_SEEDS)]
    blocks = [Block(controller, store, share, episode_rules) for controller, store in pairs for share in shares]
    results = _results(blocks, workers or Workers(), None if cache is None else BlockCache(cache), fresh, watch)
    for controller, store in pairs:
        parts = [next(results) for _ in shares]
        for message in dict.fromkeys(message for part in parts for message in part.messages):
            warnings.warn(message, RuntimeWarning, stacklevel=2)
        rows = _in_order([part.rows for part in parts], store)
        rows.insert(0, "controller", specification(controller.name, controller.parameters))
        rows.insert(1, "store", store.label)
        graded = rows.assign(percent=100.0 * rows["correct"])
        accuracy, tokens, sequential = estimates(graded, ("percent", "tokens", "sequential_tokens"))
        summary = Summary(
            store=store.label,
            controller=controller.name,
            params=dict(controller.parameters),
            label=label(controller),
            rules=rules,
            probe_cost=probe_cost,
            seeds=seeds,
            questions=len(store),
            accuracy=accuracy,
            tokens=tokens,
            sequential_tokens=sequential,
            seconds=sum(part.seconds for part in parts),
            upper_bound=controller.upper_bound,
            isolation=", ".join({part.rows.attrs.get("isolation", ""): None for part in parts}),
        )
        told = (summary.label, summary.store, accuracy.mean, tokens.mean, summary.seconds)
        _log.info("%s on %s: %.2f %%, %.0f tokens, %.1f s", *told)
        yield Evaluation(rows, summary)


def _results(
    blocks: Sequence[Block], workers: Workers, finished: BlockCache | None, fresh: bool, watch: Watch
) -> Iterator[BlockResult]:
    """The results of ``blocks`` in their order, as soon as each has its turn."""
    episodes = [len(block.store) * len(block.seeds) for block in blocks]
    outcomes: dict[int, Outcome] = {}
    if finished is not None and not fresh:
        known = ((key, finished.find(block)) for key, block in enumerate(blocks))
        outcomes.update((key, result) for key, result in known if result is not None)
        _log.info("%d of %d blocks come from the cache %s", len(outcomes), len(blocks), finished.directory)
    progress = EvaluationProgress(sum(episodes), sum(episodes[key] for key in outcomes))
    watch(progress)
    missing = {key: block for key, block in enumerate(blocks) if key not in outcomes}
    with closing(workers.run(missing)) as running:
        for key in range(len(blocks)):
            while key not in outcomes:
                done, outcome = next(running)
                if finished is not None and isinstance(outcome, BlockResult):
                    finished.keep(blocks[done], outcome)
                outcomes[done] = outcome
                progress.done += episodes[done]
                progress.last = f"{blocks[done].controller.name} on {blocks[done].store.label}"
                watch(progress)
            turn = outcomes.pop(key)
            if isinstance(turn, ControllerError):
                raise turn
            yield turn


def _as_controller(controller: str | Controller | Program | Callable[..., Any]) -> Controller:
    if isinstance(controller, str):
        return one_controller(controller)
    return controller if isinstance(controller, Controller) else make_controller(controller)


def _in_order(parts: Sequence[pd.DataFrame], store: ReplayStore) -> pd.DataFrame:
    """Rows of consecutive seed ranges as one table, the seeds of a question together."""
    rows = pd.concat(parts, ignore_index=True)
    questions = np.concatenate([np.arange(len(part)) // (len(part) // len(store)) for part in parts])
    return rows.iloc[np.argsort(questions, kind="stable")].reset_index(drop=True)
