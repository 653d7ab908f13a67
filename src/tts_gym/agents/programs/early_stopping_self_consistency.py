"""Early-stopping self-consistency: Li et al., arXiv 2401.10480."""

from __future__ import annotations

from typing import Annotated

from tts_gym.agents.programs.program import Between, Program
from tts_gym.episode.episode import Episode
from tts_gym.episode.votes import FINISHED


def early_stopping_self_consistency(
    episode: Episode,
    max_samples: Annotated[int, Between(1)] = 64,
    window: Annotated[int, Between(1)] = 8,
) -> int:
    """Read branches a window at a time, stop at a unanimous window, else answer by the majority of all votes.

    A window is unanimous when all its branches vote and agree; invalid answers vote under the published rules, so that
    a window of them ends the search there. ``max_samples // window`` windows are read at most.

    Args:
        episode: the question.
        max_samples: branches to read at most.
        window: branches in a window, read in parallel.
    """
    for _ in range(max_samples // window):
        first = episode.read(window)
        if first < 0:
            break
        answer = episode.answer(first)
        unanimous = episode.width - first == window
        for i in range(first, episode.width):
            unanimous = unanimous and episode.is_finished(i) and episode.answer(i) == answer
        if unanimous and episode.votes(FINISHED)[answer] > 0:
            return answer
    return episode.leader(FINISHED)


PROGRAM = Program("esc", early_stopping_self_consistency, probes=False)
