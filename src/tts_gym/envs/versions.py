"""The versions of the environments: the latest have the defaults of their configurations, earlier ones keep theirs.

It is read by ``import tts_gym``, so it imports nothing heavy.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from gymnasium.envs.registration import register

from tts_gym.envs.config import AtomicConfig, RoundsConfig


class Version(NamedTuple):
    """An environment as it is registered.

    Attributes:
        config: the class of its configuration.
        arguments: what it is made with where nothing else is given, as far as that is not the configuration's default.
    """

    config: type[AtomicConfig] | type[RoundsConfig]
    arguments: Mapping[str, Any]


_FIRST = {
    "aggregator": "active",
    "initial_width": 0,
    "reward_shaping": False,
    "invalid_reward": -0.01,
    "patience": None,
    "steady_info": False,
}
"""Arguments of both environments in their first version."""

VERSIONS = {
    "TTSWidthDepth-v0": Version(
        AtomicConfig,
        {**_FIRST, "max_branches": 16, "reveal": "probe", "stride": 1, "show_price": False, "show_signals": False},
    ),
    AtomicConfig.env_id: Version(AtomicConfig, {}),
    "TTSWidthDepthRounds-v0": Version(RoundsConfig, {**_FIRST, "max_branches": 64, "extended": False}),
    RoundsConfig.env_id: Version(RoundsConfig, {}),
}
"""Each environment of this package by its id."""


def register_versions() -> None:
    """Make the environments known to Gymnasium."""
    for env_id, (config, arguments) in VERSIONS.items():
        register(
            id=env_id,
            entry_point=config.entry_point,
            vector_entry_point=config.vector_entry_point,
            max_episode_steps=config.most_steps,
            kwargs=dict(arguments),
        )


def config_of(env: str, arguments: Mapping[str, Any]) -> AtomicConfig | RoundsConfig:
    """The configuration of a registered environment.

    Args:
        env: its id, one of ``VERSIONS``.
        arguments: those that differ from its defaults.

    Raises:
        ValueError: an argument has a wrong type or value.
    """
    version = VERSIONS[env]
    return version.config(**{**version.arguments, **arguments})
