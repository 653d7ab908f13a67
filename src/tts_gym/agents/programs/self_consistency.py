"""Self-consistency: Wang et al., arXiv 2203.11171."""

from __future__ import annotations

from typing import Annotated

from tts_gym.agents.programs.program import Between, Program
from tts_gym.episode.episode import Episode
from tts_gym.episode.votes import FINISHED


def self_consistency(episode: Episode, n: Annotated[int, Between(1)] = 64) -> int:
    """Read ``n`` branches whole, in parallel, and answer by majority.

    Args:
        episode: the question.
        n: branches to read.
    """
    episode.read(n)
    return episode.leader(FINISHED)


PROGRAM = Program("sc", self_consistency, probes=False)
