"""What has to be known of an algorithm: a class of Stable-Baselines3, or one with its interface."""

from __future__ import annotations

import inspect
from typing import Any

from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm


def is_masked(algorithm: Any) -> bool:
    """Whether it is told which actions are admissible while it learns."""
    return "action_masks" in inspect.signature(algorithm.predict).parameters


def is_on_policy(algorithm: Any) -> bool:
    """Whether it learns from whole rollouts of its present policy."""
    return issubclass(algorithm, OnPolicyAlgorithm)


def is_recurrent(algorithm: Any) -> bool:
    """Whether its policies remember."""
    return "MlpLstmPolicy" in algorithm.policy_aliases
