"""What a training is told: the tuned settings of its algorithm, and what the user adds."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import gymnasium as gym
import yaml
from gymnasium.envs.registration import load_env_creator

from tts_gym.errors import ControllerError
from tts_gym.registry import ALGORITHMS

CONFIGS = Path(__file__).parent / "configs"
"""One file an algorithm; each maps ids of environments to settings, as every file of settings does."""

_OURS = {"self", "policy", "env", "seed", "device", "verbose", "tensorboard_log", "_init_setup_model"}
"""Parameters of an algorithm that are no hyperparameters here."""

_Loader: Any = type("_Loader", (yaml.SafeLoader,), {})
"""Reads 1e-3 as a number, as YAML 1.2 does."""

_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+$"), list("-+.0123456789")
)

_NOT_ARGUMENTS = {"self", "store", "num_envs", "max_episode_steps", "autoreset_mode", "render_mode"}
"""Parameters of a vector environment that are no arguments here."""


@dataclass(frozen=True)
class TrainingSettings:
    """How an algorithm trains on an environment.

    Attributes:
        timesteps: steps of all environments together.
        n_envs: environments side by side.
        policy: name of a policy of the algorithm, or ``module.Class``.
        arguments: arguments of the environment, without the store.
        hyperparameters: those of the algorithm; ``learning_rate`` may be a pair, from which to which it falls linearly.
        save_every: timesteps between two checkpoints, each of which is validated.
        validation_seeds: branch orders that a validation plays each question in.
        log_interval: iterations, or for an algorithm that is not on-policy episodes, between two logged lines.
    """

    timesteps: int
    n_envs: int
    policy: str
    arguments: Mapping[str, Any]
    hyperparameters: Mapping[str, Any]
    save_every: int
    validation_seeds: int
    log_interval: int


@dataclass(frozen=True)
class Config:
    """All that a training depends on, but for the versions of packages.

    Attributes:
        algorithm: its name.
        env: id of the environment.
        stores: names or paths to train on; those of folds where questions are held out.
        eval_stores: names or paths to validate on; none without validation.
        seed: of everything that is drawn.
        init_from: specification of the program that is cloned first.
        settings: how the algorithm trains.
    """

    algorithm: str
    env: str
    stores: tuple[str, ...]
    eval_stores: tuple[str, ...]
    seed: int
    init_from: str | None
    settings: TrainingSettings

    def document(self) -> dict[str, Any]:
        """As plain data, such as YAML holds."""
        document = asdict(self)
        return document | {"stores": list(self.stores), "eval_stores": list(self.eval_stores)}


def read_settings(
    algorithm: str,
    env: str,
    file: Path | None = None,
    timesteps: int | None = None,
    arguments: Mapping[str, Any] | None = None,
) -> TrainingSettings:
    """The shipped settings of an algorithm, changed by those of a file and by what is given here.

    Args:
        algorithm: name of the algorithm.
        env: id of the environment.
        file: YAML in the form of the shipped ones: ids of environments, each with settings.
        timesteps: instead of those of the files.
        arguments: added to those of the files.

    Raises:
        ControllerError: an unknown algorithm, environment or setting, or one of a wrong type.
    """
    ALGORITHMS.load(algorithm)
    values: dict[str, Any] = {}
    shipped = CONFIGS / f"{algorithm}.yaml"
    for source in filter(None, (shipped if shipped.exists() else None, file)):
        section = _section(source, env)
        if source is file and not section:
            raise ControllerError(f"{file} has no settings for {env}.")
        for name, value in section.items():
            values[name] = values.get(name, {}) | value if isinstance(value, dict) else value
    if not values:
        raise ControllerError(
            f"There are no settings for {algorithm} on {env}: give a file with them, which maps {env} to settings."
        )
    values["timesteps"] = values.get("timesteps") if timesteps is None else timesteps
    values["arguments"] = values.get("arguments", {}) | dict(arguments or {})
    return _checked(values, algorithm, env)


def _section(source: Path, env: str) -> dict[str, Any]:
    """The settings for ``env`` in a file."""
    try:
        document = yaml.load(source.read_text(encoding="utf-8"), _Loader)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ControllerError(f"Cannot read the settings {source}: {error}") from error
    if not isinstance(document, dict) or not all(isinstance(section, dict) for section in document.values()):
        raise ControllerError(f"{source} is no file of settings: it maps ids of environments, such as {env}, to them.")
    unknown = [name for name in document if name not in gym.registry]
    if unknown:
        raise ControllerError(f"{source} has settings for {unknown[0]!r}, which is no environment: write {env}.")
    section: dict[str, Any] = document.get(env, {})
    kinds = {field.name: field.type for field in fields(TrainingSettings)}
    for name, value in section.items():
        kind = kinds.get(name)
        if kind is None:
            raise ControllerError(f"{source} has an unknown setting {name!r}: use {', '.join(kinds)}.")
        if kind == "int" and (type(value) is not int or value < 1):
            raise ControllerError(f"{source}: {name} is an integer, 1 or more, but got {value!r}.")
        if kind == "str" and not isinstance(value, str):
            raise ControllerError(f"{source}: {name} is text, but got {value!r}.")
        if kind not in ("int", "str") and not isinstance(value, dict):
            raise ControllerError(f"{source}: {name} maps names to values, but got {value!r}.")
    return section


def _checked(values: dict[str, Any], algorithm: str, env: str) -> TrainingSettings:
    missing = [field.name for field in fields(TrainingSettings) if values.get(field.name) is None]
    if missing:
        raise ControllerError(f"The settings for {algorithm} on {env} lack {', '.join(missing)}.")
    creator: Any = load_env_creator(gym.spec(env).vector_entry_point)  # type: ignore[arg-type]
    known = {
        "hyperparameter": set(inspect.signature(ALGORITHMS.load(algorithm)).parameters) - _OURS,
        "argument": set(inspect.signature(creator).parameters) - _NOT_ARGUMENTS,
    }
    for kind, names in known.items():
        unknown = sorted(set(values[f"{kind}s"]) - names)
        if unknown:
            whose = algorithm if kind == "hyperparameter" else env
            raise ControllerError(f"{whose} has no {kind} {unknown[0]!r}: use {', '.join(sorted(names))}.")
    return TrainingSettings(**values)
