"""A single branch: what the model answers without test-time scaling."""

from __future__ import annotations

from tts_gym.agents.programs.program import Program
from tts_gym.episode.episode import Episode
from tts_gym.episode.votes import FINISHED


def single(episode: Episode) -> int:
    """Read one branch whole and give its answer.

    Args:
        episode: the question.
    """
    episode.read()
    return episode.leader(FINISHED)


PROGRAM = Program("single", single, probes=False)
