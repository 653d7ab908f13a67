"""Scoring a candidate in stages, behind the jail: read, validate, a few seeds, all seeds if that may be worth it.

Each stage runs on perturbed copies of the stores of its own, so that nothing known of a recorded branch is of use. They
follow from the seed of the discovery, the source and the stage: the same candidate comes to the same again, and one
that is proposed twice has no second draw.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from tts_gym.datasets.store import ReplayStore
from tts_gym.discovery.records import COUNTS, LONGEST_FAILURE, Assessment
from tts_gym.discovery.settings import BETAS, DiscoverySettings
from tts_gym.evaluation.statistics import compare
from tts_gym.sandbox.boundary import printable
from tts_gym.sandbox.candidate import Candidate, read_candidate
from tts_gym.sandbox.jail import run_jailed, validate
from tts_gym.sandbox.refusal import CandidateError

QUICK_SEEDS = 8
"""Seeds of the first look."""


def assess(
    source: str,
    stores: Sequence[ReplayStore],
    settings: DiscoverySettings,
    rivals: pd.DataFrame | None,
    seed_program: bool,
) -> Assessment:
    """Score the candidate ``source``.

    Args:
        source: its code.
        stores: what it is replayed on.
        settings: how.
        rivals: tables of questions of earlier candidates with a column ``controller``, to see whether it is clearly
            dominated after a few seeds; None to go to all of them at once.
        seed_program: whether it is a seed program, which always has a knob.
    """
    try:
        candidate = read_candidate(source)
    except CandidateError as error:
        return Assessment("reading", _line(str(error)))
    copies = _copies(candidate, settings, "validation")
    checked = validate(candidate, stores[0], settings.limits, rules=settings.episode_rules, copies=copies)
    if checked.failure:
        failure = _line(checked.failure)
        return Assessment("validation", failure, checked.isolation, checked.seconds, audited=candidate.audited)
    betas = BETAS if seed_program else settings.betas
    last = last_stage(settings)
    if rivals is None or last == "quick":
        return _run(candidate, stores, betas, settings, last)
    quick = _run(candidate, stores, betas, settings, "quick")
    if quick.table is None:
        return quick
    if clearly_dominated(quick.table, rivals):
        return replace(quick, dominated=True)
    whole = _run(candidate, stores, betas, settings, last)
    return replace(whole, seconds=quick.seconds + whole.seconds)


def recordings(source: str, stores: Sequence[ReplayStore], settings: DiscoverySettings) -> Assessment:
    """Run a candidate that was scored on all seeds on the stores themselves.

    Args:
        source: its code.
        stores: what it is replayed on.
        settings: how.
    """
    return _run(read_candidate(source), stores, settings.betas, settings, "recordings")


def last_stage(settings: DiscoverySettings) -> str:
    """The stage of a candidate that was scored on all seeds."""
    return "quick" if settings.seeds <= QUICK_SEEDS else "all"


def clearly_dominated(table: pd.DataFrame, rivals: pd.DataFrame) -> bool:
    """Whether at every beta some rival that costs no more is more accurate, by a paired 95 % interval.

    Args:
        table: of a candidate, see ``Assessment``.
        rivals: those of others, with a column ``controller``, on the same questions.
    """
    means = rivals.groupby("controller", sort=False)[["tokens", "correct"]].mean()
    for _, own in table.groupby("beta"):
        cheaper = means[means["tokens"] <= own["tokens"].mean()]
        if cheaper.empty:
            return False
        rival = rivals[rivals["controller"] == cheaper["correct"].idxmax()]
        if float(compare(rival, own)["low"].iloc[0]) <= 0:
            return False
    return True


def _run(
    candidate: Candidate, stores: Sequence[ReplayStore], betas: Sequence[float], settings: DiscoverySettings, stage: str
) -> Assessment:
    seeds = range(min(QUICK_SEEDS, settings.seeds) if stage == "quick" else settings.seeds)
    copies = None if stage == "recordings" else _copies(candidate, settings, stage)
    run = run_jailed(candidate, stores, betas, seeds, settings.episode_rules, settings.limits, copies=copies)
    audited = candidate.audited
    if run.rows is None:
        failure = _line(run.failure or "it gave no results")
        return Assessment(stage, failure, run.isolation, run.seconds, audited=audited)
    labels = [store.label for store in stores for _ in betas]
    rows = pd.concat([part.assign(store=label) for label, part in zip(labels, run.rows, strict=True)])
    columns = {name: rows[name].astype(float) for name in COUNTS}
    means = rows.assign(**columns).groupby(["store", "question_id", "beta"], sort=False)[list(COUNTS)].mean()
    return Assessment(stage, None, run.isolation, run.seconds, means.reset_index(), audited=audited)


def _copies(candidate: Candidate, settings: DiscoverySettings, stage: str) -> np.random.Generator:
    """What draws the copies of a stage."""
    return np.random.default_rng([settings.seed, int(candidate.digest, 16), int.from_bytes(stage.encode())])


def _line(reason: str) -> str:
    return printable(reason, LONGEST_FAILURE)
