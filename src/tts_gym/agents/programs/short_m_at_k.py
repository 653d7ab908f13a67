"""short-m@k: Hassid et al., arXiv 2505.17813."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from tts_gym.agents.programs.program import Between, Program
from tts_gym.episode.episode import Episode
from tts_gym.episode.votes import ACTIVE


def short_m_at_k(
    episode: Episode,
    m: Annotated[int, Between(1)] = 3,
    k: Annotated[int, Between(1)] = 8,
) -> int:
    """Generate ``k`` branches in parallel, stop when ``m`` have finished, and answer by the majority of those ``m``.

    Of branches that finish in the same interval the shorter counts as the earlier; so do ties go to the shorter.

    Args:
        episode: the question.
        m: finished branches that vote.
        k: branches to open.
    """
    episode.branch(k)
    while episode.completed < m and episode.advance_all() > 0:
        pass
    by_length = np.full(episode.width, -1, np.int64)
    for place in range(min(m, episode.completed)):
        for i in range(episode.width):
            chosen = (by_length[:place] == i).any()
            best = by_length[place]
            if episode.is_finished(i) and not chosen and (best < 0 or episode.length(i) < episode.length(best)):
                by_length[place] = i
    for i in range(episode.width):
        if not (by_length == i).any():
            episode.prune(i)
    counts = episode.votes(ACTIVE)
    for place in range(min(m, episode.completed)):
        answer = episode.answer(by_length[place])
        if counts[answer] == counts.max() > 0:
            return answer
    return -1


PROGRAM = Program("short-m@k", short_m_at_k, probes=False)
