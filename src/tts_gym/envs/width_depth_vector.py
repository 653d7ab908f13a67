"""Many ``TTSWidthDepth-v0`` environments in one, stepped by a single compiled loop over the same kernels."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import spaces
from gymnasium.error import ResetNeeded
from gymnasium.utils import seeding
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from tts_gym.envs.actions import STOP, action_count
from tts_gym.envs.atomic import act, action_mask, answer_at
from tts_gym.envs.compiled import borrow_handle, handle_of
from tts_gym.envs.draws import draw_episode
from tts_gym.envs.jit import compile_cached
from tts_gym.envs.observation import BRANCH_FEATURES, SUMMARY_FEATURES, observe
from tts_gym.envs.settings import Settings, StoreNames
from tts_gym.envs.state import TOKENS
from tts_gym.envs.transitions import reset
from tts_gym.envs.width_depth import INVALID_ACTION_REWARD, Observation


def _begin_one(like, handle, question, order):  # type: ignore[no-untyped-def]
    e = borrow_handle(like, handle)
    for k in range(len(order)):
        e.order[k] = order[k]
    reset(e, question)


def _act_all(like, handles, chosen, actions, pool, taken, tokens, answers):  # type: ignore[no-untyped-def]
    for n in range(len(actions)):
        if chosen[n]:
            e = borrow_handle(like, handles[n])
            taken[n] = act(e, actions[n])
            tokens[n] = e.count[TOKENS]
            answers[n] = answer_at(e, actions[n], pool)


def _observe_all(like, handles, chosen, pool, units, longest, branches, summary, masks):  # type: ignore[no-untyped-def]
    for n in range(len(branches)):
        if chosen[n]:
            e = borrow_handle(like, handles[n])
            observe(e, pool, units[n], longest[n], branches[n], summary[n])
            action_mask(e, masks[n])


def _handle(episode):  # type: ignore[no-untyped-def]
    return handle_of(episode)


_begin_one_compiled = compile_cached(_begin_one)
_act_all_compiled = compile_cached(_act_all)
_observe_all_compiled = compile_cached(_observe_all)
_handle_compiled = compile_cached(_handle)


class TTSWidthDepthVectorEnv(VectorEnv[Observation, NDArray[np.int64], NDArray[Any]]):
    """``num_envs`` environments ``TTSWidthDepth-v0``, which describes actions, observations and rewards.

    It does what ``gymnasium.vector.SyncVectorEnv`` does over as many single environments: the same seeds and actions
    give the same observations, rewards and infos. Every array that is returned is fresh.

    Args:
        num_envs: number of environments.
        max_episode_steps: steps after which an episode is truncated; -1 for no limit.
        autoreset_mode: what happens after an episode has ended: "NextStep", "SameStep" or "Disabled".
        **arguments: those of ``TTSWidthDepth-v0``, without rendering.
    """

    def __init__(
        self,
        num_envs: int = 1,
        max_episode_steps: int = 4096,
        autoreset_mode: str | AutoresetMode = AutoresetMode.NEXT_STEP,
        store: StoreNames = "synthetic-small",
        max_branches: int = 16,
        budget: int | None = None,
        probe_cost: int = 0,
        cost_weight: float = 0.01,
        rules: str = "exact",
        aggregator: str = "active",
        reveal: str = "probe",
        invalid_action: str = "ignore",
        render_mode: None = None,
    ) -> None:
        """Check the arguments and load the stores.

        Raises:
            ValueError: an argument has a wrong type or value, or a store is refused.
        """
        if num_envs < 1:
            raise ValueError(f"num_envs is an integer, 1 or more, but got {num_envs!r}.")
        if render_mode is not None:
            raise ValueError("The vector environment does not render: use vectorization_mode='sync' for pictures.")
        self.metadata = {"autoreset_mode": AutoresetMode(autoreset_mode), "render_modes": []}
        self._settings = Settings(
            store, max_branches, budget, probe_cost, cost_weight, rules, aggregator, reveal, invalid_action
        )
        self.num_envs = num_envs
        self.render_mode = None
        self.single_action_space = spaces.Discrete(action_count(max_branches))
        self.single_observation_space = spaces.Dict(
            {
                "branches": spaces.Box(0, 1, (max_branches, len(BRANCH_FEATURES)), np.float32),
                "summary": spaces.Box(0, 1, (len(SUMMARY_FEATURES),), np.float32),
            }
        )
        self.action_space = batch_space(self.single_action_space, num_envs)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self._limit = max_episode_steps
        self._replays = self._settings.open_replays(num_envs)
        self._handle_rows = [[_handle_compiled(replay.episode) for replay in replays] for replays in self._replays]
        self._like = self._replays[0][0].episode
        self._handles = _handle_array([handles[0] for handles in self._handle_rows])
        self._units = np.array([replays[0].branch_tokens for replays in self._replays])
        self._longest = np.array([replays[0].longest for replays in self._replays])
        self._numbers = np.zeros(num_envs, np.int64)
        self._questions = np.full(num_envs, -1, np.int64)
        self._question_ids = np.full(num_envs, None, dtype=object)
        self._gold = np.zeros(num_envs, np.int64)
        self._tokens = np.zeros(num_envs, np.int64)
        self._steps = np.zeros(num_envs, np.int64)
        self._ended = np.ones(num_envs, np.bool_)
        self._rngs = [seeding.np_random()[0] for _ in range(num_envs)]

    def reset(
        self, *, seed: int | list[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Begin an episode in every environment, or in those of ``options["reset_mask"]``.

        Args:
            seed: a seed for each environment, or one from which they count up; None goes on with the draws.
            options: "reset_mask" (bool [num_envs]), and those of ``TTSWidthDepth-v0``.

        Raises:
            ValueError: a wrong number of seeds, a wrong mask, or an option that does not fit.
        """
        options = dict(options or {})
        everyone = np.ones(self.num_envs, np.bool_)
        chosen = np.asarray(options.pop("reset_mask", everyone))
        if chosen.shape != (self.num_envs,) or chosen.dtype != np.bool_ or not chosen.any():
            raise ValueError(f"Option reset_mask is a bool array of shape ({self.num_envs},) with a True in it.")
        seeds = [seed + n for n in range(self.num_envs)] if isinstance(seed, int) else seed or [None] * self.num_envs
        if len(seeds) != self.num_envs:
            raise ValueError(f"seed has {len(seeds)} entries for {self.num_envs} environments.")
        for n in _positions(chosen):
            if seeds[n] is not None:
                self._rngs[n] = seeding.np_random(seeds[n])[0]
            self._begin(n, options)
        if (self._questions < 0).any():
            raise ResetNeeded("Reset every environment before resetting some of them.")
        observation, masks = self._observe(everyone)
        return observation, self._infos(chosen, masks)

    def step(
        self, actions: NDArray[np.int64]
    ) -> tuple[Observation, NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_], dict[str, Any]]:
        """Take one action in every environment.

        Raises:
            ResetNeeded: an episode that has ended was not reset, where nothing resets it.
            ValueError: an action is outside the action space, or inadmissible under ``invalid_action="raise"``.
        """
        actions = np.asarray(actions)
        if not self.action_space.contains(actions):
            raise ValueError(f"The actions are integers from 0 to {action_count(self._settings.max_branches) - 1}.")
        mode = self.metadata["autoreset_mode"]
        if (self._questions < 0).any() or (mode != AutoresetMode.NEXT_STEP and self._ended.any()):
            raise ResetNeeded("Call reset before the first step and after the end of an episode.")
        begun, stepped = self._ended, ~self._ended
        for n in _positions(begun):
            self._begin(n, {})
        rewards, terminated, answers = self._act(actions, stepped)
        truncated = stepped & (self._steps >= self._limit) if self._limit >= 0 else np.zeros(self.num_envs, np.bool_)
        self._ended = terminated | truncated
        observation, masks = self._observe(np.ones(self.num_envs, np.bool_))
        ends = {n: self._end(n, answers[n]) for n in _positions(terminated)}
        if mode != AutoresetMode.SAME_STEP:
            infos = self._infos(np.ones(self.num_envs, np.bool_), masks)
            for n, end in ends.items():
                infos = self._add_info(infos, end, n)
            return observation, rewards, terminated, truncated, infos
        infos = self._final_infos(observation, masks, ends)
        if self._ended.any():
            for n in _positions(self._ended):
                self._begin(n, {})
            self._observe_into(terminated | truncated, observation, masks)
        infos |= self._infos(np.ones(self.num_envs, np.bool_), masks)
        return observation, rewards, terminated, truncated, infos

    def _begin(self, n: int, options: dict[str, Any]) -> None:
        """Begin an episode in environment ``n``."""
        number, question, order = draw_episode(self._rngs[n], self._replays[n], options)
        replay = self._replays[n][number]
        self._handles[n] = self._handle_rows[n][number]
        self._units[n], self._longest[n] = replay.branch_tokens, replay.longest
        self._numbers[n], self._questions[n] = number, question
        self._question_ids[n] = replay.store.question_ids[question]
        self._gold[n] = replay.store.gold[question]
        self._tokens[n], self._steps[n], self._ended[n] = 0, 0, False
        _begin_one_compiled(self._like, self._handles[n], question, order)

    def _act(
        self, actions: NDArray[np.int64], stepped: NDArray[np.bool_]
    ) -> tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.int64]]:
        """Rewards, terminations and answer classes of the environments that step."""
        taken = np.ones(self.num_envs, np.bool_)
        tokens = self._tokens.copy()
        answers = np.full(self.num_envs, -1, np.int64)
        _act_all_compiled(self._like, self._handles, stepped, actions, self._settings.pool, taken, tokens, answers)
        if self._settings.invalid_action == "raise" and not taken.all():
            n = int(taken.argmin())
            raise ValueError(f"Action {actions[n]} is not admissible in environment {n}.")
        saved = (self._tokens - tokens) / self._units
        terminated = stepped & (actions == STOP)
        correct = terminated & (answers == self._gold)
        rewards = np.where(taken, self._settings.cost_weight * saved, INVALID_ACTION_REWARD)
        rewards[terminated] = correct[terminated]
        self._tokens = tokens
        self._steps += stepped
        return rewards, terminated, answers

    def _observe(self, chosen: NDArray[np.bool_]) -> tuple[Observation, NDArray[np.int8]]:
        """Fresh observations and masks."""
        observation = {
            "branches": np.empty((self.num_envs, self._settings.max_branches, len(BRANCH_FEATURES)), np.float32),
            "summary": np.empty((self.num_envs, len(SUMMARY_FEATURES)), np.float32),
        }
        masks = np.empty((self.num_envs, action_count(self._settings.max_branches)), np.int8)
        self._observe_into(chosen, observation, masks)
        return observation, masks

    def _observe_into(self, chosen: NDArray[np.bool_], observation: Observation, masks: NDArray[np.int8]) -> None:
        _observe_all_compiled(
            self._like,
            self._handles,
            chosen,
            self._settings.pool,
            self._units,
            self._longest,
            observation["branches"],
            observation["summary"],
            masks,
        )

    def _infos(self, chosen: NDArray[np.bool_], masks: NDArray[np.int8]) -> dict[str, Any]:
        """What every environment tells, zero or None for those that are not chosen."""
        return {
            "question_id": np.where(chosen, self._question_ids, np.array(None, dtype=object)),
            "_question_id": chosen.copy(),
            "tokens": np.where(chosen, self._tokens, 0),
            "_tokens": chosen.copy(),
            "action_mask": np.where(chosen[:, np.newaxis], masks, 0).astype(np.int8),
            "_action_mask": chosen.copy(),
        }

    def _end(self, n: int, answer: int) -> dict[str, Any]:
        """What environment ``n`` tells after STOP."""
        texts = self._replays[n][self._numbers[n]].store.class_texts[self._questions[n]]
        return {"answer": texts[answer] if answer >= 0 else "", "correct": bool(answer == self._gold[n])}

    def _final_infos(
        self, observation: Observation, masks: NDArray[np.int8], ends: dict[int, dict[str, Any]]
    ) -> dict[str, Any]:
        """The last observation and info of the episodes that have ended, before they are reset."""
        infos: dict[str, Any] = {}
        for n in _positions(self._ended):
            final_info = {"question_id": self._question_ids[n], "tokens": int(self._tokens[n])}
            final_info |= {"action_mask": masks[n].copy(), **ends.get(n, {})}
            final_obs = {name: array[n].copy() for name, array in observation.items()}
            infos = self._add_info(infos, {"final_obs": final_obs, "final_info": final_info}, n)
        return infos


def _positions(chosen: NDArray[np.bool_]) -> list[int]:
    """Where ``chosen`` holds."""
    return [int(n) for n in np.flatnonzero(chosen)]


def _handle_array(handles: list[Any]) -> NDArray[Any]:
    """Handles as an array: integers, or in plain Python the episodes themselves."""
    array = np.empty(len(handles), np.int64 if isinstance(handles[0], int) else object)
    array[:] = handles
    return array
