"""Candidates in a jail: a process that can read nothing and reach nobody, and is killed at its deadline.

The process of a program is given branch tables and returns what was done in each episode and which answer was given:
what that costs is recounted here, and it is graded here. That of a class is given nothing and is served (``serving``).
``isolation`` tells of what the jail is made on a given system.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, replace

import numba
import numpy as np
import pandas as pd

from tts_gym.agents.recount import Recounter
from tts_gym.datasets.store import ReplayStore
from tts_gym.episode.rules import EpisodeRules
from tts_gym.sandbox import contract
from tts_gym.sandbox.agreement import SAMPLE, Sample, unforeseen_seeds
from tts_gym.sandbox.anonymise import anonymise, describe
from tts_gym.sandbox.candidate import Candidate
from tts_gym.sandbox.isolation import described
from tts_gym.sandbox.jail_process import request_file, run_jail
from tts_gym.sandbox.messages import Read
from tts_gym.sandbox.perturb import perturbed
from tts_gym.sandbox.results import Block, Schedule, read_results, too_wide
from tts_gym.sandbox.runs import JailRun, Limits, weakness
from tts_gym.sandbox.serving import run_class


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

    A program then runs a sample of these episodes, and of others in branch orders drawn for it, in plain Python too; it
    is refused if it does anything else there. Whatever the candidate does, there is a ``JailRun``, which tells of it.

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
    if copies is not None:
        stores = [replace(store, tables=perturbed(store.tables, store.interval, copies)) for store in stores]
    if not candidate.audited:
        return run_class(candidate, stores, betas, seeds, rules, limits, max_width, schedule_betas)
    start = time.monotonic()
    anonymised = [anonymise(store, np.random.default_rng()) for store in stores]
    all_seeds = [*map(int, seeds), *unforeseen_seeds()]
    blocks = [
        Block(store, one, recounter, float(beta))
        for store, one in zip(stores, anonymised, strict=True)
        for recounter in [Recounter(replace(store, tables=one.tables), all_seeds, rules)]
        for beta in betas
    ]
    request = {
        "source": candidate.source,
        "audited": True,
        "betas": list(map(float, betas)),
        "schedule_betas": list(map(float, schedule_betas)),
        "seeds": all_seeds,
        "rules": asdict(rules),
        "limits": asdict(limits),
        "stores": [describe(one.tables, store.interval) for one, store in zip(anonymised, stores, strict=True)],
    }
    sample = Sample(stores, anonymised, blocks, all_seeds, SAMPLE)

    def hear(read: Read) -> tuple[list[pd.DataFrame], Schedule]:
        return read_results(read, blocks, seeds, len(schedule_betas), sample.note)

    with request_file(request, [one.tables for one in anonymised]) as file:
        answers = run_jail(file, hear, limits.seconds)
    failure = weakness(answers.layers, candidate, limits) or answers.failure
    rows, schedule = answers.heard or ([], [])
    failure = failure or too_wide(rows, max_width)
    failure = failure or sample.disagreement(candidate, rules, limits)
    return JailRun(
        rows=None if failure else rows,
        failure=failure,
        isolation=described(answers.layers),
        seconds=time.monotonic() - start,
        compiled=not numba.config.DISABLE_JIT,
        schedule=schedule,
    )


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
    knob is turned up; the same episode always comes out the same, in plain Python too; no episode opens more than
    ``max_width`` branches; what it returns is an answer of the episode, or none. ``copies`` is as for
    ``run_jailed``.

    Args:
        candidate: what is tried.
        store: what it is tried on.
        limits: what it may use.
        max_width: branches that it may open.
        rules: spending and accounting.
        copies: as for ``run_jailed``.

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
