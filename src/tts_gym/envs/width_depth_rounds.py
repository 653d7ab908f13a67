"""``TTSWidthDepthRounds-v1``: the width-depth process decided once a round, for learning."""

from __future__ import annotations

from operator import index
from typing import Any, SupportsIndex

import gymnasium as gym
import numpy as np
from gymnasium.error import ResetNeeded
from gymnasium.vector import AutoresetMode
from numpy.typing import NDArray

from tts_gym.envs.arguments import argument_table, takes
from tts_gym.envs.config import RENDER_MODES, RoundsConfig, RoundsVectorConfig
from tts_gym.envs.documentation import documented
from tts_gym.envs.features import HIGHEST, LOWEST, numbered_table
from tts_gym.envs.rounds import ALL_ROUNDS, ROUNDS, rounds_of
from tts_gym.envs.rounds_observation import ALL_FEATURES, ROUND_FEATURES
from tts_gym.envs.screen import FRAMES_A_SECOND, Screen, warn_without_mode
from tts_gym.envs.spec import PlainSpec
from tts_gym.envs.width_depth_rounds_vector import TTSWidthDepthRoundsVectorEnv
from tts_gym.episode.aggregation import POOLS


@documented(
    actions=len(ALL_ROUNDS),
    rounds=numbered_table(("Action", "Name", "Composition of atomic actions"), ALL_ROUNDS),
    first_more=len(ROUNDS),
    lowest=LOWEST,
    highest=HIGHEST,
    feature_count=len(ALL_FEATURES),
    first_more_feature=len(ROUND_FEATURES),
    features=numbered_table(("Num", "Feature", "Value"), ALL_FEATURES),
    most_steps=RoundsConfig.most_steps,
    arguments=argument_table(RoundsConfig),
    vector_arguments=argument_table(RoundsVectorConfig, beyond=RoundsConfig),
)
class TTSWidthDepthRoundsEnv(PlainSpec, gym.Env[NDArray[np.float32], np.int64]):
    """The process of ``TTSWidthDepth-v1`` with one decision a round, in which many branches advance.

    ## Description

    The atomic environment takes hundreds of decisions an episode. Here each action is a *round*: a fixed composition of
    the atomic actions BRANCH, CONTINUE and PRUNE, so that an episode takes tens of decisions, whatever the number of
    branches. Every interval shows its answer (`reveal="advance"` of `TTSWidthDepth-v1`), as for the published controllers.

    ## Action Space

    The action is an integer in `Discrete({actions})`. A branch *can continue* if it is opened, unfinished and un-pruned and an
    interval fits the budget, as in `TTSWidthDepth-v1`. It *agrees* if its latest answer leads the vote of the aggregator's pool when the round begins; it
    is a *persistent dissenter* if it is unfinished and has shown another answer at least three intervals in a row.

    {rounds}

    Those from {first_more} on are not there with `extended=False`. Their limit is two fifths of the mean depth of the finished branches and 13/20 of the
    store's mean branch, in intervals; from there on `deepen_to_limit` goes interval by interval, so that the policy decides when to give up.

    Within a round the deepest branches go first, ties by index, each with all of its intervals. A round is admissible if it is STOP or changes the episode;
    those that open n branches also need n left. `info["action_mask"]` (int8) and the method `action_masks()` (bool) tell.

    ## Observation Space

    `Box({lowest}, {highest}, ({feature_count},), float32)`, of revealed information only. Below, `s(x, h) = x / (x + h)`, "reading" branches are active and
    unfinished, and the pool holds the votes of the aggregator. `tts_gym.envs.rounds_observation.AT` names the places.

    {features}

    Those from {first_more_feature} on are not there with `extended=False`. With `observation="flat_mask"` the action mask follows. `info` is that of `TTSWidthDepth-v1`.

    ## Rewards

    Those of `TTSWidthDepth-v1`: a round costs γ times the tokens it spent, in units of the store's mean branch length; STOP adds
    1 if the answer is right; an inadmissible round does nothing and is rewarded with `invalid_reward`, and after `patience` of them
    in a row the episode ends as with STOP.

    With `cost_weight=(low, high)` each episode draws γ log-uniformly, and the observation shows it: one policy then covers the
    whole frontier between accuracy and cost.

    With `reward_shaping=True` a round also earns the change of whether STOP would be right, and STOP then earns nothing more:
    potential-based shaping (Ng, Harada and Russell, 1999), which leaves every answered episode its undiscounted return and every
    policy its rank, and takes the questions' difficulty out of the noise.

    ## Starting State

    As in `TTSWidthDepth-v1`, with the same reset options. Where `cost_weight` is a range, the price of the episode is drawn too.

    ## Episode End

    1. Termination: the action is STOP, or the last of `patience` inadmissible ones in a row.
    2. Truncation: {most_steps} rounds, by `gymnasium.make`, without an answer.

    ## Arguments

    ```python
    >>> import gymnasium as gym
    >>> env = gym.make("tts_gym:TTSWidthDepthRounds-v1", cost_weight=(0.001, 0.1), reward_shaping=True)
    >>> env
    <TimeLimit<OrderEnforcing<PassiveEnvChecker<TTSWidthDepthRoundsEnv<TTSWidthDepthRounds-v1>>>>>

    ```

    {arguments}

    ## Vectorized environment

    `gym.make_vec` makes a `TTSWidthDepthRoundsVectorEnv`, which steps all environments in one compiled call.

    ```python
    >>> envs = gym.make_vec("tts_gym:TTSWidthDepthRounds-v1", num_envs=3)
    >>> envs
    TTSWidthDepthRoundsVectorEnv(TTSWidthDepthRounds-v1, num_envs=3)

    ```

    It takes the arguments above, but does not render, and these:

    {vector_arguments}

    ## Version History

    * v1: Defaults that are kind to standard algorithms: `initial_width=4` (0 in v0), `max_branches=16` (64),
      `aggregator="confident"` (`"active"`), `extended=True` (False), `reward_shaping=True` (False), `invalid_reward=0.0` (-0.01),
      `patience=8` (None), `steady_info=True` (False).
    * v0: Initial version.
    """  # noqa: E501

    metadata = {"render_modes": list(RENDER_MODES), "render_fps": FRAMES_A_SECOND}

    @takes(RoundsConfig)
    def __init__(self, config: RoundsConfig) -> None:
        """Load the stores.

        Args:
            config: its arguments, which the class describes.

        Raises:
            ValueError: an argument has a wrong type or value, or a store is refused.
        """
        self.render_mode = config.render_mode
        self._config = config
        arguments = vars(config) | {"render_mode": None}
        self._row = TTSWidthDepthRoundsVectorEnv(1, -1, AutoresetMode.DISABLED, **arguments)
        self.action_space = self._row.single_action_space
        self.observation_space = self._row.single_observation_space
        self._actions = len(rounds_of(config.extended))
        self._running = False
        pool = POOLS[config.aggregator]
        self._screen = Screen(config.render_mode, config.max_branches, self._row.longest, pool, every_interval=True)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.float32], dict[str, Any]]:
        """Begin an episode.

        Args:
            seed: seeds the draws of this and the following episodes.
            options: fixes "store", "question" or "order", as in ``TTSWidthDepth-v1``.

        Raises:
            ValueError: an option is unknown or does not fit the stores.
        """
        super().reset(seed=None if seed is None else index(seed))
        observations, infos = self._row.reset(seed=seed, options=options)
        self._running = True
        self._screen.begin()
        if self.render_mode == "human":
            self.render()
        return observations[0], _only(infos)

    def step(self, action: SupportsIndex) -> tuple[NDArray[np.float32], float, bool, bool, dict[str, Any]]:
        """Take one round.

        Args:
            action: an integer of the action space.

        Raises:
            ResetNeeded: no episode is running.
            ValueError: the action is outside the action space, or inadmissible under ``invalid_action="raise"``.
        """
        number = index(action)
        if not self._running:
            raise ResetNeeded("Call reset before the first step and after STOP.")
        if not 0 <= number < self._actions:
            raise ValueError(f"An action is an integer from 0 to {self._actions - 1}, but got {number}.")
        observation, reward, terminated, info = self._row.step_only(number)
        self._running = not terminated
        self._screen.look(self._row.state_of(0))
        if self.render_mode == "human":
            self.render()
        return observation, reward, terminated, False, info

    @property
    def config(self) -> RoundsConfig:
        """The arguments, checked."""
        return self._config

    def action_masks(self) -> NDArray[np.bool_]:
        """Which rounds are admissible now, bool [rounds]."""
        return self._row.action_masks().reshape(-1)

    def render(self) -> str | NDArray[np.uint8] | None:
        """The width-depth picture in the form that ``render_mode`` asks for; "human" prints it and returns None."""
        if self.render_mode is None:
            warn_without_mode()
            return None
        return self._screen.render(self._row.state_of(0), *self._row.question_of(0))


def _only(infos: dict[str, Any]) -> dict[str, Any]:
    """The info of the only environment."""
    values = {name: value[0] for name, value in infos.items() if not name.startswith("_")}
    return {name: value.item() if isinstance(value, np.generic) else value for name, value in values.items()}
