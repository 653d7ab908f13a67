"""Crew, a controller that was discovered with this package: ``benchmarks/results/discovery/manual``.

Candidate 1 of round 14 of a discovery by hand with ``tts-gym discover``, on four Qwen3 models × AIME24 under the
published rules, begun with ``sc`` and ``cmc``. Round 4 found that slow dissenters vote worst; round 10 that a crew
whose members are replaced as they end spends little on easy questions; round 11 that branches beyond a limit are dear
and mostly wrong; round 12 that the weight of a vote should fall steadily to that limit; round 14 that an answer which
came up late in its branch is more often right than a first guess. ``report.md`` there compares it with ``cmc``;
``docs/discovery.md`` says how its constants were chosen.
"""

from __future__ import annotations

import math
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from tts_gym.agents.programs.cmc import is_running
from tts_gym.agents.programs.confidences import weighted_votes
from tts_gym.agents.programs.program import Between, Program
from tts_gym.episode.episode import Episode
from tts_gym.episode.votes import ACTIVE, FINISHED

_LIMIT = 44


def schedule(beta: Annotated[float, Between(0, 1)] = 0.5) -> dict[str, Any]:
    """The parameters of ``crew`` for one knob.

    ``limit`` counts intervals. It was found on branches of up to 82 intervals of 500 tokens; a fifth go beyond it.

    Args:
        beta: 0 spends least, 1 most.
    """
    return {
        "max_width": round(2 * 32.0**beta),
        "size": round(4 + 4 * beta),
        "min_complete": round(2 + 3 * beta),
        "level": 0.8 + 0.17 * beta,
        "limit": _LIMIT,
        "sharpness": 1 + 0.5 * beta,
    }


def watch(episode: Episode, shown: NDArray[np.int64], found: NDArray[np.int64]) -> None:
    """Note at which depth each branch came to the answer that it shows.

    Args:
        episode: the question.
        shown: int64 [max width], the answer that each branch showed last; brought up to date.
        found: int64 [max width], the depth in intervals at which it first did; brought up to date.
    """
    for i in range(episode.width):
        if episode.answer(i) != shown[i]:
            shown[i], found[i] = episode.answer(i), episode.depth(i)


def heaviest(episode: Episode, found: NDArray[np.int64], limit: int, sharpness: float) -> int:
    """The valid answer of most weight among the finished branches, or what leads among them where none is valid.

    A branch weighs what it left of ``limit``, to the power of ``sharpness``, times the square root of the share of its
    depth at which its answer was ``found``.

    Args:
        episode: the question.
        found: int64 [max width], the depth in intervals at which each branch came to its answer.
        limit: intervals.
        sharpness: the exponent; 0 leaves depths out.
    """
    weights = np.zeros(episode.max_width)
    for i in range(episode.width):
        if episode.is_finished(i) and episode.is_valid(episode.answer(i)):
            quickness = max(1.0, limit + 1.0 - episode.depth(i)) ** sharpness
            weights[i] = quickness * math.sqrt(found[i] / episode.depth(i))
    votes = weighted_votes(episode, weights)
    best = int(np.argmax(votes))
    return best if votes[best] > 0 else episode.leader(FINISHED)


def give_up(episode: Episode, limit: float) -> int:
    """Prune the running branches that have come to ``limit`` intervals; return how many still run.

    Args:
        episode: the question.
        limit: in intervals.
    """
    running = 0
    for i in range(episode.width):
        if is_running(episode, i):
            if episode.depth(i) >= limit:
                episode.prune(i)
            else:
                running += 1
    return running


def crew(
    episode: Episode,
    max_width: int,
    size: int,
    min_complete: int,
    level: float,
    limit: int,
    sharpness: float,
) -> int:
    """Keep a few branches running, replace each as it ends, and stop once the finished ones agree.

    Branches that go on beyond ``limit`` are given up as soon as another has finished. Quick branches are more often
    right, so that votes weigh the less, the longer their branches took; and answers that were shown from early on are
    more often first guesses, so that votes weigh the more, the later their answers came up for good. Whether to stop is
    decided on plain votes. All parameters follow from ``beta`` by ``schedule``.

    Args:
        episode: the question.
        max_width: branches opened at most.
        size: branches kept running.
        min_complete: finished branches needed to stop.
        level: confidence at which to stop.
        limit: intervals beyond which a branch is given up.
        sharpness: power of the weights.
    """
    shown = np.full(episode.max_width, -1)
    found = np.zeros(episode.max_width, np.int64)
    episode.branch(min(size, max_width))
    while True:
        watch(episode, shown, found)
        advanced = episode.advance_all()
        watch(episode, shown, found)
        if advanced == 0 or (episode.completed >= min_complete and episode.confidence(FINISHED) >= level):
            break
        running = give_up(episode, limit) if episode.completed > 0 else size
        episode.branch(max(0, min(size - running, max_width - episode.width)))
    return heaviest(episode, found, limit, sharpness) if episode.completed > 0 else episode.leader(ACTIVE)


PROGRAM = Program("crew", crew, schedule)
