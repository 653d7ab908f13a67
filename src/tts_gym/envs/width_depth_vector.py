"""Many ``TTSWidthDepth-v0`` environments in one, over the same kernels."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tts_gym.envs.arguments import argument_table, takes
from tts_gym.envs.atomic import action_mask, answer_at, take, update_mask
from tts_gym.envs.config import AtomicVectorConfig
from tts_gym.envs.documentation import documented
from tts_gym.envs.draws import Choice, begin_episode, draw_question
from tts_gym.envs.observation import (
    BRANCH_FEATURES,
    SUMMARY_FEATURES,
    Observation,
    observation_space,
    observe,
    update_observation,
)
from tts_gym.envs.replay_vector import ReplayVectorEnv, Rows, Stores
from tts_gym.envs.reward import INVALID_ACTION_REWARD, answer_reward, token_reward
from tts_gym.episode.actions import STOP, action_count
from tts_gym.episode.compile_cache import compile_cached
from tts_gym.episode.compiled import borrow_row
from tts_gym.episode.grading import is_right
from tts_gym.episode.state import TOKENS


def _begin_rows(
    like: Any,
    stores: Stores,
    rows: Rows,
    chosen: NDArray[np.bool_],
    choice: Choice,
    pool: int,
    branches: NDArray[np.float32],
    summary: NDArray[np.float32],
) -> None:
    for n in range(len(chosen)):
        if chosen[n]:
            stream = rows.streams[n]
            number, question = draw_question(stream, stores.questions, choice.number, choice.question)
            e = borrow_row(like, stores.handles[number], n)
            begin_episode(e, stream, question, choice.order)
            rows.numbers[n], rows.questions[n] = number, question
            observe(e, pool, stores.branch_tokens[number], stores.longest[number], branches[n], summary[n])
            action_mask(e, rows.masks[n])


def _act_rows(
    like: Any,
    stores: Stores,
    rows: Rows,
    stepped: NDArray[np.bool_],
    actions: NDArray[np.int64],
    pool: int,
    weight: float,
    rewards: NDArray[np.float64],
    answers: NDArray[np.int64],
    branches: NDArray[np.float32],
    summary: NDArray[np.float32],
) -> None:
    for n in range(len(actions)):
        if not stepped[n]:
            continue
        action, number = actions[n], rows.numbers[n]
        if not rows.masks[n, action]:
            rewards[n] = INVALID_ACTION_REWARD
            continue
        e = borrow_row(like, stores.handles[number], n)
        if action == STOP:
            answers[n] = answer_at(e, action, pool)
            rows.right[n] = is_right(stores.grading, stores.first[number] + rows.questions[n], answers[n])
            rewards[n] = answer_reward(rows.right[n], 0.0)
            continue
        i = take(e, action)
        unit = stores.branch_tokens[number]
        rewards[n] = token_reward(weight, e.count[TOKENS] - rows.tokens[n], unit)
        rows.tokens[n] = e.count[TOKENS]
        update_observation(e, i, pool, unit, stores.longest[number], branches[n], summary[n])
        update_mask(e, i, rows.masks[n])


_begin_rows_compiled = compile_cached(_begin_rows)
_act_rows_compiled = compile_cached(_act_rows)


@documented(arguments=argument_table(AtomicVectorConfig))
class TTSWidthDepthVectorEnv(ReplayVectorEnv):
    """``num_envs`` environments ``TTSWidthDepth-v0``, which describes actions, observations and rewards.

    ## Arguments

    {arguments}
    """

    @takes(AtomicVectorConfig)
    def __init__(self, config: AtomicVectorConfig) -> None:
        """Load the stores.

        Args:
            config: its arguments, which the class describes.

        Raises:
            ValueError: an argument has a wrong type or value, or a store is refused.
        """
        max_branches = config.max_branches
        super().__init__(config, observation_space(max_branches), action_count(max_branches))
        self._weight = float(config.cost_weight)
        self._branches = np.zeros((self.num_envs, max_branches, len(BRANCH_FEATURES)), np.float32)
        self._summary = np.zeros((self.num_envs, len(SUMMARY_FEATURES)), np.float32)

    def _begin(self, chosen: NDArray[np.bool_], choice: Choice) -> None:
        arrays = self._branches, self._summary
        _begin_rows_compiled(self._like, self._stores, self._rows, chosen, choice, self._pool, *arrays)

    def _act(
        self, actions: NDArray[np.int64], stepped: NDArray[np.bool_]
    ) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        rewards, answers = np.zeros(self.num_envs), np.full(self.num_envs, -1)
        _act_rows_compiled(
            self._like,
            self._stores,
            self._rows,
            stepped,
            actions,
            self._pool,
            self._weight,
            rewards,
            answers,
            self._branches,
            self._summary,
        )
        return rewards, answers

    def _observation(self) -> Observation:
        return {"branches": self._branches.copy(), "summary": self._summary.copy()}

    def _observation_of(self, n: int) -> Observation:
        return {"branches": self._branches[n].copy(), "summary": self._summary[n].copy()}
