"""Adaptive-consistency with the Beta stopping rule: Aggarwal et al., arXiv 2305.11860."""

from __future__ import annotations

from typing import Annotated

from tts_gym.agents.programs.program import Between, Program
from tts_gym.episode.episode import Episode
from tts_gym.episode.votes import FINISHED


def adaptive_consistency(
    episode: Episode,
    max_samples: Annotated[int, Between(1)] = 64,
    threshold: Annotated[float, Between(0, 1)] = 0.95,
) -> int:
    """Read branches one at a time; from the second on, stop when the Beta confidence of the vote exceeds ``threshold``.

    Args:
        episode: the question.
        max_samples: branches to read at most.
        threshold: confidence above which to stop, a probability.
    """
    for _ in range(max_samples):
        if episode.read() < 0:
            break
        if episode.width >= 2 and episode.confidence(FINISHED) > threshold:
            break
    return episode.leader(FINISHED)


PROGRAM = Program("asc", adaptive_consistency, probes=False)
