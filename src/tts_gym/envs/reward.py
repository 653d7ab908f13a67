"""What actions earn, in every environment: the one place where rewards are computed."""

from __future__ import annotations

from typing import NamedTuple

from tts_gym.envs.config import ReplayConfig
from tts_gym.episode.aggregation import AGGREGATORS
from tts_gym.episode.state import kernel

ENDLESS = -1
"""The patience of an environment that ignores inadmissible actions for ever."""


class Terms(NamedTuple):
    """What actions do and earn under a configuration, for kernels.

    Attributes:
        low: the lowest price of a mean branch.
        high: the highest.
        initial_width: branches that an episode begins with.
        stride: intervals that CONTINUE advances by.
        aggregator: how STOP answers, one of ``aggregation.AGGREGATORS``.
        shaped: whether progress towards the right answer is rewarded when it is made.
        invalid_reward: what an inadmissible action earns.
        patience: inadmissible actions in a row after which an episode ends as with STOP, or ``ENDLESS``.
    """

    low: float
    high: float
    initial_width: int
    stride: int
    aggregator: int
    shaped: bool
    invalid_reward: float
    patience: int

    @classmethod
    def of(cls, config: ReplayConfig) -> Terms:
        """The terms of a configuration."""
        return cls(
            *config.weight_range,
            int(config.initial_width),
            int(config.stride),
            AGGREGATORS[config.aggregator],
            bool(config.reward_shaping),
            float(config.invalid_reward),
            ENDLESS if config.patience is None else int(config.patience),
        )


@kernel
def token_reward(cost_weight: float, tokens: float, branch_tokens: float) -> float:
    """What an action earns for what it spent.

    Args:
        cost_weight: price of a mean branch.
        tokens: that it was charged.
        branch_tokens: mean branch length of the store, in tokens.
    """
    return cost_weight * (-tokens / branch_tokens)


@kernel
def answer_reward(right: bool, earlier: float) -> float:
    """What an answer earns.

    Args:
        right: whether it is right, which is worth 1.
        earlier: what was earned for it before, where rewards are shaped; 0 elsewhere.
    """
    return (1.0 if right else 0.0) - earlier
