"""The algorithms of Stable-Baselines3 and sb3-contrib that ``tts-gym train`` knows."""

from __future__ import annotations

import importlib
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from tts_gym.errors import ControllerError


class Algorithm(NamedTuple):
    """Where an algorithm is defined.

    Attributes:
        module: module of its class.
        class_name: name of its class.
        masked: whether it is told which actions are admissible while it learns.
        on_policy: whether it learns from whole rollouts of its present policy.
        recurrent: whether its policies remember.
    """

    module: str
    class_name: str
    masked: bool = False
    on_policy: bool = True
    recurrent: bool = False

    def load(self) -> Any:
        """The class."""
        return getattr(importlib.import_module(self.module), self.class_name)


ALGORITHMS = {
    "ppo": Algorithm("stable_baselines3", "PPO"),
    "maskable-ppo": Algorithm("sb3_contrib", "MaskablePPO", masked=True),
    "a2c": Algorithm("stable_baselines3", "A2C"),
    "dqn": Algorithm("stable_baselines3", "DQN", on_policy=False),
    "qrdqn": Algorithm("sb3_contrib", "QRDQN", on_policy=False),
    "recurrent-ppo": Algorithm("sb3_contrib", "RecurrentPPO", recurrent=True),
}


def find_algorithm(name: str) -> Algorithm:
    """The algorithm called ``name``.

    Raises:
        ControllerError: there is none.
    """
    if name not in ALGORITHMS:
        raise ControllerError(f"Unknown algorithm {name!r}: use one of {', '.join(ALGORITHMS)}.")
    return ALGORITHMS[name]


class Chooser:
    """Picks in many environments at once the admissible action that a trained model prefers.

    An algorithm that learns without masks is read with them, so that all are judged alike.
    """

    def __init__(self, model: Any) -> None:
        """Read ``model``, an algorithm of Stable-Baselines3 or sb3-contrib with discrete actions."""
        self._policy = model.policy
        self._policy.set_training_mode(False)
        self._memory: Any = None

    def __call__(self, observations: Any, masks: NDArray[np.bool_], begun: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Choose.

        Args:
            observations: those of a vector environment.
            masks: bool [environments, actions], which are admissible; at least one is in each row.
            begun: bool [environments], whether an episode has just begun.

        Returns:
            int64 [environments].
        """
        with torch.no_grad():
            tensors, _ = self._policy.obs_to_tensor(observations)
            preferences: NDArray[np.float32] = self._preferences(tensors, begun).cpu().numpy()
        chosen: NDArray[np.int64] = np.where(masks, preferences, -np.inf).argmax(1)
        return chosen

    def _preferences(self, observations: Any, begun: NDArray[np.bool_]) -> torch.Tensor:
        policy = self._policy
        if hasattr(policy, "quantile_net"):
            return policy.quantile_net(observations).mean(1)
        if hasattr(policy, "q_net"):
            return policy.q_net(observations)
        if not hasattr(policy, "lstm_actor"):
            return policy.get_distribution(observations).distribution.logits
        if self._memory is None:
            shape = (policy.lstm_actor.num_layers, len(begun), policy.lstm_actor.hidden_size)
            self._memory = (torch.zeros(shape), torch.zeros(shape))
        starts = torch.as_tensor(begun, dtype=torch.float32)
        distribution, self._memory = policy.get_distribution(observations, self._memory, starts)
        return distribution.distribution.logits
