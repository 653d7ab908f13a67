"""Vector environments for playing: on loaded stores, which ``gymnasium.make_vec`` does not take, without a limit."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
from gymnasium.envs.registration import load_env_creator
from gymnasium.vector import AutoresetMode


def make_vector(env: str, num_envs: int, **arguments: Any) -> Any:
    """A vector environment whose episodes last as long as they do.

    Args:
        env: id of the environment.
        num_envs: number of environments.
        **arguments: those that differ from the defaults of ``env``.

    Raises:
        ValueError: an argument has a wrong type or value, or a store is refused.
    """
    spec = gym.spec(env)
    make: Any = load_env_creator(spec.vector_entry_point)  # type: ignore[arg-type]
    return make(num_envs, -1, AutoresetMode.NEXT_STEP, **{**spec.kwargs, **arguments})
