"""Many ``TTSWidthDepthRounds-v1`` environments in one, over the same kernels as the programs."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tts_gym.envs.account import NOTHING, charge, heed, open_account, settle
from tts_gym.envs.arguments import argument_table, takes
from tts_gym.envs.config import RoundsVectorConfig
from tts_gym.envs.documentation import documented
from tts_gym.envs.draws import Choice, begin_episode, draw_question
from tts_gym.envs.features import feature_space, with_mask
from tts_gym.envs.replay_vector import ReplayVectorEnv
from tts_gym.envs.reward import Terms
from tts_gym.envs.rounds import round_mask, rounds_of, take_round
from tts_gym.envs.rounds_observation import MEMORY_SIZE, features_of, forget, observe_round, remember_round
from tts_gym.envs.rows import Rows, Stores
from tts_gym.episode import votes
from tts_gym.episode.actions import STOP
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
    memories: NDArray[np.float64],
    features: NDArray[np.float32],
) -> None:
    for n in range(len(chosen)):
        if chosen[n]:
            stream = rows.streams[n]
            number, question = draw_question(stream, stores.questions, choice.number, choice.question)
            e = borrow_row(like, stores.handles[number], n)
            begin_episode(e, stream, question, choice.order)
            rows.numbers[n], rows.questions[n] = number, question
            open_account(e, rows, n, terms)
            forget(memories[n])
            unit, longest = stores.branch_tokens[number], stores.longest[number]
            observe_round(e, pool, unit, longest, memories[n], rows.weights[n], features[n])
            round_mask(e, pool, rows.masks[n])


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
    memories: NDArray[np.float64],
    features: NDArray[np.float32],
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
        unit, longest = stores.branch_tokens[number], stores.longest[number]
        take_round(e, action, votes.leader(e, pool), unit)
        charge(e, stores, rows, n, terms, rewards)
        remember_round(e, pool, memories[n])
        observe_round(e, pool, unit, longest, memories[n], rows.weights[n], features[n])
        round_mask(e, pool, rows.masks[n])


_begin_rows_compiled = compile_cached(_begin_rows)
_act_rows_compiled = compile_cached(_act_rows)


@documented(arguments=argument_table(RoundsVectorConfig))
class TTSWidthDepthRoundsVectorEnv(ReplayVectorEnv):
    """``num_envs`` environments ``TTSWidthDepthRounds-v1``, which describes actions, observations and rewards.

    ## Arguments

    {arguments}
    """

    @takes(RoundsVectorConfig)
    def __init__(self, config: RoundsVectorConfig) -> None:
        """Load the stores.

        Args:
            config: its arguments, which the class describes.

        Raises:
            ValueError: an argument has a wrong type or value, or a store is refused.
        """
        masked = config.observation == "flat_mask"
        actions, features = len(rounds_of(config.extended)), len(features_of(config.extended))
        super().__init__(config, feature_space(range(features + (actions if masked else 0))), actions)
        self._masked = masked
        self._features = np.zeros((self.num_envs, features), np.float32)
        self._memories = np.zeros((self.num_envs, MEMORY_SIZE))

    def _begin(self, chosen: NDArray[np.bool_], choice: Choice) -> None:
        arrays = self._memories, self._features
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
            self._memories,
            self._features,
        )
        return rewards, answers

    def _observation(self) -> NDArray[np.float32]:
        return with_mask(self._features, self._rows.masks) if self._masked else self._features.copy()

    def _observation_of(self, n: int) -> NDArray[np.float32]:
        return with_mask(self._features[n], self._rows.masks[n]) if self._masked else self._features[n].copy()
