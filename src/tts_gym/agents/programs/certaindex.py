"""Certaindex: Fu et al., arXiv 2412.20993."""

from __future__ import annotations

from typing import Annotated

from tts_gym.agents.programs.program import Between, Program
from tts_gym.episode.episode import Episode


def certaindex(episode: Episode, k: Annotated[int, Between(1)] = 3) -> int:
    """Deepen one branch until its last ``k`` probes agree and are valid, or it ends.

    Args:
        episode: the question.
        k: agreeing valid probes after which to stop, in intervals.
    """
    branch = episode.branch()
    if branch < 0:
        return -1
    agreeing = 1
    while agreeing < k or not episode.is_valid(episode.answer(branch)):
        previous = episode.answer(branch)
        if episode.advance(branch) == 0:
            break
        agreeing = agreeing + 1 if episode.answer(branch) == previous else 1
    return episode.answer(branch)


PROGRAM = Program("certaindex", certaindex)
