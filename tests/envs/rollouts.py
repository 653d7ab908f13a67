"""Random episodes and their comparison."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

from tts_gym.episode.actions import STOP

STEPS = 1000 if numba.config.DISABLE_JIT else 10_000
"""Steps of a long rollout."""

Transition = tuple[dict[str, np.ndarray], float, bool, dict[str, Any]]


def choose(mask: np.ndarray, rng: np.random.Generator, stop: float = 0.05) -> int:
    """A random admissible action, STOP with probability ``stop`` while there is another."""
    others = np.flatnonzero(mask)[1:]
    return int(rng.choice(others)) if len(others) and rng.random() >= stop else STOP


def rollout(env: Any, steps: int, seed: int = 0, masked: bool = True) -> list[Transition]:
    """What a random agent meets in ``steps`` steps, resets included."""
    rng = np.random.default_rng(seed)
    observation, info = env.reset(seed=seed)
    met: list[Transition] = [(observation, 0.0, False, info)]
    for _ in range(steps):
        action = choose(info["action_mask"], rng) if masked else int(rng.integers(env.action_space.n))
        observation, reward, terminated, truncated, info = env.step(action)
        met.append((observation, reward, terminated, info))
        if terminated or truncated:
            observation, info = env.reset()
            met.append((observation, 0.0, False, info))
    return met


def assert_same(left: list[Transition], right: list[Transition]) -> None:
    """Both agents met the same, bit for bit."""
    assert len(left) == len(right)
    for (observation, reward, terminated, info), other in zip(left, right, strict=True):
        assert (reward, terminated) == other[1:3]
        np.testing.assert_equal(observation, other[0])
        np.testing.assert_equal(info, other[3])


def with_running(infos: dict[str, Any], before: dict[str, Any], reset: np.ndarray) -> dict[str, Any]:
    """The infos of a reset of the environments ``reset``, with those that the running ones told ``before``."""
    everyone = np.ones_like(reset)
    told = {}
    for name in [name for name in infos if not name.startswith("_")]:
        told[name] = np.where(reset.reshape(-1, *[1] * (infos[name].ndim - 1)), infos[name], before[name])
        told[f"_{name}"] = everyone
    return told
