"""Relay, a controller that was discovered with this package: ``benchmarks/results/discovery/relay``.

Candidate 1 of round 8 of a discovery by hand with ``tts-gym discover``, on four Qwen3 models × AIME24 under the
published rules, begun with ``cmc`` and ``crew``; it says with the weights of the episode what the winner, of round 7,
works out itself. What it has beyond ``crew``: fewer branches side by side, a limit that follows the branches that have
finished, a stop that looks at weighted votes, and the learned weights for its answer. ``docs/discovery.md`` tells the
rounds, and compares.
"""

from __future__ import annotations

import math
from typing import Annotated, Any

from tts_gym.agents.programs.crew import give_up
from tts_gym.agents.programs.program import Between, Program
from tts_gym.episode.aggregation import LEARNED, WEIGHTED
from tts_gym.episode.episode import Episode

_MEAN_SHARE, _TYPICAL_SHARE = 0.4, 0.7


def schedule(
    beta: Annotated[float, Between(0, 1)] = 0.5,
    size: Annotated[int, Between(1)] = 2,
    typical: Annotated[float, Between(1)] = 30.0,
) -> dict[str, Any]:
    """The parameters of ``relay`` for one knob.

    Args:
        beta: 0 spends least, 1 most.
        size: branches kept running; more of them answer sooner, and cost some more tokens.
        typical: length of a typical branch, in intervals; the default is that of Qwen3 on AIME24 at Δ = 500 tokens.
    """
    return {
        "max_width": round(2 * 32.0**beta),
        "size": size,
        "min_complete": round(1.5 + beta),
        "level": 0.3 + 1.1 * beta,
        "typical": typical,
    }


def lead(episode: Episode, typical: float) -> float:
    """How far the weightiest answer is ahead of the next, in deviations of as many votes; 0 without valid votes.

    Weights are scaled so that they come to one a finished branch.

    Args:
        episode: the question.
        typical: length of a typical branch, in intervals.
    """
    weights = episode.weighted_votes(WEIGHTED, typical)
    weights.sort()
    if len(weights) == 0 or weights[-1] <= 0:
        return 0.0
    one = weights.sum() / episode.completed
    first = weights[-1] / one
    second = weights[-2] / one if len(weights) > 1 else 0.0
    return float((first - second) / math.sqrt(first + second + 1))


def mean_finished_depth(episode: Episode) -> float:
    """Mean depth of the finished branches, in intervals; one has finished.

    Args:
        episode: the question.
    """
    total = 0
    for i in range(episode.width):
        if episode.is_finished(i):
            total += episode.depth(i)
    return total / episode.completed


def relay(episode: Episode, max_width: int, size: int, min_complete: int, level: float, typical: float) -> int:
    """Keep ``size`` branches running, replace each as it ends, and stop once the votes of the finished ones agree.

    Votes are weighed. A branch is given up once it has come to two fifths of the mean depth of the finished ones plus
    seven tenths of a typical length, so that hard questions, whose branches are long, get more of them for their
    tokens. The answer is that of the learned weights.

    Args:
        episode: the question.
        max_width: branches opened at most.
        size: branches kept running.
        min_complete: finished branches needed to stop.
        level: lead of the weighted votes at which to stop, in deviations.
        typical: length of a typical branch, in intervals.
    """
    episode.branch(min(size, max_width))
    while episode.advance_all() > 0:
        running = size
        if episode.completed > 0:
            if episode.completed >= min_complete and lead(episode, typical) >= level:
                break
            limit = _MEAN_SHARE * mean_finished_depth(episode) + _TYPICAL_SHARE * typical
            running = give_up(episode, limit)
        episode.branch(max(0, min(size - running, max_width - episode.width)))
    return episode.aggregate(LEARNED, typical)


PROGRAM = Program("relay", relay, schedule)
