"""Candidates in a jail: a process that can read nothing and reach nobody, and is killed at its deadline.

The process is given branch tables and returns integers, which are checked and graded here. ``isolation`` tells of what
the jail is made on a given system.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace

import numba
import numpy as np
import pandas as pd

from tts_gym.agents.drive import COLUMNS
from tts_gym.agents.synthesis import contract
from tts_gym.agents.synthesis.blind import blind, describe
from tts_gym.agents.synthesis.boundary import printable
from tts_gym.agents.synthesis.candidate import Candidate
from tts_gym.agents.synthesis.isolation import described, lacking, may_run
from tts_gym.agents.synthesis.outcome import LONGEST_OUTCOME, grade, read_outcome, too_wide
from tts_gym.agents.synthesis.process import run_jail
from tts_gym.datasets.store import ReplayStore
from tts_gym.envs.episode import EpisodeRules
from tts_gym.errors import TTSGymError

LONGEST_REASON = 700
"""Characters of a reason."""


@dataclass(frozen=True)
class Limits:
    """What a candidate may use.

    Attributes:
        seconds: by the clock, from the moment the jail is shut; compiling counts.
        memory: bytes of address space, that of the interpreter included.
        file_size: bytes that a file may have.
        processes: processes that the user may have; it does not bind the superuser.
        allow_weak: whether an audited candidate may run where a layer of strong isolation is missing.
    """

    seconds: float = 60.0
    memory: int = 4 * 2**30
    file_size: int = 0
    processes: int = 0
    allow_weak: bool = False


@dataclass(frozen=True)
class JailRun:
    """What came of a candidate.

    Attributes:
        rows: a table for each store and, within it, each value of the knob, with the columns of ``episode_rows`` and
            ``beta``; None where the candidate failed.
        failure: a category and a reason in one line; None where there are rows.
        isolation: the layers of the jail.
        seconds: how long it took, the start of the process included.
        compiled: whether it ran as compiled code.
        schedule: the parameters for each value of the knob that was asked for.
    """

    rows: list[pd.DataFrame] | None
    failure: str | None
    isolation: str
    seconds: float
    compiled: bool
    schedule: list[dict[str, float]] = field(default_factory=list)


def run_jailed(
    candidate: Candidate,
    stores: Sequence[ReplayStore],
    betas: Sequence[float],
    seeds: Sequence[int],
    rules: EpisodeRules,
    limits: Limits = Limits(),  # noqa: B008
    max_width: int = 64,
    schedule_betas: Sequence[float] = (),
    copies: np.random.Generator | None = None,
) -> JailRun:
    """Run ``candidate`` on every store, under every value of the knob and every seed.

    Whatever the candidate does, there is a ``JailRun``, which tells of it.

    Args:
        candidate: what runs; nothing is believed of it.
        stores: at least one.
        betas: values of the knob.
        seeds: one branch order each.
        rules: spending and accounting.
        limits: what it may use.
        max_width: branches that an episode may open; more are a failure.
        schedule_betas: values of the knob for which the parameters are wanted.
        copies: what draws the perturbed copies that it runs on; None to run on the stores as they are.

    Raises:
        TTSGymError: if no jail starts on this machine, or only a weak one, which ``limits`` do not allow.
    """
    start = time.monotonic()
    blinded = [blind(store, np.random.default_rng(), copies) for store in stores]
    blocks = [(place, float(beta)) for place in range(len(stores)) for beta in betas]
    episodes = [len(stores[place]) * len(seeds) for place, _ in blocks]
    request = {
        "source": candidate.source,
        "audited": candidate.audited,
        "betas": list(map(float, betas)),
        "schedule_betas": list(map(float, schedule_betas)),
        "seeds": list(map(int, seeds)),
        "rules": asdict(rules),
        "limits": asdict(limits),
        "stores": [describe(one.tables, store.interval) for one, store in zip(blinded, stores, strict=True)],
    }
    with tempfile.TemporaryFile() as file:
        file.write(json.dumps(request).encode() + b"\n")
        for one in blinded:
            for array in one.tables:
                file.write(np.ascontiguousarray(array).data)
        file.seek(0)
        answers = run_jail(file, LONGEST_OUTCOME + 8 * len(COLUMNS) * sum(episodes), limits.seconds)
    compiled = candidate.audited and not numba.config.DISABLE_JIT
    failure = answers.failure
    if not may_run(answers.layers, candidate.audited, limits.allow_weak):
        failure = _too_weak(answers.layers, candidate)
    run = JailRun(None, failure, described(answers.layers), 0.0, compiled)
    if run.failure is None:
        try:
            failure, schedule, results = read_outcome(answers.message, len(schedule_betas), episodes)
            rows = [
                grade(part, stores[place], blinded[place], seeds, beta)
                for part, (place, beta) in zip(results, blocks, strict=failure is None)
            ]
            failure = failure or too_wide(rows, max_width)
            run = replace(run, rows=None if failure else rows, failure=failure, schedule=schedule)
        except Exception as error:
            reason = printable(f"crashed: it returned no results: {error}", LONGEST_REASON)
            run = replace(run, rows=None, failure=reason, schedule=[])
    return replace(run, seconds=time.monotonic() - start)


def _too_weak(layers: Sequence[str], candidate: Candidate) -> str:
    """Why a class does not run behind ``layers``; for an audited candidate the machine has to change, or its user."""
    missing = ", ".join(lacking(layers))
    if candidate.audited:
        raise TTSGymError(
            f"The jail for candidates is weak on this machine, without {missing}: run it where these are to be had, or "
            "with --allow-weak-isolation."
        )
    return f"refused: it is a class, which runs behind strong isolation only, and this machine lacks {missing}"


def validate(
    candidate: Candidate,
    store: ReplayStore,
    limits: Limits = Limits(),  # noqa: B008
    max_width: int = 64,
    rules: EpisodeRules = EpisodeRules(),  # noqa: B008
    copies: np.random.Generator | None = None,
) -> JailRun:
    """Check what only running tells, on a quick replay of ``store`` in a jail.

    The candidate compiles; its schedule is total on [0, 1] and each parameter monotone; mean tokens do not fall as the
    knob is turned up; the same episode always comes out the same; no episode opens more than ``max_width`` branches;
    what it returns is an answer of the episode, or none. ``copies`` is as for ``run_jailed``.

    Returns:
        Its rows, or the failure that tells what does not hold.

    Raises:
        TTSGymError: if no jail starts on this machine, or only a weak one, which ``limits`` do not allow.
    """
    betas = contract.REPLAY_BETAS
    run = run_jailed(
        candidate, [store], [*betas, *reversed(betas)], contract.REPLAY_SEEDS, rules, limits, max_width,
        contract.SCHEDULE_BETAS, copies,
    )  # fmt: skip
    if run.rows is None:
        return run
    first, again = run.rows[: len(betas)], run.rows[: len(betas) - 1 : -1]
    failure = (
        contract.not_monotone(run.schedule) or contract.not_deterministic(first, again) or contract.tokens_fall(first)
    )
    return replace(run, rows=None if failure else run.rows, failure=failure)
