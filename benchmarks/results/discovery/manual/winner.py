from __future__ import annotations

def schedule(beta):
    return {
        "width": int(round(2 * 32.0 ** beta)),
        "crew": int(round(4 + 4 * beta)),
        "complete": int(round(2 + 3 * beta)),
        "level": 0.8 + 0.17 * beta,
        "limit": 44,
        "sharpness": 1 + 0.5 * beta,
    }


def watch(episode, shown, found):
    """Note at which depth each branch came to the answer that it shows."""
    for i in range(episode.width):
        if episode.answer(i) != shown[i]:
            shown[i] = episode.answer(i)
            found[i] = episode.depth(i)


def heaviest(episode, found, limit, sharpness):
    """The answer of most weight among the finished branches.

    A branch weighs what it left of ``limit``, sharpened, times the square root of the share of it at which its answer
    came up for good.
    """
    weights = np.zeros(len(episode.votes(FINISHED)) + 1)
    for i in range(episode.width):
        if episode.is_finished(i) and episode.is_valid(episode.answer(i)):
            quickness = max(1.0, limit + 1.0 - episode.depth(i)) ** sharpness
            weights[episode.answer(i)] += quickness * math.sqrt(found[i] / episode.depth(i))
    best = int(np.argmax(weights))
    return best if weights[best] > 0 else episode.leader(FINISHED)


def program(episode, width, crew, complete, level, limit, sharpness):
    """The crew of round 13, where answers that were worked for weigh more.

    The right branches are outvoted by answers that many branches give. Such an answer is often the first guess, which
    a branch shows from its first intervals on and never leaves; the right answer comes up late in a branch.
    """
    shown = np.full(episode.max_width, -1)
    found = np.zeros(episode.max_width)
    episode.branch(min(crew, width))
    while True:
        watch(episode, shown, found)
        advanced = episode.advance_all()
        watch(episode, shown, found)
        if advanced == 0 or (episode.completed >= complete and episode.confidence(FINISHED) >= level):
            break
        running = 0
        for i in range(episode.width):
            if episode.is_active(i) and not episode.is_finished(i):
                if episode.completed > 0 and episode.depth(i) >= limit:
                    episode.prune(i)
                else:
                    running += 1
        episode.branch(max(0, min(crew - running, width - episode.width)))
    return heaviest(episode, found, limit, sharpness) if episode.completed > 0 else episode.leader(ACTIVE)


# What follows runs it without a jail, as one's own code: --trust -c FILE.py:PROGRAM:beta=0.5
import math

import numpy as np

from tts_gym import ACTIVE, ALL, FINISHED
from tts_gym import Program as _Program
from tts_gym.episode.state import NO_BUDGET

PROGRAM = _Program("winner", program, schedule)
