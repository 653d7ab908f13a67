"""Parallel-Probe: arXiv 2602.03845."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from tts_gym.agents.programs.program import Between, Program
from tts_gym.episode.episode import Episode
from tts_gym.episode.votes import ACTIVE


def parallel_probe(
    episode: Episode,
    num_chains: Annotated[int, Between(1)] = 64,
    stable_for: Annotated[int, Between(1)] = 40,
    patience: Annotated[int, Between(1)] = 7,
    warm_up: Annotated[int, Between(0)] = 15,
    max_steps: Annotated[int, Between(1)] = 100,
) -> int:
    """Deepen all chains in step, vote on their latest answers, prune persistent dissenters, stop at a stable vote.

    Each step advances every unfinished chain by one interval; all chains that are not pruned vote, finished ones with
    their final answer. From step ``warm_up`` on, while more than one chain votes, an unfinished chain is pruned once
    it has disagreed with the winner ``patience`` steps in a row. Stop when the winner has stayed the same for
    ``stable_for`` steps, or when no chain is left to deepen.

    Args:
        episode: the question.
        num_chains: chains to open.
        stable_for: steps without a change of winner after which to stop.
        patience: steps in a row that a chain may disagree.
        warm_up: steps before the first pruning.
        max_steps: steps at most.
    """
    episode.branch(num_chains)
    disagreement = np.zeros(episode.width, np.int64)
    winner = -1
    stable = 0
    for step in range(max_steps):
        if episode.advance_all() == 0:
            break
        previous = winner
        winner = episode.leader(ACTIVE)
        if step >= warm_up and winner >= 0 and episode.votes(ACTIVE).sum() > 1:
            pruned = False
            for i in range(episode.width):
                if episode.is_active(i) and not episode.is_finished(i):
                    disagreement[i] = 0 if episode.answer(i) == winner else disagreement[i] + 1
                    if disagreement[i] >= patience:
                        episode.prune(i)
                        pruned = True
            if pruned:
                winner = episode.leader(ACTIVE)
        stable = stable + 1 if winner == previous and winner >= 0 else 0
        if stable >= stable_for:
            break
    return episode.leader(ACTIVE)


PROGRAM = Program("parallel-probe", parallel_probe)
