"""Self-consistency that cancels what is still running: the Beta rule of arXiv 2305.11860 on branches side by side.

The rule is what practitioners call Bayesian self-consistency with cancellation: send all requests at once, and close
those that are open as soon as the posterior of the vote is sure. It has no paper that we know of.
"""

from __future__ import annotations

from typing import Annotated

from tts_gym.agents.programs.program import Between, Program
from tts_gym.episode.episode import Episode
from tts_gym.episode.votes import FINISHED


def self_consistency_cancelling(
    episode: Episode,
    n: Annotated[int, Between(1)] = 16,
    threshold: Annotated[float, Between(0, 1)] = 0.95,
) -> int:
    """Generate ``n`` branches side by side; cancel the rest once the Beta confidence of the vote is ``threshold``.

    The vote is looked at after each interval in which a branch has finished. Long branches are cancelled where the
    short ones agree, so that an answer comes sooner than with ``asc``, but the tokens of what is cancelled are spent.

    Args:
        episode: the question.
        n: branches to open.
        threshold: confidence at which to stop, a probability.
    """
    episode.branch(n)
    while episode.advance_all() > 0:
        if episode.completed > 0 and episode.confidence(FINISHED) >= threshold:
            break
    return episode.leader(FINISHED)


PROGRAM = Program("sc-cancel", self_consistency_cancelling, probes=False)
