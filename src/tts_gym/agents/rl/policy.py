"""Learned policies as controllers: ``rl:PATH[:cost_weight=…,like=STORE]``."""

from __future__ import annotations

import hashlib
import io
import json
import math
import warnings
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from tts_gym.agents.controller import episode_rows, with_probes_paid
from tts_gym.agents.identity import identity_of
from tts_gym.agents.replay import branch_order
from tts_gym.agents.rl.chooser import Chooser
from tts_gym.agents.rl.one_episode import Scale, play_one
from tts_gym.agents.rl.vector import make_vector
from tts_gym.datasets.catalogue import load_store
from tts_gym.datasets.store import ReplayStore
from tts_gym.envs.config import DEFAULT_COST_WEIGHT
from tts_gym.envs.versions import config_of
from tts_gym.episode.episode import ReplayEpisode
from tts_gym.episode.loop import COUNTED
from tts_gym.episode.rules import EpisodeRules
from tts_gym.errors import ControllerError
from tts_gym.registry import ALGORITHMS

MOST_ENVIRONMENTS = 1024
"""Episodes that are played side by side."""


@dataclass(frozen=True)
class Training:
    """What a model was trained on; kept in its file.

    Attributes:
        algorithm: name of its algorithm.
        env: id of its environment.
        arguments: arguments of the environment, without the stores.
        questions: digests of the questions that it saw, see ``question_digest``.
        signals: recorded signals that it saw or answered by, in every store.
    """

    algorithm: str
    env: str
    arguments: Mapping[str, Any]
    questions: Sequence[str]
    signals: Sequence[str] = ()

    @classmethod
    def on(cls, algorithm: str, env: str, arguments: Mapping[str, Any], stores: Sequence[ReplayStore]) -> Training:
        """A training on all questions of some stores.

        Args:
            algorithm: name of the algorithm.
            env: id of the environment.
            arguments: its arguments, without the stores.
            stores: what is replayed.

        Raises:
            ValueError: an argument has a wrong type or value.
        """
        questions = {question_digest(text) for store in stores for text in store.questions}
        recorded = set.intersection(*(set(store.signals) for store in stores))
        signals = [name for name in config_of(env, arguments).signals if name in recorded]
        return cls(algorithm, env, arguments, sorted(questions), signals)

    def attach(self, model: Any) -> None:
        """Let ``model.save`` write this too."""
        model.tts_gym_training = asdict(self)


