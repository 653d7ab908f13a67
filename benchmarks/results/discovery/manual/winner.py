"""Winner of a discovery; runs as -c FILE.py:PROGRAM:beta=0.5."""

import math

import numpy as np

from tts_gym import ACTIVE, ALL, FINISHED, Program
from tts_gym.envs.state import NO_BUDGET


def schedule(beta):
    return {
        "width": int(round(2 * 32.0 ** beta)),
        "crew": int(round(4 + 4 * beta)),
        "complete": int(round(2 + 3 * beta)),
        "level": 0.8 + 0.17 * beta,
        "limit": 44,
        "sharpness": 1 + 0.5 * beta,
    }


def heaviest(episode, limit, sharpness):
    """The answer of most weight among the finished branches; a branch weighs what it left of ``limit``, sharpened."""
    weights = np.zeros(len(episode.votes(FINISHED)) + 1)
    for i in range(episode.width):
        if episode.is_finished(i) and episode.is_valid(episode.answer(i)):
            weights[episode.answer(i)] += max(1.0, limit + 1.0 - episode.depth(i)) ** sharpness
    best = int(np.argmax(weights))
    return best if weights[best] > 0 else episode.leader(FINISHED)


def program(episode, width, crew, complete, level, limit, sharpness):
    """A crew with a limit, whose weights are the sharper, the more votes there are to weigh.

    Of a few votes none should overrule two others; among many, those of quick branches are enough to decide. The
    cheapest point reads two branches, which the crews before could not.
    """
    episode.branch(min(crew, width))
    while episode.advance_all() > 0:
        if episode.completed >= complete and episode.confidence(FINISHED) >= level:
            break
        running = 0
        for i in range(episode.width):
            if episode.is_active(i) and not episode.is_finished(i):
                if episode.completed > 0 and episode.depth(i) >= limit:
                    episode.prune(i)
                else:
                    running += 1
        episode.branch(max(0, min(crew - running, width - episode.width)))
    return heaviest(episode, limit, sharpness) if episode.completed > 0 else episode.leader(ACTIVE)


PROGRAM = Program("winner", program, schedule)
