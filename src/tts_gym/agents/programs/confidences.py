"""What the programs that use recorded confidence share: the confidence of a branch, thresholds, and weighted votes.

Recorded signals are means over an interval, so an interval stands here for its tokens. The tokens after the last probe
have no recorded signal and do not count. A branch without recorded intervals abstains; where all do, the majority
decides. Confidences and weights are float64 [max width], NaN for branches that do not vote.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tts_gym.episode.episode import Episode
from tts_gym.episode.votes import FINISHED

Measure = Literal["mean", "tail", "bottom", "lowest"]
"""How the confidence of a branch is made of that of its intervals; see ``branch_confidence``."""


def mean_signal(episode: Episode, name: str, i: int, first: int, last: int) -> float:
    """Mean of signal ``name`` over intervals ``first``…``last`` of branch ``i``, summed in their order.

    Args:
        episode: the question.
        name: the signal.
        i: the branch.
        first: an interval, from 1.
        last: an interval that was generated, not before ``first``.
    """
    total = 0.0
    for k in range(first, last + 1):
        total += episode.signal(name, i, k)
    return total / (last - first + 1)


def branch_confidence(episode: Episode, name: str, i: int, measure: str, window: int) -> float:
    """The confidence of branch ``i`` as DeepConf measures it (arXiv 2508.15260).

    "mean" is the mean over all intervals, "tail" that over the last ``window``; "lowest" is the lowest mean of
    ``window`` successive intervals, "bottom" the mean of the lowest tenth of those means, at least one.

    Args:
        episode: the question.
        name: the signal.
        i: the branch.
        measure: one of ``Measure``.
        window: intervals of a window; a shorter branch is one window.

    Returns:
        The confidence, NaN for a branch without recorded intervals.
    """
    intervals = episode.depth(i) - 1 if episode.is_finished(i) else episode.depth(i)
    if intervals == 0:
        return np.nan
    size = min(window, intervals)
    if measure == "mean":
        return mean_signal(episode, name, i, 1, intervals)
    if measure == "tail":
        return mean_signal(episode, name, i, intervals - size + 1, intervals)
    windows = np.empty(intervals - size + 1)
    for start in range(len(windows)):
        windows[start] = mean_signal(episode, name, i, start + 1, start + size)
    windows.sort()
    considered = 1 if measure == "lowest" else max(1, len(windows) // 10)
    total = 0.0
    for place in range(considered):
        total += windows[place]
    return total / considered


def voter_confidence(episode: Episode, name: str, i: int, measure: str, window: int) -> float:
    """The confidence of branch ``i`` if it is finished and its answer counts in a vote, else NaN.

    Args:
        episode: the question.
        name: the signal.
        i: the branch.
        measure: one of ``Measure``.
        window: intervals of a window.
    """
    if not episode.is_finished(i) or episode.votes(FINISHED)[episode.answer(i)] == 0:
        return np.nan
    return branch_confidence(episode, name, i, measure, window)


def voter_confidences(episode: Episode, name: str, measure: str, window: int) -> NDArray[np.float64]:
    """The confidence of every opened branch, as ``voter_confidence`` gives it.

    Args:
        episode: the question.
        name: the signal.
        measure: one of ``Measure``.
        window: intervals of a window.

    Returns:
        float64 [max width], NaN for branches that are not open too.
    """
    confidences = np.full(episode.max_width, np.nan)
    for i in range(episode.width):
        confidences[i] = voter_confidence(episode, name, i, measure, window)
    return confidences


def confidence_threshold(confidences: NDArray[np.float64], keep: float) -> float:
    """The (1 − ``keep``) quantile of the voters' confidences, linear between them; −∞ without voters.

    Args:
        confidences: float64 [max width], NaN for branches that do not vote.
        keep: share of the voters at or above the threshold, from 0 to 1.
    """
    ranked = np.sort(confidences[~np.isnan(confidences)])
    if len(ranked) == 0:
        return -np.inf
    place = (1 - keep) * (len(ranked) - 1)
    below = int(place)
    above = min(below + 1, len(ranked) - 1)
    return float(ranked[below] + (place - below) * (ranked[above] - ranked[below]))


def weighted_votes(episode: Episode, weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """The sum of positive weights behind each revealed answer, float64 [answers revealed].

    Args:
        episode: the question.
        weights: float64 [max width]; what is not positive, or NaN, does not count.
    """
    totals = np.zeros(len(episode.votes(FINISHED)))
    for i in range(episode.width):
        if weights[i] > 0:
            totals[episode.answer(i)] += weights[i]
    return totals


def weighted_leader(episode: Episode, weights: NDArray[np.float64]) -> int:
    """The answer with most weight behind it; ties go to that of the lower branch, without weights to the majority.

    Args:
        episode: the question.
        weights: as for ``weighted_votes``.
    """
    totals = weighted_votes(episode, weights)
    leader = -1
    for i in range(episode.width):
        if weights[i] > 0 and (leader < 0 or totals[episode.answer(i)] > totals[leader]):
            leader = episode.answer(i)
    return leader if leader >= 0 else episode.leader(FINISHED)
