"""Training a policy: from a config to a directory of models, whether or not it is interrupted on the way."""

from __future__ import annotations

import copy
import importlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.utils import LinearSchedule
from stable_baselines3.common.vec_env import VecMonitor

from tts_gym.agents.rl.cloning import clonable, clone
from tts_gym.agents.rl.config import Config
from tts_gym.agents.rl.policy import Training
from tts_gym.agents.rl.run_directory import RunDirectory, replay_file
from tts_gym.agents.rl.sb3 import make_sb3_env
from tts_gym.agents.rl.validation import Validation
from tts_gym.datasets.catalogue import load_store
from tts_gym.datasets.store import ReplayStore
from tts_gym.errors import ControllerError
from tts_gym.registry import ALGORITHMS

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TrainingProgress:
    """How far a training is.

    Attributes:
        timesteps: steps that it has learned from, or is learning from.
        total: steps that it will take.
        best: best score on the validation questions; None before the first.
        finished: whether it came to its end.
    """

    timesteps: int
    total: int
    best: float | None
    finished: bool = False


def train(
    config: Config,
    out: Path,
    fresh: bool = False,
    watch: Callable[[TrainingProgress], None] = lambda progress: None,
    stopped: Callable[[], bool] = lambda: False,
) -> TrainingProgress:
    """Train a policy, or go on with the training in ``out``. The same config gives the same models.

    An interrupted training goes on from its last checkpoint; its environments begin new episodes.

    Args:
        config: what to train on what.
        out: directory to write, see ``RunDirectory``.
        fresh: throw away the training that ``out`` holds, and begin anew.
        watch: called after every step of the environments.
        stopped: asked after every step whether to stop; if so, a checkpoint is kept.

    Returns:
        How far it came.

    Raises:
        ControllerError: the config is wrong, or ``out`` is not to be written to.
        StoreError: a store is missing or refused.
    """
    program = None if config.init_from is None else clonable(config.init_from, config.algorithm, config.env)
    stores = {name: load_store(name) for name in (*config.stores, *config.eval_stores)}
    learned_from = [stores[name] for name in config.stores]
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        directory = RunDirectory(out, config, stores, fresh)
        model = new_model(config)
        if fresh:
            directory.discard()
        checkpoint = directory.newest_checkpoint()
        if checkpoint is not None:
            model = _loaded(config, checkpoint, model.get_env())
        elif program is not None:
            _log.info("Imitating %s", config.init_from)
            clone(model, type(model), program, config.env, config.settings.arguments, learned_from, config.seed)
        Training.on(config.algorithm, config.env, config.settings.arguments, learned_from).attach(model)
        directory.begin()
        judged_on = [stores[name] for name in config.eval_stores]
        keeper = _Keeper(config, directory, judged_on, model.num_timesteps, watch, stopped)
        with directory.alone():
            if directory.finished:
                return keeper.progress(model.num_timesteps, finished=True)
            return _learn(model, config, directory, keeper)
    finally:
        torch.set_num_threads(threads)


def _learn(model: Any, config: Config, directory: RunDirectory, keeper: _Keeper) -> TrainingProgress:
    settings = config.settings
    model.set_logger(directory.logger(model.num_timesteps))
    left = settings.timesteps - model.num_timesteps
    model.learn(left, keeper, log_interval=settings.log_interval, reset_num_timesteps=False)
    model.logger.close()
    if keeper.interrupted:
        model.num_timesteps = keeper.learned
        directory.keep_checkpoint(model)
        return keeper.progress(model.num_timesteps)
    keeper.keep()
    directory.keep_model(model, "final.zip")
    return keeper.progress(model.num_timesteps, finished=True)


class _Keeper(BaseCallback):
    """Keeps checkpoints, validates them, and stops the training.

    Attributes:
        learned: timesteps that the policy has learned from.
        interrupted: whether the training was stopped.
    """

    def __init__(
        self,
        config: Config,
        directory: RunDirectory,
        judged_on: Sequence[ReplayStore],
        timesteps: int,
        watch: Callable[[TrainingProgress], None],
        stopped: Callable[[], bool],
    ) -> None:
        super().__init__()
        settings = config.settings
        self.learned = timesteps
        self.interrupted = False
        self._directory = directory
        self._total = settings.timesteps
        self._every = settings.save_every
        self._watch = watch
        self._stopped = stopped
        self._validation = None
        self._kept = timesteps if timesteps else -1
        if judged_on:
            curve = directory.path / "validation.csv"
            self._validation = Validation(
                curve, config.env, settings.arguments, judged_on, settings.validation_seeds, timesteps
            )
            self._kept = self._validation.timesteps

    def progress(self, timesteps: int, finished: bool = False) -> TrainingProgress:
        """How far the training is after ``timesteps``."""
        best = None if self._validation is None or self._validation.timesteps < 0 else self._validation.best
        return TrainingProgress(timesteps, self._total, best, finished)

    def keep(self) -> None:
        """Keep a checkpoint and validate it, if that is not done; keep the model as the best one if it is.

        The curve comes last: where one that is killed goes on, it lacks what may not have been kept.
        """
        if self._kept == self.model.num_timesteps:
            return
        self._kept = self.model.num_timesteps
        self._directory.keep_checkpoint(self.model)
        _log.info("Kept a checkpoint after %d timesteps", self._kept)
        if self._validation is not None:
            _log.info("Validating")
            if self._validation.judge(self.model):
                self._directory.keep_model(self.model, "best.zip")
            self._validation.keep()

    def _on_rollout_start(self) -> None:
        self.learned = self.model.num_timesteps
        if self.learned // self._every > self._kept // self._every:
            self.keep()

    def _on_step(self) -> bool:
        self._watch(self.progress(self.model.num_timesteps))
        self.interrupted = self._stopped()
        return not self.interrupted


def new_model(config: Config) -> Any:
    """An untrained model.

    Raises:
        ControllerError: an argument of the environment or a hyperparameter has a wrong value.
    """
    settings = config.settings
    hyperparameters = copy.deepcopy(dict(settings.hyperparameters))  # algorithms add to policy_kwargs
    rate = hyperparameters.get("learning_rate")
    networks = hyperparameters.get("policy_kwargs", {})
    module, _, name = settings.policy.rpartition(".")
    try:
        if "activation_fn" in networks:
            networks["activation_fn"] = getattr(torch.nn, networks["activation_fn"])
        if isinstance(rate, list):
            first, last = rate
            hyperparameters["learning_rate"] = LinearSchedule(first, last, end_fraction=1.0)
        policy = getattr(importlib.import_module(module), name) if module else name
        envs = make_sb3_env(config.env, settings.n_envs, config.seed, store=list(config.stores), **settings.arguments)
        algorithm = ALGORITHMS.load(config.algorithm)
        return algorithm(policy, VecMonitor(envs), seed=config.seed, device="cpu", **hyperparameters)
    except (AssertionError, AttributeError, ImportError, TypeError, ValueError) as error:
        raise ControllerError(f"Cannot make {config.algorithm} on {config.env}: {error}") from error


def _loaded(config: Config, checkpoint: Path, envs: Any) -> Any:
    """The model of a checkpoint, with draws of its own from here on."""
    model = ALGORITHMS.load(config.algorithm).load(checkpoint, envs, device="cpu")
    if replay_file(checkpoint).exists():
        model.load_replay_buffer(replay_file(checkpoint))
    model.set_random_seed(config.seed + model.num_timesteps)
    return model
