"""DeepConf, offline: Fu et al., arXiv 2508.15260."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from tts_gym.agents.programs.confidences import Measure, confidence_threshold, voter_confidences, weighted_leader
from tts_gym.agents.programs.program import Between, Program
from tts_gym.episode.episode import Episode


def deepconf(
    episode: Episode,
    n: Annotated[int, Between(1)] = 64,
    measure: Measure = "bottom",
    keep: Annotated[float, Between(0, 1)] = 0.1,
    window: Annotated[int, Between(1)] = 4,
) -> int:
    """Read ``n`` branches, keep the most confident ones, and let each vote with its confidence as weight.

    A branch's confidence is made of ``topk_confidence`` by ``measure``: its mean over the whole branch ("mean"), over
    the last window ("tail"), or over the least confident windows ("bottom" a tenth of them, "lowest" one). Branches
    at or above the (1 − ``keep``) quantile of the voters stay. The paper reads 512 branches, keeps 10 % or 90 %, and
    slides windows of 2,048 tokens by one token; here they slide by one interval.

    Args:
        episode: the question.
        n: branches to read.
        measure: how the confidence of a branch is made of that of its intervals: mean, tail, bottom or lowest.
        keep: share of the voters that stays (the paper's η).
        window: intervals of a window; 4 are the paper's 2,048 tokens at Δ = 500.
    """
    episode.read(n)
    confidences = voter_confidences(episode, "topk_confidence", measure, window)
    threshold = confidence_threshold(confidences, keep)
    return weighted_leader(episode, np.where(confidences >= threshold, confidences, np.nan))


PROGRAM = Program("deepconf", deepconf, signals=("topk_confidence",), probes=False)
