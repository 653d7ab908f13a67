"""DEER, dynamic early exit in reasoning: Yang et al., arXiv 2504.15895."""

from __future__ import annotations

import math
from typing import Annotated

from tts_gym.agents.programs.program import Between, Program
from tts_gym.episode.episode import Episode


def deer(episode: Episode, threshold: Annotated[float, Between(0, 1)] = 0.95) -> int:
    """Deepen one branch until the model is confident of its trial answer, or the branch ends.

    The trial answer is the probe after each interval, where the paper forces one whenever the model says "wait". Its
    confidence is the geometric mean of the probabilities of its tokens, exp(``answer_logprob``); the branch stops when
    that exceeds ``threshold``. An invalid trial answer never stops it.

    Args:
        episode: the question.
        threshold: confidence above which to stop (the paper's λ), a probability.
    """
    branch = episode.branch()
    if branch < 0:
        return -1
    while True:
        answer = episode.probe(branch)
        if episode.is_valid(answer) and math.exp(episode.signal("answer_logprob", branch)) > threshold:
            break
        if episode.advance(branch) == 0:
            break
    return episode.answer(branch)


PROGRAM = Program("deer", deer, signals=("answer_logprob",))
