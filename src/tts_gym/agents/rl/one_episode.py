"""Playing a trained model in one episode, replayed or live, over the kernels of the environments."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tts_gym.agents.rl.chooser import Chooser
from tts_gym.envs.atomic import action_mask, answer_at, open_first, take
from tts_gym.envs.config import AtomicConfig, RoundsConfig
from tts_gym.envs.features import with_mask
from tts_gym.envs.observation import arranged, branch_size, observe, shown_price, summary_size
from tts_gym.envs.rounds import round_mask, rounds_of, take_round
from tts_gym.envs.rounds_observation import MEMORY_SIZE, features_of, forget, observe_round, remember_round
from tts_gym.episode import votes
from tts_gym.episode.actions import STOP, action_count
from tts_gym.episode.aggregation import AGGREGATORS, POOLS
from tts_gym.episode.episode import ReplayEpisode
from tts_gym.episode.state import EAGER, MAX_WIDTH, PROBE_COST

Config = AtomicConfig | RoundsConfig


class Scale(NamedTuple):
    """What the lengths in observations are measured by.

    Attributes:
        branch_tokens: a mean branch, in tokens.
        longest: intervals of the longest branch, the finishing one included.
    """

    branch_tokens: float
    longest: int


def play_one(model: Any, config: Config, cost_weight: float, scale: Scale, episode: ReplayEpisode) -> int:
    """Play a model in one episode.

    Args:
        model: an algorithm of Stable-Baselines3 or sb3-contrib.
        config: the environment that it was trained in.
        cost_weight: price of tokens that it is shown.
        scale: what lengths are measured by.
        episode: a fresh episode, replayed or live.

    Returns:
        Class of the answer, -1 for none.
    """
    _set_up(episode, config)
    seat: _Rounds | _Atomic
    if isinstance(config, RoundsConfig):
        seat = _Rounds(config, cost_weight, scale)
    else:
        seat = _Atomic(config, cost_weight, scale)
    choose, begun = Chooser(model), np.ones(1, np.bool_)
    while True:
        observation, mask = seat.look(episode)
        action = int(choose(observation, mask[np.newaxis], begun)[0])
        if action == STOP:
            return answer_at(episode, STOP, AGGREGATORS[config.aggregator], scale.branch_tokens)
        seat.act(episode, action)
        begun = np.zeros(1, np.bool_)


def _set_up(episode: Any, config: Config) -> None:
    """Have an episode go by the rules of an environment."""
    episode.setup[MAX_WIDTH] = min(config.max_branches, episode.setup[MAX_WIDTH])
    episode.setup[PROBE_COST] = config.probe_cost
    episode.setup[EAGER] = config.reveal == "advance"
    episode.take(open_first, config.initial_width)


class _Atomic:
    """Decisions of ``TTSWidthDepth-v1``."""

    def __init__(self, config: AtomicConfig, cost_weight: float, scale: Scale) -> None:
        self._config, self._cost_weight, self._scale = config, cost_weight, scale

    def look(self, episode: Any) -> tuple[Any, NDArray[np.bool_]]:
        config = self._config
        branches = np.zeros((1, config.max_branches, branch_size(config.show_signals)), np.float32)
        summary = np.zeros((1, summary_size(config.show_price)), np.float32)
        mask = np.zeros(action_count(config.max_branches), np.bool_)
        observe(episode, POOLS[config.aggregator], *self._scale, branches[0], summary[0])
        action_mask(episode, mask)
        if config.show_price:
            summary[0, -1] = shown_price(self._cost_weight)
        return arranged(config.observation, branches, summary, mask[np.newaxis]), mask

    def act(self, episode: ReplayEpisode, action: int) -> None:
        episode.take(take, action, self._config.stride)


class _Rounds:
    """Decisions of ``TTSWidthDepthRounds-v1``."""

    def __init__(self, config: RoundsConfig, cost_weight: float, scale: Scale) -> None:
        self._pool, self._scale, self._cost_weight = POOLS[config.aggregator], scale, cost_weight
        self._masked = config.observation == "flat_mask"
        self._shown, self._actions = len(features_of(config.extended)), len(rounds_of(config.extended))
        self._memory = np.zeros(MEMORY_SIZE)
        forget(self._memory)

    def look(self, episode: Any) -> tuple[Any, NDArray[np.bool_]]:
        features, mask = np.zeros(self._shown, np.float32), np.zeros(self._actions, np.bool_)
        observe_round(episode, self._pool, *self._scale, self._memory, self._cost_weight, features)
        round_mask(episode, self._pool, mask)
        return (with_mask(features, mask) if self._masked else features)[np.newaxis], mask

    def act(self, episode: Any, action: int) -> None:
        episode.take(take_round, action, votes.leader(episode, self._pool), self._scale.branch_tokens)
        remember_round(episode, self._pool, self._memory)
