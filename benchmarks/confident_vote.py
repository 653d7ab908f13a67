"""A program that reads some branches and answers by confidence: what policies that answer so are compared with."""

from typing import Annotated

from tts_gym import Between, Episode
from tts_gym.episode import CONFIDENT


def confident_vote(episode: Episode, n: Annotated[int, Between(1)] = 4) -> int:
    """Read ``n`` branches; the sure ones count for more.

    Args:
        episode: the question.
        n: branches to read.
    """
    episode.read(n)
    return episode.aggregate(CONFIDENT, 1.0)
