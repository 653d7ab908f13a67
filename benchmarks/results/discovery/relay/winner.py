from __future__ import annotations

# ... later still on easy questions, earlier on hard ones
def schedule(beta):
    return {
        "max_width": int(round(2 * 32.0**beta)),
        "size": 2 + 0 * beta,
        "grow": 0 * beta,
        "min_complete": int(round(1.5 + beta)),
        "level": 0.3 + 1.1 * beta,
        "typical": 30.0,
    }


def lead(episode, weights):
    votes = np.zeros(len(episode.votes(ALL)))
    for i in range(episode.width):
        if weights[i] > 0:
            votes[episode.answer(i)] = votes[episode.answer(i)] + weights[i]
    return votes


def program(episode, max_width, size, grow, min_complete, level, typical):
    shown = np.full(episode.max_width, -1)
    found = np.zeros(episode.max_width)
    weights = np.zeros(episode.max_width)
    episode.branch(min(int(size), max_width))
    while True:
        advanced = 0
        for turn in range(2):
            for i in range(episode.width):
                if episode.answer(i) != shown[i]:
                    shown[i] = episode.answer(i)
                    found[i] = episode.depth(i)
            if turn == 0:
                advanced = episode.advance_all()
        done = 0
        depths = 0.0
        for i in range(episode.width):
            if episode.is_finished(i):
                done = done + 1
                depths = depths + episode.depth(i)
        if done == 0:
            if advanced == 0:
                break
            continue
        mean = depths / done
        limit = 0.4 * mean + 0.7 * typical
        whole = 0.0
        for i in range(episode.width):
            weights[i] = 0.0
            if episode.is_finished(i) and episode.is_valid(episode.answer(i)):
                depth = episode.depth(i)
                left = max(1.0, 45.0 - depth) if True else 0.0
                weights[i] = left * math.sqrt(found[i] / depth)
                whole = whole + weights[i]
        top1 = 0.0
        top2 = 0.0
        total = 0.0
        if whole > 0:
            votes = lead(episode, weights)
            for k in range(len(votes)):
                vote = votes[k] * done / whole
                total = total + vote
                if vote > top1:
                    top2 = top1
                    top1 = vote
                elif vote > top2:
                    top2 = vote
        sure = (top1 - top2) / math.sqrt(top1 + top2 + 1)
        if advanced == 0 or (done >= min_complete and sure >= level):
            break
        running = 0
        for i in range(episode.width):
            if episode.is_active(i) and not episode.is_finished(i):
                if episode.depth(i) >= limit:
                    episode.prune(i)
                else:
                    running = running + 1
        wanted = int(size + grow * done) - running
        episode.branch(max(0, min(wanted, max_width - episode.width)))
    if episode.completed == 0:
        return episode.leader(ACTIVE)
    return episode.aggregate(LEARNED, typical)


# What follows runs it without a jail, as one's own code: --trust -c FILE.py:PROGRAM:beta=0.5
import math

import numpy as np

from tts_gym import ACTIVE, ALL, FINISHED
from tts_gym import Program as _Program
from tts_gym.episode.state import NO_BUDGET

PROGRAM = _Program("winner", program, schedule)
