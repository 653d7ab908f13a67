"""What vector environments over replayed branches share: stores, draws, autoreset and infos."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from operator import index
from typing import Any

import numpy as np
from gymnasium import spaces
from gymnasium.error import ResetNeeded
from gymnasium.utils import seeding
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from tts_gym.datasets.grading import joined
from tts_gym.envs.config import VectorConfig
from tts_gym.envs.draws import ANY, STREAM_SIZE, Choice, read_options, seed_stream
from tts_gym.envs.replays import open_replays
from tts_gym.envs.reward import Terms
from tts_gym.envs.rows import Rows, Stores
from tts_gym.envs.spec import PlainSpec
from tts_gym.episode.aggregation import POOLS
from tts_gym.episode.compile_cache import compile_cached
from tts_gym.episode.compiled import borrow_row, handle_of

OF_THE_STORES = ("_replays", "_like", "_stores", "_ids", "_class_texts")
"""Attributes that are made of the stores alone."""

ONLY = np.ones(1, np.bool_)
"""Says of the only environment that it is stepped."""


def _handle(episodes: Any) -> Any:
    return handle_of(episodes)


_handle_compiled = compile_cached(_handle)


class ReplayVectorEnv(PlainSpec, VectorEnv[Any, NDArray[np.int64], NDArray[Any]]):
    """Environments side by side on replayed branches, stepped by one call of a compiled kernel.

    It does what ``gymnasium.vector.SyncVectorEnv`` does over as many single environments: the same seeds and actions
    give the same observations, rewards and infos. Every array that is returned is fresh.

    A subclass keeps the present observations of all environments in arrays of its own, and says how episodes begin, how
    a step goes, and how the observations are handed out.
    """

    def __init__(self, config: VectorConfig, single_observation_space: spaces.Space[Any], actions: int) -> None:
        """Load the stores, and make what all vector environments have.

        Args:
            config: their arguments.
            single_observation_space: that of one environment.
            actions: number of its actions.

        Raises:
            ValueError: a store is refused.
        """
        self.metadata = {"autoreset_mode": AutoresetMode(config.autoreset_mode), "render_modes": []}
        self.render_mode = None
        self.num_envs = number = config.num_envs
        self.single_action_space = spaces.Discrete(actions)
        self.single_observation_space = single_observation_space
        self.action_space = batch_space(self.single_action_space, number)
        self.observation_space = batch_space(single_observation_space, number)
        self._config = config
        self._pool = POOLS[config.aggregator]
        self._terms = Terms.of(config)
        self._limit = config.max_episode_steps
        self._load()
        self._rows = Rows(
            streams=np.zeros((number, STREAM_SIZE), np.int64),
            numbers=np.zeros(number, np.int64),
            questions=np.full(number, -1, np.int64),
            weights=np.zeros(number),
            tokens=np.zeros(number, np.int64),
            charged=np.zeros(number, np.int64),
            earned=np.zeros(number),
            misses=np.zeros(number, np.int64),
            masks=np.zeros((number, actions), np.int8),
            stopped=np.zeros(number, np.bool_),
            right=np.zeros(number, np.bool_),
        )
        self._question_ids = np.empty(number, dtype=object)
        self._steps = np.zeros(number, np.int64)
        self._ended = np.ones(number, np.bool_)

    def _load(self) -> None:
        """Load the stores, and make what kernels know of them."""
        self._replays = open_replays(self._config, self.num_envs)
        self._like = self._replays[0].episode
        stores = [replay.store for replay in self._replays]
        handles = [_handle_compiled(replay.episode) for replay in self._replays]
        questions = np.array([len(store) for store in stores])
        self._stores = Stores(
            handles=np.array(handles, np.int64 if isinstance(handles[0], int) else object),
            questions=questions,
            branch_tokens=np.array([replay.branch_tokens for replay in self._replays]),
            longest=np.array([replay.longest for replay in self._replays]),
            first=np.cumsum(questions) - questions,
            grading=joined([store.grading for store in stores]),
        )
        self._ids = np.array([name for store in stores for name in store.question_ids], dtype=object)
        self._class_texts = [store.class_texts for store in stores]

    def __getstate__(self) -> dict[str, Any]:
        """What pickling keeps: all but the stores, which are loaded again, and of the running episodes their arrays."""
        state = {name: value for name, value in self.__dict__.items() if name not in OF_THE_STORES}
        return state | {"snapshots": [replay.snapshot() for replay in self._replays]}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Load the stores again and go on with the episodes."""
        kept = dict(state)
        snapshots = kept.pop("snapshots")
        self.__dict__.update(kept)
        self._load()
        for replay, snapshot in zip(self._replays, snapshots, strict=True):
            replay.restore(snapshot)

    @abstractmethod
    def _begin(self, chosen: NDArray[np.bool_], choice: Choice) -> None:
        """Begin an episode in each of the environments ``chosen``, and observe it."""

    @abstractmethod
    def _act(
        self, actions: NDArray[np.int64], stepped: NDArray[np.bool_]
    ) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Take the actions of the environments ``stepped``, and observe them.

        Returns:
            The rewards, 0 for the others; the class that each one that stops answers with, -1 for none. Which ones stop
            is told by ``Rows.stopped``.
        """

    @abstractmethod
    def _observation(self) -> Any:
        """Copies of the observations of all environments."""

    @abstractmethod
    def _observation_of(self, n: int) -> Any:
        """A copy of the observation of environment ``n``."""

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Begin an episode in every environment, or in those of ``options["reset_mask"]``.

        The observations and infos are those of all environments; what goes on is as it was.

        Args:
            seed: a seed for each environment, or one from which they count up; None goes on with the draws.
            options: "reset_mask" (bool [num_envs]), and those of ``TTSWidthDepth-v1``.

        Raises:
            ValueError: a wrong number of seeds, a wrong mask, or an option that does not fit.
        """
        options = dict(options or {})
        chosen = np.asarray(options.pop("reset_mask", np.ones(self.num_envs, np.bool_)))
        if chosen.shape != (self.num_envs,) or chosen.dtype != np.bool_ or not chosen.any():
            raise ValueError(f"Option reset_mask is a bool array of shape ({self.num_envs},) with a True in it.")
        seeds = self._seeds(seed)
        choice = read_options(options, self._replays)
        if (self._rows.questions[~chosen] < 0).any():
            raise ResetNeeded("Reset every environment before resetting some of them.")
        for n in np.flatnonzero(chosen):
            if seeds[n] is not None or not self._rows.streams[n].any():
                seed_stream(self._rows.streams[n], seeding.np_random(seeds[n])[0])
        self._restart(chosen, choice)
        return self._observation(), self._infos(np.ones(self.num_envs, np.bool_)) | self._blank_answers()

    def step(
        self, actions: NDArray[np.int64]
    ) -> tuple[Any, NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_], dict[str, Any]]:
        """Take one action in every environment.

        Raises:
            ResetNeeded: an episode that has ended was not reset, where nothing resets it.
            ValueError: an action is outside the action space, or inadmissible under ``invalid_action="raise"``.
        """
        actions = np.asarray(actions)
        self._check_actions(actions)
        mode = self.metadata["autoreset_mode"]
        begun = self._ended
        if self._rows.questions[0] < 0 or (mode != AutoresetMode.NEXT_STEP and begun.any()):
            raise ResetNeeded("Call reset before the first step and after the end of an episode.")
        stepped = ~begun
        if self._config.invalid_action == "raise":
            self._check_admissible(actions, stepped)
        rewards, answers = self._act(actions, stepped)
        if begun.any():
            self._restart(begun, ANY)
        terminated = self._rows.stopped.copy()
        self._steps += stepped
        truncated = stepped & (self._steps >= self._limit) if self._limit >= 0 else np.zeros_like(stepped)
        self._ended = terminated | truncated
        everyone = np.ones(self.num_envs, np.bool_)
        if mode != AutoresetMode.SAME_STEP or not self._ended.any():
            infos = self._infos(everyone) | self._answers(everyone, terminated, answers)
            return self._observation(), rewards, terminated, truncated, infos
        ended = self._ended
        final_obs = np.empty(self.num_envs, dtype=object)
        for n in np.flatnonzero(ended).tolist():
            final_obs[n] = self._observation_of(n)
        ends = self._infos(ended) | self._answers(ended, terminated, answers)
        infos = {"final_obs": final_obs, "_final_obs": ended.copy(), "final_info": ends, "_final_info": ended.copy()}
        self._restart(ended, ANY)
        infos |= self._infos(everyone) | self._blank_answers()
        return self._observation(), rewards, terminated, truncated, infos

    def step_only(self, action: int) -> tuple[Any, float, bool, dict[str, Any]]:
        """Take an action in the only environment, which nothing resets: ``step`` without what many of them need.

        Args:
            action: an action of the action space, in an episode that runs.

        Returns:
            Observation, reward, whether the episode has ended, and what the environment tells.

        Raises:
            ValueError: the action is inadmissible under ``invalid_action="raise"``.
        """
        actions = np.array([action])
        if self._config.invalid_action == "raise":
            self._check_admissible(actions, ONLY)
        rewards, answers = self._act(actions, ONLY)
        rows, stopped = self._rows, bool(self._rows.stopped[0])
        self._ended[0] = stopped
        mask = rows.masks[0].copy()
        told = {"question_id": self._question_ids[0], "tokens": int(rows.tokens[0]), "action_mask": mask}
        if stopped or self._config.steady_info:
            _, texts = self.question_of(0)
            told["answer"] = texts[answers[0]] if answers[0] >= 0 else ""
            told["correct"] = stopped and bool(rows.right[0])
        return self._observation_of(0), float(rewards[0]), stopped, told

    @property
    def config(self) -> VectorConfig:
        """The arguments, checked."""
        return self._config

    def action_masks(self) -> NDArray[np.bool_]:
        """Which actions are admissible now, bool [num_envs, actions]."""
        return self._rows.masks.astype(np.bool_)

    def counts(self) -> NDArray[np.int64]:
        """What each episode has come to, int64 [num_envs, ``state.COUNT_SIZE``]; the last one until the next begins."""
        counts = np.stack([replay.state.count for replay in self._replays])
        return counts[self._rows.numbers, np.arange(self.num_envs)]

    def state_of(self, n: int) -> Any:
        """The fields of environment ``n``'s episode, for reading in Python; the last one until the next begins."""
        return borrow_row(None, self._replays[self._rows.numbers[n]].state, n)

    def question_of(self, n: int) -> tuple[str, tuple[str, ...]]:
        """The question id of environment ``n``'s episode, and the text of each of the question's answer classes.

        Raises:
            ResetNeeded: no episode has begun.
        """
        if self._rows.questions[n] < 0:
            raise ResetNeeded("Call reset first: there is no episode yet.")
        return self._question_ids[n], self._class_texts[self._rows.numbers[n]][self._rows.questions[n]]

    @property
    def longest(self) -> int:
        """Intervals of the longest branch of all stores, the finishing one included."""
        return int(self._stores.longest.max())

    def _seeds(self, seed: int | Sequence[int | None] | None) -> list[int | None]:
        """A seed for each environment, None where the draws go on."""
        if seed is None:
            return [None] * self.num_envs
        if isinstance(seed, int | np.integer):
            return [int(seed) + n for n in range(self.num_envs)]
        seeds = [None if one is None else index(one) for one in seed]
        if len(seeds) != self.num_envs:
            raise ValueError(f"seed has {len(seeds)} entries for {self.num_envs} environments.")
        return seeds

    def _check_actions(self, actions: NDArray[Any]) -> None:
        most = self._rows.masks.shape[1] - 1
        fitting = actions.shape == (self.num_envs,) and actions.dtype.kind in "iu"
        if not fitting or actions.min() < 0 or actions.max() > most:
            raise ValueError(
                f"The actions are integers from 0 to {most}, one for each of {self.num_envs} environments."
            )

    def _check_admissible(self, actions: NDArray[np.int64], stepped: NDArray[np.bool_]) -> None:
        taken = self._rows.masks[np.arange(self.num_envs), actions].astype(np.bool_) | ~stepped
        if not taken.all():
            n = int(taken.argmin())
            raise ValueError(f"Action {actions[n]} is not admissible in environment {n}.")

    def _restart(self, chosen: NDArray[np.bool_], choice: Choice) -> None:
        self._begin(chosen, choice)
        numbers, questions = self._rows.numbers[chosen], self._rows.questions[chosen]
        self._question_ids[chosen] = self._ids[self._stores.first[numbers] + questions]
        self._steps[chosen] = 0
        self._ended = self._ended & ~chosen

    def _infos(self, chosen: NDArray[np.bool_]) -> dict[str, Any]:
        """What the environments ``chosen`` tell, with zeros or None for the others."""
        ids, tokens, masks = self._question_ids.copy(), self._rows.tokens.copy(), self._rows.masks.copy()
        if not chosen.all():
            ids[~chosen], tokens[~chosen], masks[~chosen] = None, 0, 0
        return {
            "question_id": ids,
            "_question_id": chosen.copy(),
            "tokens": tokens,
            "_tokens": chosen.copy(),
            "action_mask": masks,
            "_action_mask": chosen.copy(),
        }

    def _answers(
        self, chosen: NDArray[np.bool_], terminated: NDArray[np.bool_], answers: NDArray[np.int64]
    ) -> dict[str, Any]:
        """What the environments ``chosen`` tell of their answers, of which those ``terminated`` have one."""
        told = chosen if self._config.steady_info else terminated
        if not told.any():
            return {}
        where = np.flatnonzero(terminated)
        numbers, questions, classes = self._rows.numbers[where], self._rows.questions[where], answers[where]
        correct = terminated & self._rows.right
        texts = np.empty(self.num_envs, dtype=object)
        texts[told] = ""
        texts[where] = [
            self._class_texts[number][question][answer] if answer >= 0 else ""
            for number, question, answer in zip(numbers.tolist(), questions.tolist(), classes.tolist(), strict=True)
        ]
        return {"answer": texts, "_answer": told.copy(), "correct": correct, "_correct": told.copy()}

    def _blank_answers(self) -> dict[str, Any]:
        """What environments tell of answers where none has one."""
        nobody = np.zeros(self.num_envs, np.bool_)
        return self._answers(~nobody, nobody, np.empty(0, np.int64))
