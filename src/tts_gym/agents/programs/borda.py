"""Borda voting by self-certainty: Kang et al., arXiv 2502.18581."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from tts_gym.agents.programs.confidences import voter_confidences, weighted_leader
from tts_gym.agents.programs.program import Between, Program
from tts_gym.episode.episode import Episode


def borda_votes(confidences: NDArray[np.float64], p: float) -> NDArray[np.float64]:
    """(voters − rank + 1)^p for each voter, rank 1 for the most confident; ties rank the lower branch first.

    Args:
        confidences: float64 [max width], NaN for branches that do not vote.
        p: the exponent; 0 makes every vote count 1.

    Returns:
        float64 [max width], NaN as in ``confidences``.
    """
    votes = np.full(len(confidences), np.nan)
    for i in range(len(confidences)):
        if not np.isnan(confidences[i]):
            votes[i] = 1.0
            for j in range(len(confidences)):
                if confidences[j] < confidences[i] or (j > i and confidences[j] == confidences[i]):
                    votes[i] += 1.0
            votes[i] = votes[i] ** p
    return votes


def borda(episode: Episode, n: Annotated[int, Between(1)] = 64, p: Annotated[float, Between(0)] = 0.3) -> int:
    """Read ``n`` branches, rank them by self-certainty, and let the one of rank r cast (voters − r + 1)^p votes.

    A branch's self-certainty is the mean of the signal ``self_certainty`` over its intervals, where the paper takes it
    over all its tokens. The answer with most votes wins.

    Args:
        episode: the question.
        n: branches to read.
        p: exponent of the votes; 0 is a majority vote, and the larger it is the more the most certain branches count.
    """
    episode.read(n)
    return weighted_leader(episode, borda_votes(voter_confidences(episode, "self_certainty", "mean", 1), p))


PROGRAM = Program("borda", borda, signals=("self_certainty",), probes=False)
