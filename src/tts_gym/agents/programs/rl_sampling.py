"""RL-guided adaptive sampling: Dai et al., arXiv 2606.03102, a small learned controller of self-consistency.

Of the paper we know a summary by others, not its text. From it: the decision process (in each round stop, or sample 1,
2 or 4 more in parallel, up to 32), a state of statistics of the final answers alone (the counts of the answers with
most votes, the number of samples, the entropy), the reward (a price for each round and each sample; at the end 1 where
the majority is that of all 32 samples, else -1, which needs no gold answer), and a network of four layers trained by
PPO. Ours, because we have not found what the paper takes: five counts, layers of 16, one price for a round and for a
sample, a range of prices that the network is shown, so that it serves them all, and training on four Qwen3 models ×
AIME24 (``benchmarks/adaptive_sampling.py``).
"""

from __future__ import annotations

import json
import math
from functools import cache
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from tts_gym.agents.programs.program import Between, Program
from tts_gym.episode.episode import Episode
from tts_gym.episode.votes import FINISHED

SAMPLES = np.array([0, 1, 2, 4])
"""What each action samples; 0 stops."""

MOST_SAMPLES = 32
COUNTED = 5
"""Answers whose votes are told, those with most."""

LOWEST_PRICE, HIGHEST_PRICE = 0.0005, 0.1
"""The range of prices that the network was trained with."""

_LEARNED = Path(__file__).with_suffix(".json")


def statistics(votes: NDArray[np.int64], samples: int, price: float) -> NDArray[np.float64]:
    """What the network sees.

    Args:
        votes: int64 [answers], of each answer.
        samples: branches read so far.
        price: of a sample, and of a round.

    Returns:
        float64 [COUNTED + 3], each about 0 to 1: the shares of the answers with most votes, the number of samples, the
        entropy of the votes, the logarithm of the price.
    """
    seen = np.zeros(COUNTED + 3)
    total = votes.sum()
    if total > 0:
        shares = np.sort(votes)[::-1] / total
        for k in range(len(shares)):
            if k < COUNTED:
                seen[k] = shares[k]
            if shares[k] > 0:
                seen[COUNTED + 1] -= shares[k] * math.log(shares[k]) / math.log(MOST_SAMPLES)
    seen[COUNTED] = samples / MOST_SAMPLES
    seen[COUNTED + 2] = math.log(price / LOWEST_PRICE) / math.log(HIGHEST_PRICE / LOWEST_PRICE)
    return seen


def preferred(seen: NDArray[np.float64], weights: tuple[NDArray[np.float64], ...]) -> int:
    """The action that the network prefers.

    Args:
        seen: the statistics.
        weights: of each layer, float64 [outputs, inputs + 1]; the last column is added.
    """
    values = seen
    for k in range(len(weights)):
        layer = weights[k]
        sums = (layer[:, :-1] * values).sum(1) + layer[:, -1]
        values = np.maximum(sums, 0.0) if k < len(weights) - 1 else sums
    return int(np.argmax(values))


def rl_sampling(episode: Episode, price: float, weights: tuple[NDArray[np.float64], ...]) -> int:
    """Read branches in rounds of as many as a small learned network says, from the votes so far, until it says stop.

    Args:
        episode: the question.
        price: of a sample, and of a round; what agreeing with the majority of 32 samples earns is 1, and -1 otherwise.
        weights: of each layer of the network.
    """
    while True:
        action = preferred(statistics(episode.votes(FINISHED), episode.width, price), weights)
        more = min(SAMPLES[action], MOST_SAMPLES - episode.width)
        if more <= 0 or episode.read(more) < 0:
            break
    return episode.leader(FINISHED)


def learned_weights(file: Path) -> tuple[NDArray[np.float64], ...]:
    """The layers of a network, as ``benchmarks/adaptive_sampling.py`` writes them."""
    return tuple(np.array(layer) for layer in json.loads(file.read_text()))


_shipped = cache(learned_weights)


def schedule(price: Annotated[float, Between(LOWEST_PRICE, HIGHEST_PRICE)] = 0.01) -> dict[str, Any]:
    """The parameters of ``rl-sampling`` for one price.

    Args:
        price: of a sample, and of a round: what one costs where being right earns 1 and being wrong -1.
    """
    return {"price": price, "weights": _shipped(_LEARNED)}


PROGRAM = Program("rl-sampling", rl_sampling, schedule, probes=False)