def question_digest(text: str) -> str:
    """What stands for a question in a model's file, the same in every store."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class PolicyController:
    """A trained model, replayed in lock-step batches.

    Attributes:
        path: file of the model.
        parameters: "path", "cost_weight", the price of tokens that the policy is shown, and "like", where it is given:
            the store that tells how long branches are where none are recorded.
        digest: hash of the file.
        defaults: "cost_weight" where nobody gives one.
        signals: recorded signals that it learned with.
    """

    path: Path
    parameters: Mapping[str, Any]
    digest: str = field(repr=False)
    defaults: Mapping[str, Any] = field(repr=False)
    signals: tuple[str, ...] = field(default=(), repr=False)

    name = "rl"
    upper_bound = False
    probes = True

    @classmethod
    def load(cls, path: Path, parameters: Mapping[str, str] | None = None) -> PolicyController:
        """Read the file of a model.

        Args:
            path: the file, ``.zip``.
            parameters: "cost_weight" as text, by default the geometric mean of the range that the model learned with;
                and "like", the name or path of a store.

        Raises:
            ControllerError: there is no such file, it holds no model of ``tts-gym train``, or a parameter is wrong.
        """
        try:
            content = path.read_bytes()
        except OSError as error:
            raise ControllerError(f"Cannot read the model {path}: {error.strerror}.") from error
        training = read_training(content, path)
        told: dict[str, Any] = dict(parameters or {})
        unknown = set(told) - {"cost_weight", "like"}
        if unknown:
            raise ControllerError(
                f"Controller rl has no parameter {', '.join(sorted(unknown))}: it has cost_weight and like."
            )
        told = {"path": str(path), **told, "cost_weight": _read_weight(told.get("cost_weight"), training)}
        defaults = {"cost_weight": _read_weight(None, training)}
        return cls(path, told, hashlib.sha256(content).hexdigest(), defaults, tuple(training.signals))

    def identity(self) -> str:
        """See ``Controller.identity``."""
        return identity_of(self, self.digest)

    def run(self, store: ReplayStore, seeds: Sequence[int], rules: EpisodeRules) -> pd.DataFrame:
        """Play the policy; see ``Controller.run``.

        Args:
            store: what is replayed.
            seeds: one branch order each.
            rules: spending and accounting, of which ``published`` counts, and a ``probe_cost`` above 0; the rest is as
                the policy was trained.

        Returns:
            Episode rows.

        Raises:
            ControllerError: the file of the model has changed.
        """
        model, training = self._model()
        _tell_seen(training, store, self.path)
        arguments = dict(training.arguments) | {
            "rules": "published" if rules.published else "exact",
            "cost_weight": self.parameters["cost_weight"],
        }
        asks = config_of(training.env, training.arguments).reveal == "probe"
        if asks and rules.probe_cost:
            arguments["probe_cost"] = rules.probe_cost
        rows = play(model, training.env, arguments, store, seeds)
        return rows if asks else with_probes_paid(rows, self, rules)

    def answer(self, episode: ReplayEpisode, texts: Sequence[str]) -> str | None:
        """Play the policy in one episode, with lengths measured by the store "like"; see ``Controller.answer``."""
        if "like" not in self.parameters:
            raise ControllerError(
                f"The policy {self.path} measures lengths by what is recorded: name a store of the same model and kind "
                "of questions, rl:PATH:like=STORE."
            )
        model, training = self._model()
        config = config_of(training.env, training.arguments)
        found = play_one(model, config, self.parameters["cost_weight"], _scale(self.parameters["like"]), episode)
        return texts[found] if found >= 0 else None

    def _model(self) -> tuple[Any, Training]:
        content = self.path.read_bytes()
        if hashlib.sha256(content).hexdigest() != self.digest:
            raise ControllerError(f"The model {self.path} has changed since it was loaded: load it again.")
        training = read_training(content, self.path)
        return _load_model(content, training.algorithm), training


def play(model: Any, env: str, arguments: Mapping[str, Any], store: ReplayStore, seeds: Sequence[int]) -> pd.DataFrame:
    """Play a model on every question of a store under every seed, many episodes side by side.

    Args:
        model: an algorithm of Stable-Baselines3 or sb3-contrib, trained on ``env``.
        env: id of the environment.
        arguments: its arguments, without the store.
        store: what is replayed.
        seeds: one branch order each.

    Returns:
        Episode rows, see ``Controller.run``.
    """
    episodes = [(question, seed) for question in range(len(store)) for seed in seeds]
    number = min(len(episodes), MOST_ENVIRONMENTS)
    envs = make_vector(env, number, store=store, **arguments)
    choose = Chooser(model)
    answers: list[str | None] = [None] * len(episodes)
    correct, counts = np.zeros(len(episodes), np.bool_), np.zeros((len(episodes), len(COUNTED)), np.int64)
    playing = np.full(number, -1)
    begun = np.ones(number, np.bool_)
    waiting = iter(range(len(episodes)))
    observations, _ = envs.reset(seed=0)
    left = len(episodes)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        while left:
            for n in np.flatnonzero(begun).tolist():
                playing[n] = next(waiting, -1)
                if playing[n] >= 0:
                    question, seed = episodes[playing[n]]
                    options = {
                        "reset_mask": np.arange(number) == n,
                        "question": store.question_ids[question],
                        "order": branch_order(int(store.branch_counts[question]), seed),
                    }
                    observations, _ = envs.reset(options=options)
            actions = choose(observations, envs.action_masks(), begun)
            observations, _, begun, _, infos = envs.step(actions)
            spent = envs.counts()
            for n in np.flatnonzero(begun & (playing >= 0)).tolist():
                answers[playing[n]] = infos["answer"][n] or None
                correct[playing[n]] = infos["correct"][n]
                counts[playing[n]] = spent[n, list(COUNTED.values())]
                left -= 1
    finally:
        torch.set_num_threads(threads)
    return episode_rows(store, seeds, answers, correct, counts)


def read_training(content: bytes, path: Path) -> Training:
    """What a model was trained on.

    Args:
        content: its file.
        path: where that is.

    Raises:
        ControllerError: the file is no model, or one that does not say.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as file:
            return Training(**json.loads(file.read("data"))["tts_gym_training"])
    except (zipfile.BadZipFile, KeyError, TypeError, ValueError) as error:
        raise ControllerError(
            f"{path} is not a model of tts-gym train: train one, or write yours with tts_gym.agents.rl.save."
        ) from error


@lru_cache(maxsize=8)
def _scale(store: str) -> Scale:
    """What the branches of a store measure."""
    like = load_store(store)
    return Scale(like.mean_branch_tokens, like.most_probes + 1)


@lru_cache(maxsize=8)
def _load_model(content: bytes, algorithm: str) -> Any:
    return ALGORITHMS.load(algorithm).load(io.BytesIO(content), device="cpu")


def _read_weight(text: str | None, training: Training) -> float:
    if text is None:
        low, high = np.broadcast_to(training.arguments.get("cost_weight", DEFAULT_COST_WEIGHT), 2).tolist()
        return float(math.sqrt(low * high))
    try:
        weight = float(text)
    except ValueError:
        weight = math.nan
    if not 0 <= weight < math.inf:
        raise ControllerError(f"cost_weight of controller rl is a number, 0 or more, but got {text!r}.")
    return weight


def _tell_seen(training: Training, store: ReplayStore, path: Path) -> None:
    """Say how many questions of ``store`` the model was trained on."""
    seen = set(training.questions)
    both = sum(question_digest(text) in seen for text in store.questions)
    if both:
        warnings.warn(
            f"The model {path} was trained on {both} of the {len(store)} questions of store {store.name}.",
            RuntimeWarning,
            stacklevel=2,
        )
