"""Intervals and paired comparisons, by bootstrap over questions: with few questions they are what varies."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

_RESAMPLES = 4000
_CHUNK = 200
_LEVEL = 0.95


@dataclass(frozen=True)
class Estimate:
    """A mean with its 95 % interval."""

    mean: float
    low: float
    high: float


def estimate(rows: pd.DataFrame, column: str) -> Estimate:
    """Mean of ``column`` over episodes, with a percentile bootstrap interval over questions.

    Args:
        rows: one row an episode, with ``store`` and ``question_id``.
        column: a numeric or boolean column.
    """
    return bootstrap(question_means(rows, column).to_numpy())


def question_means(rows: pd.DataFrame, column: str) -> pd.Series[float]:
    """Mean of ``column`` for each (store, question_id), in order of first appearance."""
    return rows[column].astype(float).groupby([rows["store"], rows["question_id"]], sort=False).mean()


def bootstrap(values: NDArray[np.floating]) -> Estimate:
    """Mean of ``values``, one a question, with its percentile bootstrap interval; the resampling is seeded.

    Args:
        values: float64 [questions].
    """
    rng = np.random.default_rng(0)
    shares = np.full(len(values), 1 / len(values))
    means = np.concatenate(
        [rng.multinomial(len(values), shares, size=_CHUNK) @ values / len(values) for _ in range(_RESAMPLES // _CHUNK)]
    )
    low, high = np.quantile(means, [(1 - _LEVEL) / 2, (1 + _LEVEL) / 2])
    return Estimate(float(values.mean()), float(low), float(high))


def compare(a: pd.DataFrame, b: pd.DataFrame) -> pd.DataFrame:
    """Differences a - b on the same questions, paired, with 95 % intervals by bootstrap over questions.

    Args:
        a: episode rows of one controller.
        b: episode rows of another on the same questions.

    Returns:
        Indexed by accuracy (percentage points), tokens and sequential_tokens, with columns difference, low, high.

    Raises:
        ValueError: if the two did not answer the same questions.
    """
    differences = {}
    for label, column, scale in (
        ("accuracy", "correct", 100.0),
        ("tokens", "tokens", 1.0),
        ("sequential_tokens", "sequential_tokens", 1.0),
    ):
        means_a, means_b = question_means(a, column), question_means(b, column)
        if set(means_a.index) != set(means_b.index):
            raise ValueError("The two controllers did not answer the same questions: evaluate both on the same stores.")
        paired = bootstrap(scale * (means_a - means_b.reindex(means_a.index)).to_numpy())
        differences[label] = {"difference": paired.mean, "low": paired.low, "high": paired.high}
    return pd.DataFrame.from_dict(differences, orient="index")
