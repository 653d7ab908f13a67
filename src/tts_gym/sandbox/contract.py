"""What a candidate promises beyond being allowed, checked on what it returned in a jail."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
import pandas as pd

SCHEDULE_BETAS = tuple(float(beta) for beta in np.linspace(0, 1, 101))
"""Values of the knob at which the schedule is looked at."""

REPLAY_BETAS = (0.0, 0.25, 0.5, 0.75, 1.0)
"""Values of the knob of the quick replay."""

REPLAY_SEEDS = range(8)
"""Seeds of the quick replay."""

SLACK = 0.02
"""Share by which mean tokens may fall from one value of the knob to the next, as few episodes are replayed."""


def not_monotone(schedule: Sequence[Mapping[str, float]]) -> str | None:
    """One line if a parameter both rises and falls over ``SCHEDULE_BETAS``."""
    for name in schedule[0]:
        steps = np.sign(np.diff([float(entry[name]) for entry in schedule]))
        if steps.min() < 0 < steps.max():
            first = steps[steps != 0][0]
            turn = SCHEDULE_BETAS[int(np.flatnonzero(steps == -first)[0])]
            return (
                f"refused: the parameter {name} of schedule is not monotone in beta: it {_goes(first)} at first and "
                f"{_goes(-first)} from beta = {turn:g} on"
            )
    return None


def _goes(sign: float) -> str:
    return "rises" if sign > 0 else "falls"


def not_deterministic(first: Sequence[pd.DataFrame], again: Sequence[pd.DataFrame]) -> str | None:
    """One line if two runs of the same episodes differ; the second was in another order.

    Args:
        first: a table a run.
        again: the same runs, with their rows in the same order.
    """
    for one, other in zip(first, again, strict=True):
        differing = np.flatnonzero((one.fillna({"answer": ""}) != other.fillna({"answer": ""})).any(axis=1))
        if len(differing):
            row = one.iloc[differing[0]]
            return (
                f"refused: it is not deterministic: question {row['question_id']}, seed {row['seed']}, beta "
                f"{row['beta']:g} came out differently the second time"
            )
    return None


def tokens_fall(rows: Sequence[pd.DataFrame]) -> str | None:
    """One line if mean tokens fall, by more than ``SLACK``, from one value of the knob to the next."""
    for low, high in pairwise(rows):
        before, after = low["tokens"].mean(), high["tokens"].mean()
        if after < before * (1 - SLACK):
            return (
                f"refused: a larger beta must not spend less, but mean tokens fall from {before:,.0f} at beta = "
                f"{low['beta'].iloc[0]:g} to {after:,.0f} at {high['beta'].iloc[0]:g}"
            )
    return None
