"""CMC, the controller that the AutoTTS search discovered: arXiv 2605.08083."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from tts_gym.agents.programs.program import Between, Program
from tts_gym.episode.episode import Episode
from tts_gym.episode.votes import ACTIVE, FINISHED

_MAX_ROUNDS = 500


def schedule(beta: Annotated[float, Between(0, 1)] = 0.5) -> dict[str, Any]:
    """The parameters of ``cmc`` for one knob.

    Args:
        beta: 0 spends least, 1 most.
    """
    return {
        "n_init": max(2, round(2 + 6 * beta)),
        "max_width": min(64, round(4 + 60 * beta)),
        "warm_up": max(2, round(2 + 8 * beta)),
        "patience": max(3, round(3 + 9 * beta)),
        "window": max(2, round(2 + 6 * beta)),
        "burst": max(1, round(1 + 2 * beta)),
        "widen": max(1, round(1 + 3 * beta)),
        "min_complete": max(2, round(2 + 3 * beta)),
        "alpha": round(0.70 - 0.40 * beta, 4),
        "level": round(0.85 + 0.12 * beta, 4),
        "slack": round(0.04 - 0.03 * beta, 4),
        "trend": round(0.04 - 0.03 * beta, 4),
    }


def is_running(episode: Episode, i: int) -> bool:
    """Whether branch ``i`` is neither abandoned nor finished.

    Args:
        episode: the question.
        i: the branch.
    """
    return episode.is_active(i) and not episode.is_finished(i)


def count_running(episode: Episode) -> int:
    """Branches that are neither abandoned nor finished."""
    running = 0
    for i in range(episode.width):
        if is_running(episode, i):
            running += 1
    return running


def abandon_dissenters(episode: Episode, disagreement: NDArray[np.int64], patience: int) -> None:
    """Prune the running branches that disagreed ``patience`` rounds in a row, the worst first, but keep two running.

    Args:
        episode: the question.
        disagreement: int64 [max width], rounds in a row that each branch has disagreed.
        patience: rounds in a row.
    """
    for _ in range(count_running(episode) - 2):
        worst = -1
        for i in range(episode.width):
            if is_running(episode, i) and disagreement[i] >= max(
                patience, disagreement[worst] + 1 if worst >= 0 else 0
            ):
                worst = i
        if worst < 0:
            break
        episode.prune(worst)


def cmc(
    episode: Episode,
    n_init: int,
    max_width: int,
    warm_up: int,
    patience: int,
    window: int,
    burst: int,
    widen: int,
    min_complete: int,
    alpha: float,
    level: float,
    slack: float,
    trend: float,
) -> int:
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
    for r in range(_MAX_ROUNDS):
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
            steps[i] = burst if warm and winner >= 0 and episode.answer(i) == winner else 1
        episode.advance_each(steps)

        ema = (1 - alpha) * ema + alpha * episode.confidence(FINISHED)
        history[newest] = ema
        delta = history[newest] - history[0]
        episode.note("ema", ema)
        if warm and episode.completed >= min_complete and ema >= level and delta >= -slack:
            return episode.leader(FINISHED)

        if count_running(episode) == 0:
            break
        if episode.width < max_width and delta <= trend and r >= max(1, warm_up // 2) and ema < level:
            episode.branch(min(widen, max_width - episode.width))

    answer = episode.leader(FINISHED)
    return answer if answer >= 0 else episode.leader(ACTIVE)


PROGRAM = Program("cmc", cmc, schedule)
