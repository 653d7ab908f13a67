"""Writing a model that was trained without ``tts-gym train``, so that it is a controller like any other."""

from __future__ import annotations

import io
from dataclasses import fields
from pathlib import Path
from typing import Any

from stable_baselines3.common.vec_env import unwrap_vec_normalize

from tts_gym.agents.rl.policy import Training
from tts_gym.datasets.catalogue import load_store
from tts_gym.datasets.store import ReplayStore
from tts_gym.envs.config import AtomicConfig, RoundsConfig
from tts_gym.errors import ControllerError
from tts_gym.files import write_whole
from tts_gym.registry import ALGORITHMS

_NOT_ARGUMENTS = ("store", "render_mode")
"""Arguments of an environment that are none of a policy."""


def save(model: Any, path: str | Path) -> None:
    """Write a model for ``-c rl:PATH``, with what it was trained on: its environment, and digests of the questions.

    Args:
        model: an algorithm of Stable-Baselines3 or sb3-contrib with an environment of this package, such as
            ``PPO("MlpPolicy", "TTSWidthDepthRounds-v1")``, or one on ``make_sb3_env``.
        path: the file, ``.zip``.

    Raises:
        ControllerError: the algorithm or its environment is none that a controller plays.
        OSError: the file cannot be written.
    """
    algorithm = next((name for name in ALGORITHMS if ALGORITHMS.load(name) is type(model)), None)
    if algorithm is None:
        raise ControllerError(f"No controller plays a model of {type(model).__name__}: use {', '.join(ALGORITHMS)}.")
    envs = model.get_env()
    if envs is None or not envs.has_attr("config"):
        raise ControllerError("The model has no environment of tts_gym: save it with the one that it was trained on.")
    normalised = unwrap_vec_normalize(envs)
    if normalised is not None and normalised.norm_obs:
        raise ControllerError("The model sees normalised observations, which no evaluation gives: use norm_obs=False.")
    config = envs.get_attr("config", 0)[0]
    kind = RoundsConfig if isinstance(config, RoundsConfig) else AtomicConfig
    names = [each.name for each in fields(kind) if each.name not in _NOT_ARGUMENTS]
    stores = [store if isinstance(store, ReplayStore) else load_store(store) for store in config.stores]
    arguments = {name: getattr(config, name) for name in names}
    Training.on(algorithm, kind.env_id, arguments, stores).attach(model)
    content = io.BytesIO()
    model.save(content)
    write_whole(Path(path), content.getvalue())
