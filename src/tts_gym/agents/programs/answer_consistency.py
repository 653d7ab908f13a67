"""Answer consistency: stop one chain when its probes stop changing, arXiv 2506.02536."""

from __future__ import annotations

from typing import Annotated

from tts_gym.agents.programs.program import Between, Program
from tts_gym.episode.episode import Episode


def answer_consistency(episode: Episode, n: Annotated[int, Between(1)] = 14) -> int:
    """Deepen one branch until ``n`` consecutive probes are identical, or it ends.

    Args:
        episode: the question.
        n: identical consecutive probes after which to stop, in intervals.
    """
    branch = episode.branch()
    if branch < 0:
        return -1
    repeats = 1
    while repeats < n:
        previous = episode.answer(branch)
        if episode.advance(branch) == 0:
            break
        repeats = repeats + 1 if episode.answer(branch) == previous else 1
    return episode.answer(branch)


PROGRAM = Program("answer-consistency", answer_consistency)
