"""What actions earn, in every environment: the one place where rewards are computed."""

from __future__ import annotations

from tts_gym.episode.state import kernel

INVALID_ACTION_REWARD = -0.01
"""Reward of an inadmissible action under ``invalid_action="ignore"``."""


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
