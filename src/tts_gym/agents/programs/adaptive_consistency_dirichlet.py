"""Adaptive-consistency with the Dirichlet stopping rule: Aggarwal et al., arXiv 2305.11860."""

from __future__ import annotations

import math
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from tts_gym.agents.programs.program import Between, Program
from tts_gym.episode.episode import Episode
from tts_gym.episode.votes import FINISHED

_CONSIDERED = 5
_PANELS = 256


def leader_share_probability(counts: Any) -> float:
    """Probability that the first share is the largest, for shares ~ Dirichlet(counts + 1).

    The shares are independent Gamma(counts + 1, 1) variables up to a common factor, so it is the integral over x of the
    first one's density times the others' distribution functions, all of them sums of Poisson(x) probabilities.
    Simpson's rule over ten standard deviations; the error is below 1e-6 for counts up to 1,000.

    Args:
        counts: votes, the leader's first; at least two.
    """
    most = counts[0]
    end = most + 10.0 * math.sqrt(most + 1.0) + 10.0
    total = 0.0
    for panel in range(1, _PANELS + 1):
        x = end * panel / _PANELS
        log_term = -x
        distribution = 1.0
        passed = 0.0
        others = 1.0
        for k in range(most + 1):
            if k > 0:
                log_term += math.log(x / k)
            term = math.exp(log_term)
            passed += term
            for other in range(1, len(counts)):
                if counts[other] == k:
                    others *= max(0.0, distribution - passed)
        weight = 1.0 if panel == _PANELS else 4.0 if panel % 2 else 2.0
        total += weight * term * others
    return float(total * end / _PANELS / 3.0)


def most_voted(votes: NDArray[np.int64]) -> NDArray[np.int64]:
    """The largest few vote counts that are not zero, largest first."""
    ranked = np.sort(votes)[::-1]
    return ranked[: min(_CONSIDERED, np.count_nonzero(votes))]


def adaptive_consistency_dirichlet(
    episode: Episode,
    max_samples: Annotated[int, Between(1)] = 64,
    threshold: Annotated[float, Between(0, 1)] = 0.95,
) -> int:
    """Adaptive-consistency that takes every answer into account.

    Read branches one at a time. With fewer than three distinct answers the Beta rule of ``asc`` decides; else stop
    when the leader's share is the largest with probability at least ``threshold`` under Dirichlet(votes + 1) over the
    five answers with most votes.

    Args:
        episode: the question.
        max_samples: branches to read at most.
        threshold: probability at which to stop.
    """
    for _ in range(max_samples):
        if episode.read() < 0:
            break
        if episode.width < 2:
            continue
        counts = most_voted(episode.votes(FINISHED))
        if len(counts) < 3:
            if episode.confidence(FINISHED) > threshold:
                break
        elif leader_share_probability(counts) >= threshold:
            break
    return episode.leader(FINISHED)


PROGRAM = Program("asc-dirichlet", adaptive_consistency_dirichlet, probes=False)
