"""The native vector environments for Stable-Baselines3, which has a vector interface of its own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import VecEnv


def make_sb3_env(id: str, n_envs: int = 1, seed: int | None = None, **arguments: Any) -> SB3VecEnv:
    """Make ``n_envs`` environments that step in one compiled call, for Stable-Baselines3.

    It is the counterpart of ``stable_baselines3.common.env_util.make_vec_env``; wrap it in ``VecMonitor`` for episode
    statistics.

    Args:
        id: id of an environment of this package, such as "TTSWidthDepthRounds-v1".
        n_envs: number of environments.
        seed: seed of the first environment; the others count up from it.
        **arguments: those of the environment, and ``max_episode_steps``.

    Raises:
        ValueError: an argument has a wrong type or value, or a store is refused.
        gymnasium.error.Error: there is no such environment, or it has no native vector environment.
    """
    envs = SB3VecEnv(
        gym.make_vec(
            id,
            num_envs=n_envs,
            vectorization_mode="vector_entry_point",
            autoreset_mode=AutoresetMode.SAME_STEP,
            **arguments,
        )
    )
    envs.seed(seed)
    return envs


class SB3VecEnv(VecEnv):
    """A Gymnasium vector environment in ``SAME_STEP`` mode as a Stable-Baselines3 one.

    ``infos[n]`` holds what environment n tells; at the end of an episode also ``terminal_observation``,
    ``TimeLimit.truncated``, and what the ended episode told last. ``env_method("action_masks")`` gives
    sb3-contrib's MaskablePPO its masks.

    Attributes:
        envs: the Gymnasium vector environment.
    """

    def __init__(self, envs: VectorEnv[Any, Any, Any]) -> None:
        """Wrap ``envs``.

        Raises:
            ValueError: ``envs`` does not reset an environment in the step that ends its episode.
        """
        mode = envs.metadata.get("autoreset_mode")
        if mode != AutoresetMode.SAME_STEP:
            raise ValueError(
                f"Stable-Baselines3 needs a vector environment in SAME_STEP mode, but this one has {mode}."
            )
        self.envs = envs
        self._actions: NDArray[Any] = np.empty(0)
        super().__init__(envs.num_envs, envs.single_observation_space, envs.single_action_space)

    def reset(self) -> Any:
        """Begin an episode in every environment, with the seeds and options that were set before."""
        options = self._options[0]
        if any(other != options for other in self._options):
            raise ValueError("The environments step in one call and take the same options: set one for all of them.")
        seeds: Any = list(self._seeds)
        observations, infos = self.envs.reset(seed=seeds, options=options)
        self.reset_infos = _split(infos, self.num_envs)
        self._reset_seeds()
        self._reset_options()
        return observations

    def step_async(self, actions: NDArray[Any]) -> None:
        """Keep ``actions`` for ``step_wait``."""
        self._actions = actions

    def step_wait(self) -> tuple[Any, NDArray[np.float32], NDArray[np.bool_], list[dict[str, Any]]]:
        """Take the actions.

        Returns:
            Observations, rewards (float32), whether each episode ended, and infos.
        """
        observations, rewards, terminated, truncated, told = self.envs.step(self._actions)
        last_observations, last_infos = told.pop("final_obs", None), told.pop("final_info", {})
        infos = _split(told, self.num_envs)
        dones = terminated | truncated
        if dones.any():
            ends = _split(last_infos, self.num_envs)
            for n in np.flatnonzero(dones).tolist():
                infos[n] = ends[n] | {
                    "terminal_observation": last_observations[n],
                    "TimeLimit.truncated": bool(truncated[n] and not terminated[n]),
                }
        return observations, rewards.astype(np.float32), dones, infos

    def close(self) -> None:
        """Release the environments."""
        self.envs.close()

    def get_attr(self, attr_name: str, indices: None | int | Iterable[int] = None) -> list[Any]:
        """An attribute of the vector environment, once for each index.

        Args:
            attr_name: its name.
            indices: of environments; None for all.
        """
        return [getattr(self.envs.unwrapped, attr_name)] * len(self._positions(indices))

    def set_attr(self, attr_name: str, value: Any, indices: None | int | Iterable[int] = None) -> None:
        """Set an attribute of the vector environment, which all environments share.

        Args:
            attr_name: its name.
            value: its new value.
            indices: of environments, all of them; None says so too.

        Raises:
            ValueError: ``indices`` leaves some environments out.
        """
        if len(self._positions(indices)) != self.num_envs:
            raise ValueError(f"The environments share their attributes: set {attr_name} for all of them.")
        setattr(self.envs.unwrapped, attr_name, value)

    def env_method(
        self, method_name: str, *method_args: Any, indices: None | int | Iterable[int] = None, **method_kwargs: Any
    ) -> list[Any]:
        """Call a method of the vector environment that has a result for each environment.

        Args:
            method_name: its name, such as "action_masks".
            *method_args: its arguments.
            indices: of environments whose results are wanted; None for all.
            **method_kwargs: its arguments by name.

        Returns:
            A result for each index.
        """
        results: Sequence[Any] = getattr(self.envs.unwrapped, method_name)(*method_args, **method_kwargs)
        return [results[n] for n in self._positions(indices)]

    def env_is_wrapped(
        self, wrapper_class: type[gym.Wrapper[Any, Any, Any, Any]], indices: None | int | Iterable[int] = None
    ) -> list[bool]:
        """False for each index: the environments are never wrapped one by one.

        Args:
            wrapper_class: a wrapper of Gymnasium.
            indices: of environments; None for all.
        """
        return [False] * len(self._positions(indices))

    def _positions(self, indices: None | int | Iterable[int]) -> list[int]:
        return [int(n) for n in self._get_indices(indices)]


def _split(infos: dict[str, Any], number: int) -> list[dict[str, Any]]:
    """The infos of a Gymnasium vector environment as one dictionary an environment."""
    parts: list[dict[str, Any]] = [{} for _ in range(number)]
    for name, values in infos.items():
        if not name.startswith("_"):
            singles = values.tolist() if values.ndim == 1 else values
            for part, value, told in zip(parts, singles, infos[f"_{name}"].tolist(), strict=True):
                if told:
                    part[name] = value
    return parts
