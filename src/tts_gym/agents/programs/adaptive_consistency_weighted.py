"""Adaptive-consistency with confidence-weighted votes: a generalisation of ``asc`` (arXiv 2305.11860)."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from tts_gym.agents.programs.confidences import voter_confidence, weighted_leader, weighted_votes
from tts_gym.agents.programs.program import Between, Program
from tts_gym.episode.episode import Episode


def half_integral(p: float, q: float) -> float:
    """The integral of x^(p − 1) (1 − x)^(q − 1) from 0 to 1/2, times 2^(p + q).

    It is the series (1/p) Σ (p + q)_n / (p + 1)_n 2^−n of the incomplete beta function at 1/2. The terms are positive
    and rise to one peak, so nothing cancels; it is infinite where q exceeds p by more than about 1,000.

    Args:
        p: at least 1.
        q: at least 1.
    """
    term = 1.0 / p
    total = term
    n = 0
    while term > 1e-17 * total:
        term *= 0.5 * (p + q + n) / (p + 1 + n)
        total += term
        n += 1
    return total


def beta_confidence(top1: float, top2: float) -> float:
    """P(x > 1/2) for x ~ Beta(top1 + 1, top2 + 1): the Beta confidence of votes that are real numbers.

    Args:
        top1: votes of the leader.
        top2: votes of the runner-up, at most as many.
    """
    return 1.0 / (1.0 + half_integral(top1 + 1.0, top2 + 1.0) / half_integral(top2 + 1.0, top1 + 1.0))


def with_mean_one(confidences: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weights in proportion to the voters' confidences, whose mean is 1."""
    voters, total = 0, 0.0
    for confidence in confidences:
        if not np.isnan(confidence):
            voters += 1
            total += confidence
    return confidences * (voters / total if total > 0 else 1.0)


def top_two(totals: NDArray[np.float64]) -> tuple[float, float]:
    """The two largest vote totals, 0 where there are fewer."""
    top1, top2 = 0.0, 0.0
    for total in totals:
        if total > top1:
            top1, top2 = float(total), top1
        elif total > top2:
            top2 = float(total)
    return top1, top2


def adaptive_consistency_weighted(
    episode: Episode,
    max_samples: Annotated[int, Between(1)] = 64,
    threshold: Annotated[float, Between(0, 1)] = 0.95,
) -> int:
    """Read branches one at a time; from the second on, stop when the Beta confidence of the weighted vote is high.

    Each finished branch votes with a weight in proportion to its confidence, the mean of ``topk_confidence`` over its
    intervals; the weights of the branches that vote have mean 1. Stop when P(x > 1/2) > ``threshold`` for
    x ~ Beta(top1 + 1, top2 + 1), with the weighted votes of the leader and the runner-up. With equal confidences it is
    ``asc``.

    Args:
        episode: the question.
        max_samples: branches to read at most.
        threshold: confidence above which to stop, a probability.
    """
    confidences = np.full(episode.max_width, np.nan)
    for _ in range(max_samples):
        branch = episode.read()
        if branch < 0:
            break
        confidences[branch] = voter_confidence(episode, "topk_confidence", branch, "mean", 1)
        top1, top2 = top_two(weighted_votes(episode, with_mean_one(confidences)))
        if episode.width >= 2 and top1 > 0 and beta_confidence(top1, top2) > threshold:
            break
    return weighted_leader(episode, with_mean_one(confidences))


PROGRAM = Program("asc-weighted", adaptive_consistency_weighted, signals=("topk_confidence",), probes=False)
