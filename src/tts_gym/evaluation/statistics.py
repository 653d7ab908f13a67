"""Intervals and paired comparisons, by bootstrap over questions: with few questions they are what varies."""

from __future__ import annotations

from collections.abc import Sequence
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


def estimates(rows: pd.DataFrame, columns: Sequence[str]) -> list[Estimate]:
    """Mean of each of ``columns`` over episodes, with percentile bootstrap intervals over questions.

    Args:
        rows: one row an episode, with ``store`` and ``question_id``.
        columns: numeric or boolean columns.
    """
    return bootstrap(question_means(rows, columns).to_numpy())


def question_means(rows: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """Means over the seeds, for each (store, question_id), in order of first appearance.

    Args:
        rows: one row an episode, with ``store`` and ``question_id``.
        columns: numeric or boolean columns.

    Returns:
        float64, one row a question, with ``columns``.
    """
    return rows[list(columns)].astype(float).groupby([rows["store"], rows["question_id"]], sort=False).mean()


def bootstrap(values: NDArray[np.floating]) -> list[Estimate]:
    """Mean of each column of ``values``, with its percentile bootstrap interval; the resampling is seeded.

    Args:
        values: float64 [questions, columns].
    """
    rng = np.random.default_rng(0)
    shares = np.full(len(values), 1 / len(values))
    chunks = (rng.multinomial(len(values), shares, size=_CHUNK) for _ in range(_RESAMPLES // _CHUNK))
    # Not a product of matrices, for which BLAS would start threads that mostly wait.
    means = np.concatenate([np.einsum("rq,qc->rc", chunk, values) / len(values) for chunk in chunks])
    low, high = np.quantile(means, [(1 - _LEVEL) / 2, (1 + _LEVEL) / 2], axis=0)
    return [Estimate(*map(float, each)) for each in zip(values.mean(0), low, high, strict=True)]


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
    columns = ("correct", "tokens", "sequential_tokens")
    means_a, means_b = question_means(a, columns), question_means(b, columns)
    if set(means_a.index) != set(means_b.index):
        raise ValueError("The two controllers did not answer the same questions: evaluate both on the same stores.")
    paired = bootstrap((means_a - means_b.reindex(means_a.index)).to_numpy() * (100.0, 1.0, 1.0))
    return pd.DataFrame(
        [(each.mean, each.low, each.high) for each in paired],
        index=pd.Index(("accuracy", "tokens", "sequential_tokens")),
        columns=pd.Index(("difference", "low", "high")),
    )
