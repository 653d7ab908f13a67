"""Candidates in a jail: a process that can read nothing and reach nobody, and is killed at its deadline.

The process of a program is given branch tables and returns integers, which are checked and graded here; that of a class
is given nothing and is served (``serving``). ``isolation`` tells of what the jail is made on a given system.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, replace

import numba
import numpy as np

from tts_gym.agents.drive import COLUMNS
from tts_gym.agents.synthesis import contract
from tts_gym.agents.synthesis.blind import blind, describe
from tts_gym.agents.synthesis.boundary import printable
from tts_gym.agents.synthesis.candidate import Candidate
from tts_gym.agents.synthesis.isolation import described
from tts_gym.agents.synthesis.outcome import LONGEST_OUTCOME, grade, read_outcome, too_wide
from tts_gym.agents.synthesis.process import run_jail
from tts_gym.agents.synthesis.runs import JailRun, Limits, weakness
from tts_gym.agents.synthesis.serving import run_class
from tts_gym.datasets.store import ReplayStore
from tts_gym.envs.episode import EpisodeRules

LONGEST_REASON = 700
"""Characters of a reason."""


def run_jailed(
    candidate: Candidate,
    stores: Sequence[ReplayStore],
    betas: Sequence[float],
    seeds: Sequence[int],
    rules: EpisodeRules,
    limits: Limits = Limits(),  # noqa: B008
    max_width: int = 64,
    schedule_betas: Sequence[float] = (),
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

    Raises:
        TTSGymError: if no jail starts on this machine, or only a weak one, which ``limits`` do not allow.
    """
    if not candidate.audited:
        return run_class(candidate, stores, betas, seeds, rules, limits, max_width, schedule_betas)
    start = time.monotonic()
    blinded = [blind(store, np.random.default_rng()) for store in stores]
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
    failure = weakness(answers.layers, candidate, limits) or answers.failure
    run = JailRun(None, failure, described(answers.layers), 0.0, compiled=not numba.config.DISABLE_JIT)
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


def validate(
    candidate: Candidate,
    store: ReplayStore,
    limits: Limits = Limits(),  # noqa: B008
    max_width: int = 64,
    rules: EpisodeRules = EpisodeRules(),  # noqa: B008
) -> JailRun:
    """Check what only running tells, on a quick replay of ``store`` in a jail.

    The candidate compiles; its schedule is total on [0, 1] and each parameter monotone; mean tokens do not fall as the
    knob is turned up; the same episode always comes out the same; no episode opens more than ``max_width`` branches;
    what it returns is an answer of the episode, or none.

    Returns:
        Its rows, or the failure that tells what does not hold.

    Raises:
        TTSGymError: if no jail starts on this machine, or only a weak one, which ``limits`` do not allow.
    """
    betas = contract.REPLAY_BETAS
    run = run_jailed(
        candidate, [store], [*betas, *reversed(betas)], contract.REPLAY_SEEDS, rules, limits, max_width,
        contract.SCHEDULE_BETAS,
    )  # fmt: skip
    if run.rows is None:
        return run
    first, again = run.rows[: len(betas)], run.rows[: len(betas) - 1 : -1]
    failure = (
        contract.not_monotone(run.schedule) or contract.not_deterministic(first, again) or contract.tokens_fall(first)
    )
    return replace(run, rows=None if failure else run.rows, failure=failure)
