"""``TTSWidthDepthRounds-v0``: the width-depth process decided once a round, for learning."""

from __future__ import annotations

from operator import index
from typing import Any, SupportsIndex

import gymnasium as gym
import numpy as np
from gymnasium.error import ResetNeeded
from gymnasium.vector import AutoresetMode
from numpy.typing import NDArray

from tts_gym.envs.rounds import ROUNDS
from tts_gym.envs.screen import FRAMES_A_SECOND, MODES, Screen, warn_without_mode
from tts_gym.envs.settings import DEFAULT_STORE, StoreNames
from tts_gym.envs.spec import PlainSpec
from tts_gym.envs.width_depth_rounds_vector import CostWeight, TTSWidthDepthRoundsVectorEnv


class TTSWidthDepthRoundsEnv(PlainSpec, gym.Env[NDArray[np.float32], np.int64]):
    """The process of ``TTSWidthDepth-v0`` with one decision a round, in which many branches advance.

    ## Description

    The atomic environment takes hundreds of decisions an episode. Here each action is a *round*: a fixed composition of
    the atomic actions BRANCH, CONTINUE and PRUNE, so that an episode takes tens of decisions, whatever the number of
    branches. Every interval shows its answer (`reveal="advance"` of `TTSWidthDepth-v0`), as for the published controllers.

    ## Action Space

    The action is an integer in `Discrete(12)`. A branch *can continue* if it is opened, unfinished and un-pruned and an
    interval fits the budget, as in `TTSWidthDepth-v0`. It *agrees* if its latest answer leads the vote of the aggregator's pool when the round begins; it
    is a *persistent dissenter* if it is unfinished and has shown another answer at least three intervals in a row.

    | Action | Name             | Composition of atomic actions                                                            |
    |--------|------------------|------------------------------------------------------------------------------------------|
    | 0      | stop             | STOP                                                                                     |
    | 1      | deepen_all       | CONTINUE(i) for every branch that can continue                                           |
    | 2      | deepen_all_4     | CONTINUE(i) four times for each of them                                                  |
    | 3      | deepen_to_next   | deepen_all until one of them finishes, or none can continue                              |
    | 4      | deepen_agreeing  | CONTINUE(i) for those that agree                                                         |
    | 5      | finish_advanced  | CONTINUE(i) to its end for the deepest unfinished one                                    |
    | 6      | finish_agreeing  | CONTINUE(i) to their ends for those that agree                                           |
    | 7      | widen_1          | BRANCH, then CONTINUE(i) for every branch opened earlier that can continue               |
    | 8      | widen_2          | BRANCH twice, likewise                                                                   |
    | 9      | widen_4          | BRANCH four times, likewise                                                              |
    | 10     | prune_dissenters | PRUNE(i) for the persistent dissenters, then CONTINUE(i) for every branch that can continue |
    | 11     | prune_advanced   | PRUNE(i) for the deepest unfinished one, likewise                                        |

    Within a round the deepest branches go first, ties by index, each with all of its intervals. A round is admissible if it is STOP or changes the episode;
    `widen_n` also needs n branches left. `info["action_mask"]` (int8) and the method `action_masks()` (bool) tell.

    ## Observation Space

    `Box(0, 1, (34,), float32)`, of revealed information only. Below, `s(x, h) = x / (x + h)`, "reading" branches are active and
    unfinished, and the pool holds the votes of the aggregator. `tts_gym.envs.rounds_observation.AT` names the places.

    | Num | Feature             | Value                                                                                    |
    |-----|---------------------|------------------------------------------------------------------------------------------|
    | 0   | width               | opened branches / max_branches                                                           |
    | 1   | unopened            | branches that could still be opened / max_branches                                       |
    | 2   | reading             | s(reading branches, 8)                                                                   |
    | 3   | finished            | s(finished branches, 8)                                                                  |
    | 4   | pruned              | pruned share of the opened branches                                                      |
    | 5   | depth               | mean depth of the reading branches / intervals of the store's longest branch             |
    | 6   | deepest             | the same of the deepest one                                                              |
    | 7   | youngest            | the same of the least deep one                                                           |
    | 8   | finished_length     | s(mean tokens of the finished branches, mean branch length of the store)                 |
    | 9   | voters              | s(votes in the pool, 8)                                                                  |
    | 10  | top1                | the leader's share of the votes                                                          |
    | 11  | top2                | the runner-up's share of the votes                                                       |
    | 12  | confidence          | Beta confidence of the two; 0 without votes                                              |
    | 13  | few                 | 1 - confidence on a scale that tells 0.99 from 0.999: s(-log10(1 - confidence), 1)       |
    | 14  | average             | exponential average of the confidence over rounds                                        |
    | 15  | trend               | (confidence - average + 1) / 2                                                           |
    | 16  | stability           | s(rounds in a row with the same leader, 8)                                               |
    | 17  | finished_top1       | the share of the finished branches' votes of their leader                                |
    | 18  | finished_confidence | Beta confidence among the finished branches                                              |
    | 19  | finished_agree      | 1 if their leader is the pool's leader                                                   |
    | 20  | active_top1         | the share of the latest answers of the un-pruned branches of their leader                |
    | 21  | active_confidence   | Beta confidence among them                                                               |
    | 22  | active_few          | the same on the scale of few                                                             |
    | 23  | active_agree        | 1 if their leader is the pool's leader                                                   |
    | 24  | agreeing            | share of the reading branches whose latest answer is the leader                          |
    | 25  | dissenting          | share of the reading branches that are persistent dissenters                             |
    | 26  | silent              | share of the opened branches without a valid answer                                      |
    | 27  | streak              | s(mean streak of the reading branches, 8)                                                |
    | 28  | rounds              | s(rounds, 32)                                                                            |
    | 29  | spent               | s(tokens, 4 mean branch lengths)                                                         |
    | 30  | spent_early         | s(tokens, half a mean branch length)                                                     |
    | 31  | remaining           | unspent share of the budget; 1 without one                                               |
    | 32  | cost_weight         | (log10(cost_weight) + 4) / 4, between 0.0001 and 1                                       |
    | 33  | stake               | s((1 - confidence) / cost_weight, 10): mean branch lengths that certainty would be worth |

    `info` is that of `TTSWidthDepth-v0`.

    ## Rewards

    Those of `TTSWidthDepth-v0`: a round costs γ times the tokens it spent, in units of the store's mean branch length; STOP adds
    1 if the answer is right; an inadmissible round does nothing and is rewarded with -0.01.

    With `cost_weight=(low, high)` each episode draws γ log-uniformly, and the observation shows it: one policy then covers the
    whole frontier between accuracy and cost.

    With `reward_shaping=True` a round also earns the change of whether STOP would be right, and STOP then earns nothing more:
    potential-based shaping (Ng, Harada and Russell, 1999), which leaves every answered episode its undiscounted return and every
    policy its rank, and takes the questions' difficulty out of the noise.

    ## Starting State

    As in `TTSWidthDepth-v0`, with the same reset options.

    ## Episode End

    1. Termination: the action is STOP.
    2. Truncation: 512 rounds, by `gymnasium.make`, without an answer.

    ## Arguments

    | Parameter          | Type                       | Default                | Description                                                                |
    |--------------------|----------------------------|------------------------|----------------------------------------------------------------------------|
    | `store`            | **str** or list of them    | `"smollm2-arithmetic"` | Name in the catalogue, directory, or published-format file                 |
    | `max_branches`     | **int**                    | `64`                   | Branches an episode may open                                               |
    | `budget`           | **int** or `None`          | `None`                 | Tokens an episode may spend                                                |
    | `cost_weight`      | **float** or a pair        | `0.01`                 | Price of a mean branch length of tokens (γ), or the range it is drawn from |
    | `rules`            | **str**                    | `"exact"`              | `"exact"` or `"published"` accounting                                      |
    | `aggregator`       | **str**                    | `"active"`             | Who votes: `"active"`, `"finished"` or `"all"`                             |
    | `invalid_action`   | **str**                    | `"ignore"`             | What an inadmissible action does, `"ignore"` or `"raise"`                  |
    | `reward_shaping`   | **bool**                   | `False`                | Reward progress towards the right answer when it is made                   |
    | `render_mode`      | **str** or `None`          | `None`                 | As in `TTSWidthDepth-v0`                                                   |

    ## Vectorized environment

    `gym.make_vec("TTSWidthDepthRounds-v0", num_envs=64)` steps all environments in one compiled call.

    ## Version History

    * v0: Initial version.
    """  # noqa: E501

    metadata = {"render_modes": list(MODES), "render_fps": FRAMES_A_SECOND}

    def __init__(
        self,
        store: StoreNames = DEFAULT_STORE,
        max_branches: int = 64,
        budget: int | None = None,
        cost_weight: CostWeight = 0.01,
        rules: str = "exact",
        aggregator: str = "active",
        invalid_action: str = "ignore",
        reward_shaping: bool = False,
        render_mode: str | None = None,
    ) -> None:
        """Check the arguments, which the class describes, and load the stores.

        Raises:
            ValueError: an argument has a wrong type or value, or a store is refused.
        """
        self.render_mode = render_mode
        self._row = TTSWidthDepthRoundsVectorEnv(
            1,
            -1,
            AutoresetMode.DISABLED,
            store,
            max_branches,
            budget,
            cost_weight,
            rules,
            aggregator,
            invalid_action,
            reward_shaping,
        )
        self.action_space = self._row.single_action_space
        self.observation_space = self._row.single_observation_space
        self._running = False
        settings = self._row.settings
        self._screen = Screen(render_mode, int(max_branches), self._row.longest, settings.pool, every_interval=True)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.float32], dict[str, Any]]:
        """Begin an episode.

        Args:
            seed: seeds the draws of this and the following episodes.
            options: fixes "store", "question" or "order", as in ``TTSWidthDepth-v0``.

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

        Raises:
            ResetNeeded: no episode is running.
            ValueError: the action is outside the action space, or inadmissible under ``invalid_action="raise"``.
        """
        number = index(action)
        if not self._running:
            raise ResetNeeded("Call reset before the first step and after STOP.")
        if not 0 <= number < len(ROUNDS):
            raise ValueError(f"An action is an integer from 0 to {len(ROUNDS) - 1}, but got {number}.")
        observations, rewards, terminated, _, infos = self._row.step(np.array([number]))
        self._running = not terminated[0]
        self._screen.look(self._row.state_of(0))
        if self.render_mode == "human":
            self.render()
        return observations[0], float(rewards[0]), bool(terminated[0]), False, _only(infos)

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
