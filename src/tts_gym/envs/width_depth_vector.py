"""Many ``TTSWidthDepth-v1`` environments in one, over the same kernels."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tts_gym.envs.account import NOTHING, charge, heed, open_account, settle
from tts_gym.envs.arguments import argument_table, takes
from tts_gym.envs.atomic import action_mask, take, update_mask
from tts_gym.envs.config import AtomicVectorConfig
from tts_gym.envs.documentation import documented
from tts_gym.envs.draws import Choice, begin_episode, draw_question
from tts_gym.envs.observation import (
    SUMMARY_AT,
    Observation,
    arranged,
    branch_size,
    observation_space,
    observe,
    shown_price,
    summary_size,
    update_observation,
)
from tts_gym.envs.replay_vector import ReplayVectorEnv
from tts_gym.envs.reward import Terms
from tts_gym.envs.rows import Rows, Stores
from tts_gym.episode.actions import STOP, action_count
from tts_gym.episode.compile_cache import compile_cached
from tts_gym.episode.compiled import borrow_row


def _begin_rows(
    like: Any,
    stores: Stores,
    rows: Rows,
    chosen: NDArray[np.bool_],
    choice: Choice,
    terms: Terms,
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
            open_account(e, rows, n, terms)
            if summary.shape[1] > len(SUMMARY_AT):
                summary[n, len(SUMMARY_AT)] = shown_price(rows.weights[n])
            observe(e, pool, stores.branch_tokens[number], stores.longest[number], branches[n], summary[n])
            action_mask(e, rows.masks[n])


def _act_rows(
    like: Any,
    stores: Stores,
    rows: Rows,
    stepped: NDArray[np.bool_],
    actions: NDArray[np.int64],
    terms: Terms,
    pool: int,
    rewards: NDArray[np.float64],
    answers: NDArray[np.int64],
    branches: NDArray[np.float32],
    summary: NDArray[np.float32],
) -> None:
    for n in range(len(actions)):
        rows.stopped[n] = False
        if not stepped[n]:
            continue
        action = heed(rows, n, actions[n], terms, rewards)
        if action == NOTHING:
            continue
        number = rows.numbers[n]
        e = borrow_row(like, stores.handles[number], n)
        if action == STOP:
            answers[n] = settle(e, stores, rows, n, terms, rewards)
            continue
        i = take(e, action, terms.stride)
        unit, longest = stores.branch_tokens[number], stores.longest[number]
        charge(e, stores, rows, n, terms, rewards)
        update_observation(e, i, pool, unit, longest, branches[n], summary[n])
        update_mask(e, i, rows.masks[n])


_begin_rows_compiled = compile_cached(_begin_rows)
_act_rows_compiled = compile_cached(_act_rows)


@documented(arguments=argument_table(AtomicVectorConfig))
class TTSWidthDepthVectorEnv(ReplayVectorEnv):
    """``num_envs`` environments ``TTSWidthDepth-v1``, which describes actions, observations and rewards.

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
        super().__init__(
            config,
            observation_space(config.max_branches, config.observation, config.show_price, config.show_signals),
            action_count(config.max_branches),
        )
        self._branches = np.zeros((self.num_envs, config.max_branches, branch_size(config.show_signals)), np.float32)
        self._summary = np.zeros((self.num_envs, summary_size(config.show_price)), np.float32)

    def _begin(self, chosen: NDArray[np.bool_], choice: Choice) -> None:
        arrays = self._branches, self._summary
        _begin_rows_compiled(self._like, self._stores, self._rows, chosen, choice, self._terms, self._pool, *arrays)

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
            self._terms,
            self._pool,
            rewards,
            answers,
            self._branches,
            self._summary,
        )
        return rewards, answers

    def _observation(self) -> Observation:
        return arranged(self._config.observation, self._branches.copy(), self._summary.copy(), self._rows.masks)

    def _observation_of(self, n: int) -> Observation:
        parts = self._branches[n].copy(), self._summary[n].copy(), self._rows.masks[n]
        return arranged(self._config.observation, *parts)
