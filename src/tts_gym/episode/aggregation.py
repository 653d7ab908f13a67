"""Aggregators: how an episode comes to its answer.

Three are plain votes of a pool. The others weigh the votes of the finished branches by what is revealed of them.

Branches that took long are less often right than quick ones, and an answer that came up early in its branch is more
often a first guess. Lengths are measured by a typical branch, so that they depend neither on Δ, the model nor the task.
``weighted`` is the rule of ``crew``: a vote is worth what its branch left of ``LIMIT`` typical lengths, to the power of
``SHARPNESS``, times the square root of the share of its length after which the answer came up. ``learned`` is a
logistic model of the same and of two more figures.

``confident`` is Borda voting as arXiv 2502.18581 does it, by log-probability instead of self-certainty: the branches
are ranked by the mean log-probability of their tokens, where the store records it, and a vote is worth its rank from
below to the power of ``BORDA``. Where nothing is recorded all rank alike, and it is the vote of the finished branches.

``benchmarks/aggregators.py`` fits ``learned``, and says what each is worth.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tts_gym.episode import votes
from tts_gym.episode.log_probability import mean_log_probability
from tts_gym.episode.state import COMPLETED, REVEALED, kernel

WEIGHTED, LEARNED, CONFIDENT = 3, 4, 5

AGGREGATORS = {
    "active": votes.ACTIVE,
    "finished": votes.FINISHED,
    "all": votes.ALL,
    "weighted": WEIGHTED,
    "learned": LEARNED,
    "confident": CONFIDENT,
}
"""Each aggregator by its name: the pool of a plain vote, or a rule that weighs the finished branches."""

POOLS = {name: votes.FINISHED if code >= WEIGHTED else code for name, code in AGGREGATORS.items()}
"""The pool whose votes each of them counts or weighs."""

LIMIT, SHARPNESS = 1.45, 1.25
"""Of ``weighted``: the typical lengths beyond which a branch hardly counts, and the exponent."""

LEAST_LEFT = 1 / 30
"""Of ``weighted``: what a branch beyond the limit counts as having left of it, in typical lengths."""

LEARNED_LENGTH, LEARNED_FOUND, LEARNED_OTHERS, LEARNED_INVALID = -2.93, 0.7, 1.23, 6.24
"""Of ``learned``: what the log of a weight grows by with a typical length, with the log of the share of the branch
after which its answer came up, with the share of the other voters that agree, and with the share of its intervals that
showed an invalid answer."""

BORDA = 2
"""Of ``confident``: the exponent (p in the paper, which tries 0.3 to 2)."""


@kernel
def aggregate(e: Any, aggregator: int, typical: float) -> int:
    """The answer of an episode, -1 for none.

    While no branch is finished, aggregators that weigh take the vote of the un-pruned ones. Of answers of equal weight
    the one that was revealed first counts, and where nothing weighs the majority.

    Args:
        e: the episode.
        aggregator: one of ``AGGREGATORS``.
        typical: length of a typical branch, in intervals.

    Returns:
        An answer code.

    Raises:
        ValueError: there is no such pool, or ``weighted_votes`` raises it.
    """
    if aggregator < WEIGHTED:
        return votes.leader(e, aggregator)
    if e.count[COMPLETED] == 0:
        return votes.leader(e, votes.ACTIVE)
    weights = weighted_votes(e, aggregator, typical)
    heaviest = int(np.argmax(weights))
    return heaviest if weights[heaviest] > 0 else votes.leader(e, votes.FINISHED)


@kernel
def weighted_votes(e: Any, aggregator: int, typical: float) -> NDArray[np.float64]:
    """The weight of the finished branches behind each revealed answer; invalid ones have none.

    Args:
        e: the episode.
        aggregator: ``WEIGHTED``, ``LEARNED`` or ``CONFIDENT``.
        typical: length of a typical branch, in intervals.

    Returns:
        float64 [answers revealed].

    Raises:
        ValueError: no such aggregator weighs, or the typical length is less than an interval.
    """
    if aggregator < WEIGHTED or aggregator > CONFIDENT or not typical >= 1:
        raise ValueError(
            "no such weights: use WEIGHTED, LEARNED or CONFIDENT, and a typical length of an interval or more"
        )
    if aggregator == CONFIDENT:
        return _confident_votes(e)
    counts, voters = votes.votes(e, votes.FINISHED), 0
    for code in range(len(counts)):
        voters += counts[code] if votes.is_valid(e, code) else 0
    weights = np.zeros(e.count[REVEALED])
    for k in range(e.count[COMPLETED]):
        i = int(e.completions[k])
        code = e.codes[i]
        if not votes.is_valid(e, code):
            continue
        length, found = e.depths[i] / typical, found_share(e, i)
        if aggregator == WEIGHTED:
            weights[code] += max(LEAST_LEFT, LIMIT + LEAST_LEFT - length) ** SHARPNESS * math.sqrt(found)
        else:
            others = (counts[code] - 1) / max(voters - 1, 1)
            weights[code] += math.exp(
                LEARNED_LENGTH * length
                + LEARNED_FOUND * math.log(found)
                + LEARNED_OTHERS * others
                + LEARNED_INVALID * invalid_share(e, i)
            )
    return weights


@kernel
def _confident_votes(e: Any) -> NDArray[np.float64]:
    """The weights of ``CONFIDENT`` behind each revealed answer, float64 [answers revealed]."""
    sureness = np.full(e.count[COMPLETED], np.nan)
    for k in range(len(sureness)):
        i = int(e.completions[k])
        if votes.is_valid(e, e.codes[i]):
            value = mean_log_probability(e, i)
            sureness[k] = -np.inf if math.isnan(value) else value
    weights = np.zeros(e.count[REVEALED])
    for k in range(len(sureness)):
        if not math.isnan(sureness[k]):
            weights[e.codes[e.completions[k]]] += (1 + (sureness < sureness[k]).sum()) ** BORDA
    return weights


@kernel
def found_share(e: Any, i: int) -> float:
    """The share of the intervals of a branch after which the answer that it shows came up for good, above 0 to 1.

    Args:
        e: the episode.
        i: index of a branch that shows an answer.
    """
    return float((e.depths[i] - e.streaks[i] + 1) / e.depths[i])


@kernel
def invalid_share(e: Any, i: int) -> float:
    """The invalid answers that a branch has shown, as a share of its intervals.

    Args:
        e: the episode.
        i: index of a branch that shows an answer.
    """
    return float(e.invalids[i] / e.depths[i])
