"""How a trained model is read: the admissible action that it prefers, in many environments at once."""

from __future__ import annotations

from threading import Lock
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sb3_contrib.common.recurrent.policies import RecurrentActorCriticPolicy
from sb3_contrib.qrdqn.policies import QRDQNPolicy
from stable_baselines3.dqn.policies import DQNPolicy

_ALONE = Lock()
"""Held while a policy is asked: it keeps what it was asked last, and live questions share it from threads of theirs."""


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
        with _ALONE, torch.no_grad():
            tensors, _ = self._policy.obs_to_tensor(observations)
            preferences: NDArray[np.float32] = self._preferences(tensors, begun).cpu().numpy()
        chosen: NDArray[np.int64] = np.where(masks, preferences, -np.inf).argmax(1)
        return chosen

    def _preferences(self, observations: Any, begun: NDArray[np.bool_]) -> torch.Tensor:
        policy = self._policy
        if isinstance(policy, QRDQNPolicy):
            return policy.quantile_net(observations).mean(1)
        if isinstance(policy, DQNPolicy):
            return policy.q_net(observations)
        if not isinstance(policy, RecurrentActorCriticPolicy):
            return policy.get_distribution(observations).distribution.logits
        if self._memory is None:
            shape = (policy.lstm_actor.num_layers, len(begun), policy.lstm_actor.hidden_size)
            self._memory = (torch.zeros(shape), torch.zeros(shape))
        starts = torch.as_tensor(begun, dtype=torch.float32)
        distribution: Any
        distribution, self._memory = policy.get_distribution(observations, self._memory, starts)
        return distribution.distribution.logits
