from __future__ import annotations

MAX_ROUNDS = 500


def schedule(beta):
    share = beta ** 1.282
    return {
        "n_init": int(round(2.7238 + 5.190199999999999 * share)),
        "max_width": int(round(1.0 + 49.4212 * share)),
        "warm_up": int(round(1.8492 + 8.9566 * share)),
        "patience": int(round(3.592 + 8.003499999999999 * share)),
        "window": int(round(2.9777 + 4.1358999999999995 * share)),
        "burst": int(round(1.2032 + 2.045 * share)),
        "widen": int(round(1.6221 + 2.5375 * share)),
        "min_complete": int(round(1.5091 + 3.7889999999999997 * share)),
        "alpha": 0.7765 + -0.581 * share,
        "level": 0.7495 + 0.25049999999999994 * share,
        "slack": 0.0383 + -0.0322 * share,
        "trend": 0.0346 + -0.03 * share,
    }


def is_running(episode, i):
    """Whether branch ``i`` is neither abandoned nor finished."""
    return episode.is_active(i) and (not episode.is_finished(i))


def count_running(episode):
    """Branches that are neither abandoned nor finished."""
    running = 0
    for i in range(episode.width):
        if is_running(episode, i):
            running += 1
    return running


def abandon_dissenters(episode, disagreement, patience):
    """Prune the running branches that disagreed ``patience`` rounds in a row, the worst first, but keep two running."""
    for _ in range(count_running(episode) - 2):
        worst = -1
        for i in range(episode.width):
            if is_running(episode, i) and disagreement[i] >= max(patience, disagreement[worst] + 1 if worst >= 0 else 0):
                worst = i
        if worst < 0:
            break
        episode.prune(worst)


def program(episode, n_init, max_width, warm_up, patience, window, burst, widen, min_complete, alpha, level, slack, trend):
    """Deepen in rounds, steered by a moving average of the confidence among finished branches.

    Each round abandons persistent dissenters, deepens agreeing branches faster, stops when the smoothed confidence is
    high and not falling, and widens while it is low and not rising. All parameters follow from ``beta`` by
    ``schedule``.

    Args:
        episode: the question.
        n_init: branches opened at the start.
        max_width: branches opened at most.
        warm_up: rounds before abandoning, bursts and stopping.
        patience: rounds in a row that a branch may disagree.
        window: rounds over which the trend of the average is taken.
        burst: intervals a round for a branch that agrees with the winner.
        widen: branches opened when widening.
        min_complete: finished branches needed to stop.
        alpha: weight of the newest confidence in the average.
        level: average confidence at which to stop.
        slack: fall of the average over the window that still allows stopping.
        trend: rise of the average over the window up to which to widen.
    """
    episode.branch(n_init)
    disagreement = np.zeros(episode.max_width, np.int64)
    steps = np.ones(episode.max_width, np.int64)
    history = np.zeros(window)
    ema = 0.0
    for r in range(MAX_ROUNDS):
        warm = r >= warm_up
        winner = episode.leader(FINISHED)
        ema = (1 - alpha) * ema + alpha * episode.confidence(FINISHED)
        if r >= window:
            history[:-1] = history[1:].copy()
        newest = min(r, window - 1)
        history[newest] = ema
        if warm and winner >= 0:
            for i in range(episode.width):
                disagreement[i] = 0 if episode.answer(i) == winner else disagreement[i] + 1
            abandon_dissenters(episode, disagreement, patience)
        for i in range(episode.width):
            steps[i] = burst if warm and winner >= 0 and (episode.answer(i) == winner) else 1
        episode.advance_each(steps)
        ema = (1 - alpha) * ema + alpha * episode.confidence(FINISHED)
        history[newest] = ema
        delta = history[newest] - history[0]
        episode.note('ema', ema)
        if warm and episode.completed >= min_complete and (ema >= level) and (delta >= -slack):
            return episode.leader(FINISHED)
        if count_running(episode) == 0:
            break
        if episode.width < max_width and delta <= trend and (r >= max(1, warm_up // 2)) and (ema < level):
            episode.branch(min(widen, max_width - episode.width))
    answer = episode.leader(FINISHED)
    return answer if answer >= 0 else episode.leader(ACTIVE)


# What follows runs it without a jail, as one's own code: --trust -c FILE.py:PROGRAM:beta=0.5
import math

import numpy as np

from tts_gym import ACTIVE, ALL, FINISHED
from tts_gym import Program as _Program
from tts_gym.episode.state import NO_BUDGET

PROGRAM = _Program("winner", program, schedule)
