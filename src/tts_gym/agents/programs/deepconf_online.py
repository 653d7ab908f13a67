"""DeepConf, online: Fu et al., arXiv 2508.15260."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from tts_gym.agents.programs.confidences import (
    confidence_threshold,
    mean_signal,
    voter_confidence,
    voter_confidences,
    weighted_leader,
    weighted_votes,
)
from tts_gym.agents.programs.program import Between, Program
from tts_gym.episode.episode import Episode


def leader_share(episode: Episode, weights: NDArray[np.float64]) -> float:
    """The leader's share of the weighted votes, 0 without votes.

    Args:
        episode: the question.
        weights: float64 [max width], as for ``weighted_votes``.
    """
    largest, total = 0.0, 0.0
    for votes in weighted_votes(episode, weights):
        largest = max(largest, votes)
        total += votes
    return largest / total if total > 0 else 0.0


def read_while_confident(episode: Episode, i: int, threshold: float, window: int) -> None:
    """Generate branch ``i`` to its end, but abandon it when the mean of a window falls below ``threshold``.

    Args:
        episode: the question.
        i: the branch.
        threshold: confidence, in nats.
        window: intervals.
    """
    while not episode.is_finished(i):
        depth = episode.depth(i)
        if depth >= window and mean_signal(episode, "topk_confidence", i, depth - window + 1, depth) < threshold:
            episode.prune(i)
        if episode.advance(i) == 0:
            break


def deepconf_online(
    episode: Episode,
    n_init: Annotated[int, Between(1)] = 16,
    max_samples: Annotated[int, Between(1)] = 64,
    keep: Annotated[float, Between(0, 1)] = 0.1,
    window: Annotated[int, Between(1)] = 4,
    consensus: Annotated[float, Between(0, 1)] = 0.95,
) -> int:
    """Learn a threshold of confidence from ``n_init`` branches, then abandon each further branch that falls below it.

    A branch's confidence is the lowest mean ``topk_confidence`` of ``window`` successive intervals. The warm-up reads
    ``n_init`` branches whole, in parallel; the threshold is the (1 − ``keep``) quantile of their confidence. Further
    branches are generated one after another, each until its latest window falls below the threshold. Finished branches
    at or above it vote with their confidence as weight. Stop when the leader has at least the share ``consensus`` of
    the votes, or at ``max_samples`` branches. The paper's ``keep`` is 0.1 ("low") or 0.9 ("high"), it samples up to 512
    branches, and its windows of 2,048 tokens slide by one token; here they slide by one interval.

    Args:
        episode: the question.
        n_init: branches of the warm-up.
        max_samples: branches to open at most, those of the warm-up included.
        keep: share of the warm-up's branches that the threshold lets pass (the paper's η).
        window: intervals of a window; 4 are the paper's 2,048 tokens at Δ = 500.
        consensus: the leader's share of the weighted votes at which to stop (the paper's τ).
    """
    episode.read(min(n_init, max_samples))
    confidences = voter_confidences(episode, "topk_confidence", "lowest", window)
    threshold = confidence_threshold(confidences, keep)
    weights = np.where(confidences >= threshold, confidences, np.nan)
    while episode.width < max_samples and leader_share(episode, weights) < consensus:
        branch = episode.branch()
        if branch < 0:
            break
        read_while_confident(episode, branch, threshold, window)
        confidence = voter_confidence(episode, "topk_confidence", branch, "lowest", window)
        weights[branch] = confidence if confidence >= threshold else np.nan
    return weighted_leader(episode, weights)


PROGRAM = Program("deepconf-online", deepconf_online, signals=("topk_confidence",), probes=False)
