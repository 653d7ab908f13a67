"""Many ``TTSWidthDepthRounds-v0`` environments in one, over the same kernels as the programs."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tts_gym.envs.arguments import argument_table, takes
from tts_gym.envs.atomic import answer_at
from tts_gym.envs.config import RoundsVectorConfig
from tts_gym.envs.documentation import documented
from tts_gym.envs.draws import Choice, begin_episode, draw_question, next_uniform
from tts_gym.envs.features import feature_space
from tts_gym.envs.replay_vector import ReplayVectorEnv, Rows, Stores
from tts_gym.envs.reward import INVALID_ACTION_REWARD, answer_reward, token_reward
from tts_gym.envs.rounds import ROUNDS, round_mask, take_round
from tts_gym.envs.rounds_observation import MEMORY_SIZE, ROUND_FEATURES, forget, observe_round, remember_round
from tts_gym.episode import votes
from tts_gym.episode.actions import STOP
from tts_gym.episode.compile_cache import compile_cached
from tts_gym.episode.compiled import borrow_row
from tts_gym.episode.grading import is_right
from tts_gym.episode.state import TOKENS


class RoundRows(NamedTuple):
    """What kernels know of the environments beyond ``Rows``.

    Attributes:
        weights: float64 [environments], price of a mean branch length of tokens.
        memories: float64 [environments, MEMORY_SIZE], see ``rounds_observation``.
        rights: float64 [environments], 1 where STOP would give the right answer; kept where rewards are shaped, else 0.
    """

    weights: NDArray[np.float64]
    memories: NDArray[np.float64]
    rights: NDArray[np.float64]


def _begin_rows(
    like: Any,
    stores: Stores,
    rows: Rows,
    chosen: NDArray[np.bool_],
    choice: Choice,
    low: float,
    high: float,
    own: RoundRows,
    pool: int,
    features: NDArray[np.float32],
) -> None:
    for n in range(len(chosen)):
        if chosen[n]:
            stream = rows.streams[n]
            number, question = draw_question(stream, stores.questions, choice.number, choice.question)
            e = borrow_row(like, stores.handles[number], n)
            begin_episode(e, stream, question, choice.order)
            rows.numbers[n], rows.questions[n] = number, question
            own.weights[n] = low if low == high else low * (high / low) ** next_uniform(stream)
            forget(own.memories[n])
            own.rights[n] = 0
            unit, longest = stores.branch_tokens[number], stores.longest[number]
            observe_round(e, pool, unit, longest, own.memories[n], own.weights[n], features[n])
            round_mask(e, pool, rows.masks[n])


def _act_rows(
    like: Any,
    stores: Stores,
    rows: Rows,
    stepped: NDArray[np.bool_],
    actions: NDArray[np.int64],
    shaped: bool,
    own: RoundRows,
    pool: int,
    rewards: NDArray[np.float64],
    answers: NDArray[np.int64],
    features: NDArray[np.float32],
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
            rewards[n] = answer_reward(rows.right[n], own.rights[n])
            continue
        take_round(e, action, votes.leader(e, pool))
        unit, longest = stores.branch_tokens[number], stores.longest[number]
        rewards[n] = token_reward(own.weights[n], e.count[TOKENS] - rows.tokens[n], unit)
        rows.tokens[n] = e.count[TOKENS]
        if shaped:
            right = is_right(stores.grading, stores.first[number] + rows.questions[n], answer_at(e, STOP, pool))
            rewards[n] += answer_reward(right, own.rights[n])
            own.rights[n] = right
        remember_round(e, pool, own.memories[n])
        observe_round(e, pool, unit, longest, own.memories[n], own.weights[n], features[n])
        round_mask(e, pool, rows.masks[n])


_begin_rows_compiled = compile_cached(_begin_rows)
_act_rows_compiled = compile_cached(_act_rows)


@documented(arguments=argument_table(RoundsVectorConfig))
class TTSWidthDepthRoundsVectorEnv(ReplayVectorEnv):
    """``num_envs`` environments ``TTSWidthDepthRounds-v0``, which describes actions, observations and rewards.

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
        super().__init__(config, feature_space(ROUND_FEATURES), len(ROUNDS))
        self._features = np.zeros((self.num_envs, len(ROUND_FEATURES)), np.float32)
        self._weight_range = config.weight_range
        self._shaped = bool(config.reward_shaping)
        self._own = RoundRows(
            weights=np.zeros(self.num_envs),
            memories=np.zeros((self.num_envs, MEMORY_SIZE)),
            rights=np.zeros(self.num_envs),
        )

    def _begin(self, chosen: NDArray[np.bool_], choice: Choice) -> None:
        _begin_rows_compiled(
            self._like,
            self._stores,
            self._rows,
            chosen,
            choice,
            *self._weight_range,
            self._own,
            self._pool,
            self._features,
        )

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
            self._shaped,
            self._own,
            self._pool,
            rewards,
            answers,
            self._features,
        )
        return rewards, answers

    def _observation(self) -> NDArray[np.float32]:
        return self._features.copy()

    def _observation_of(self, n: int) -> Any:
        return self._features[n].copy()
