"""``TTSWidthDepth-v1``: the atomic decision process of arXiv 2605.08083 as a Gymnasium environment."""

from __future__ import annotations

from operator import index
from typing import Any, SupportsIndex

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from gymnasium.error import ResetNeeded
from numpy.typing import NDArray

from tts_gym.envs.arguments import argument_table, takes
from tts_gym.envs.atomic import admissible, refusal
from tts_gym.envs.config import RENDER_MODES, AtomicConfig, AtomicVectorConfig
from tts_gym.envs.documentation import documented
from tts_gym.envs.draws import STREAM_SIZE, draw_question, read_options, seed_stream
from tts_gym.envs.features import numbered_table
from tts_gym.envs.observation import (
    ALL_BRANCH_FEATURES,
    SUMMARY_FEATURES,
    Observation,
    arranged,
    branch_size,
    observation_space,
    shown_price,
    summary_size,
)
from tts_gym.envs.replays import open_replays
from tts_gym.envs.reward import Terms, answer_reward, token_reward
from tts_gym.envs.screen import FRAMES_A_SECOND, Screen, warn_without_mode
from tts_gym.envs.spec import PlainSpec
from tts_gym.envs.width_depth_kernels import advance_compiled, begin_compiled, fill_mask_compiled
from tts_gym.episode.actions import STOP, action_count, decode_action
from tts_gym.episode.aggregation import POOLS
from tts_gym.episode.grading import is_right


@documented(
    branch_features=len(ALL_BRANCH_FEATURES),
    branches=numbered_table(("Num", "Feature", "Value"), ALL_BRANCH_FEATURES),
    summary_features=len(SUMMARY_FEATURES),
    summary=numbered_table(("Num", "Feature", "Value"), SUMMARY_FEATURES),
    most_steps=AtomicConfig.most_steps,
    arguments=argument_table(AtomicConfig),
    vector_arguments=argument_table(AtomicVectorConfig, beyond=AtomicConfig),
)
class TTSWidthDepthEnv(PlainSpec, gym.Env[Observation, np.int64]):
    """Spend tokens on one question: open branches, let them think, look at their answers, drop some, stop.

    ## Description

    Test-time scaling answers a question by sampling reasoning branches from a language model (width) and letting each one
    think (depth). This environment replays recorded branches, so that no model runs: an episode is one question, a branch
    is one recorded reasoning trajectory, an interval is a fixed number of its tokens, and a probe is the answer that the
    model would have given after an interval. The process and its actions are those of section 2 of
    [arXiv 2605.08083](https://arxiv.org/abs/2605.08083). The agent decides when the votes of the branches are worth
    answering with.

    ## Action Space

    The action is an integer in `Discrete(2 + 3 * max_branches)`. `tts_gym.episode.actions.encode_action` and `decode_action`
    translate.

    | Action    | Meaning       | Effect                                                                 | Admissible if                                              |
    |-----------|---------------|------------------------------------------------------------------------|------------------------------------------------------------|
    | 0         | STOP          | Ends the episode; the aggregator answers                               | always                                                     |
    | 1         | BRANCH        | Opens the next branch through its first interval                       | a branch is left and an interval fits the budget           |
    | 2 + 3 i   | CONTINUE(i)   | Advances branch i by `stride` intervals; the last one reveals its final answer | i is opened, unfinished, un-pruned; an interval fits the budget |
    | 3 + 3 i   | PROBE(i)      | Reveals the answer of branch i at its present depth                    | i is opened, un-pruned, its present answer hidden; the cost fits the budget |
    | 4 + 3 i   | PRUNE(i)      | Deactivates branch i: no more tokens, and no vote if `aggregator="active"` | i is opened and un-pruned                                |

    An interval fits the budget if its full size (Δ tokens) fits, since nobody knows where a branch ends before it does; what it
    generated is charged afterwards. A finishing interval that was recorded as longer goes on while another Δ tokens fit; if the
    budget runs out before its end, the tokens are spent and the branch is unfinished. Masks, observations and infos depend on
    nothing that is not revealed.

    The admissible actions are exactly STOP and those that change the state. `info["action_mask"]` (int8) and the method
    `action_masks()` (bool, which sb3-contrib's MaskablePPO asks for) tell them.

    ## Observation Space

    The observation is a dictionary of two float32 arrays with values in [0, 1]. It is made of revealed information only.
    Below, `s(x, h) = x / (x + h)`: one half at `h`, and below 1 however large `x` is. The pool holds the votes of the
    chosen aggregator, where each branch votes with its latest revealed answer.

    `branches` has the shape `(max_branches, {branch_features})`; branches not opened yet are 0. The last two features are not there
    with `show_signals=False`.

    {branches}

    `summary` has the shape `({summary_features},)`.

    {summary}

    With `show_price` one more place follows, `cost_weight`: (log10(cost_weight) + 4) / 4, between 0.0001 and 1.

    `observation="flat"` is for libraries that take no dictionary: a `Box` of the branches, one after the other, and the
    summary. `observation="flat_mask"` is followed by the action mask.

    `info` holds `question_id`, `tokens` (spent in the episode so far) and `action_mask`; after STOP also `answer` (its
    text, empty if nothing was voted for) and `correct`. With `steady_info` these are there from the beginning, "" and False
    before STOP, for libraries that want the same keys at every step.

    ## Rewards

    Every step costs `cost_weight` times the tokens it spent, in units of the store's mean branch length. STOP adds 1 if the
    answer is right. Reading n average branches whole before a right answer thus returns 1 - n * `cost_weight`.

    With `cost_weight=(low, high)` each episode draws its price log-uniformly.

    With `reward_shaping=True` an action also earns the change of whether STOP would be right, and STOP then earns nothing more:
    potential-based shaping (Ng, Harada and Russell, 1999), which leaves every answered episode its undiscounted return and every
    policy its rank, and takes the questions' difficulty out of the noise.

    An action that is not admissible does nothing and is rewarded with `invalid_reward`; with `invalid_action="raise"` it raises
    a `ValueError`. After `patience` of them in a row the episode ends as with STOP.

    ## Starting State

    An episode draws one of the stores, one of its questions, and the order in which BRANCH meets the recorded branches, each
    uniformly. `initial_width` branches are open; the first action is charged for their first intervals. `reset(options=...)` fixes any of them:

    - `store`: position in the list of stores;
    - `question`: id of a question, in the first store that has it unless `store` says which;
    - `order`: a permutation of the numbers of the question's recorded branches; needs `question`.

    ## Episode End

    1. Termination: the action is STOP, or the last of `patience` inadmissible ones in a row.
    2. Truncation: {most_steps} steps, by `gymnasium.make`, without an answer; pass `max_episode_steps` for a wider environment.

    ## Arguments

    ```python
    >>> import gymnasium as gym
    >>> env = gym.make("tts_gym:TTSWidthDepth-v1", max_branches=8, cost_weight=0.05)
    >>> env
    <TimeLimit<OrderEnforcing<PassiveEnvChecker<TTSWidthDepthEnv<TTSWidthDepth-v1>>>>>

    ```

    {arguments}

    ## Vectorized environment

    `gym.make_vec` makes a `TTSWidthDepthVectorEnv`, which steps all environments in one compiled call.

    ```python
    >>> envs = gym.make_vec("tts_gym:TTSWidthDepth-v1", num_envs=3, max_branches=8)
    >>> envs
    TTSWidthDepthVectorEnv(TTSWidthDepth-v1, num_envs=3)

    ```

    It takes the arguments above, but does not render, and these:

    {vector_arguments}

    Observations have an axis of environments before those of one environment, rewards are float64, and `info` has an array
    for each of its entries. The same seeds and actions give what `vectorization_mode="sync"` gives, which makes as many single
    environments and renders them.

    ## Version History

    * v1: Defaults that are kind to standard algorithms: `initial_width=4` (0 in v0), `max_branches=8` (16), `stride=16` (1),
      `reveal="advance"` (`"probe"`), `aggregator="confident"` (`"active"`), `reward_shaping=True` (False), `invalid_reward=0.0`
      (-0.01), `patience=1` (None), `show_price=True` (False), `show_signals=True` (False),
      `steady_info=True` (False).
    * v0: Initial version.
    """  # noqa: E501

    metadata = {"render_modes": list(RENDER_MODES), "render_fps": FRAMES_A_SECOND}

    @takes(AtomicConfig)
    def __init__(self, config: AtomicConfig) -> None:
        """Load the stores.

        Args:
            config: its arguments, which the class describes.

        Raises:
            ValueError: an argument has a wrong type or value, or a store is refused.
        """
        max_branches = config.max_branches
        self.render_mode = config.render_mode
        self._config = config
        self._replays = open_replays(config)
        self._replay = self._replays[0]
        self._pool = POOLS[config.aggregator]
        self._terms = Terms.of(config)
        self._raises = config.invalid_action == "raise"
        self._actions = action_count(max_branches)
        self._shape = (max_branches, branch_size(config.show_signals))
        self.action_space = spaces.Discrete(self._actions)
        self.observation_space = observation_space(
            config.max_branches, config.observation, config.show_price, config.show_signals
        )
        self._summary_size = summary_size(config.show_price)
        self._stream = np.zeros(STREAM_SIZE, np.int64)
        self._question_counts = np.array([len(replay.store) for replay in self._replays])
        self._question, self._question_id = -1, ""
        self._cost_weight, self._charged, self._earned, self._misses = 0.0, 0, 0.0, 0
        self._running = False
        longest = max(replay.longest for replay in self._replays)
        self._screen = Screen(config.render_mode, max_branches, longest, self._pool, every_interval=False)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Begin an episode.

        Args:
            seed: seeds the draws of this and the following episodes.
            options: fixes "store", "question" or "order"; see the class.

        Raises:
            ValueError: an option is unknown or does not fit the stores.
        """
        super().reset(seed=None if seed is None else index(seed))
        choice = read_options(options or {}, self._replays)
        if seed is not None or not self._stream.any():
            seed_stream(self._stream, self.np_random)
        number, question = draw_question(self._stream, self._question_counts, choice.number, choice.question)
        self._replay = replay = self._replays[number]
        self._question, self._question_id = question, replay.store.question_ids[question]
        self._charged, self._earned, self._misses, self._running = 0, 0.0, 0, True
        seen = self._blank()
        scale = self._pool, replay.branch_tokens, replay.longest
        self._cost_weight, tokens = begin_compiled(
            replay.episode, self._stream, question, choice.order, self._terms, *scale, *seen
        )
        self._screen.begin()
        if self.render_mode == "human":
            self.render()
        return self._observation(*seen), self._info(tokens, seen[-1])

    def step(self, action: SupportsIndex) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Take one action.

        Args:
            action: an integer of the action space.

        Raises:
            ResetNeeded: no episode is running.
            ValueError: the action is outside the action space, or inadmissible under ``invalid_action="raise"``.
        """
        number = index(action)
        if not self._running:
            raise ResetNeeded("Call reset before the first step and after STOP.")
        if self._raises or not 0 <= number < self._actions:
            self._check_action(number)
        replay = self._replay
        seen = self._blank()
        scale = self._pool, replay.branch_tokens, replay.longest
        taken, tokens, answer = advance_compiled(replay.episode, number, self._terms, *scale, *seen)
        self._misses = 0 if taken else self._misses + 1
        stops = number == STOP or self._misses == self._terms.patience
        reward = 0.0 if taken else self._terms.invalid_reward
        if taken or stops:
            reward += token_reward(self._cost_weight, tokens - self._charged, replay.branch_tokens)
            self._charged = tokens
        info = self._info(tokens, seen[-1])
        if stops or (taken and self._terms.shaped):
            right = is_right(replay.store.grading, self._question, answer)
            reward += answer_reward(right, self._earned)
            self._earned = float(right and self._terms.shaped)
        if stops:
            self._running = False
            info["answer"] = replay.store.class_texts[self._question][answer] if answer >= 0 else ""
            info["correct"] = right
        self._screen.look(replay.state)
        if self.render_mode == "human":
            self.render()
        return self._observation(*seen), reward, stops, False, info

    @property
    def config(self) -> AtomicConfig:
        """The arguments, checked."""
        return self._config

    def action_masks(self) -> NDArray[np.bool_]:
        """Which actions are admissible now, bool [actions]."""
        self._check_begun()
        mask = np.empty(self._actions, np.bool_)
        fill_mask_compiled(self._replay.episode, mask)
        return mask

    def render(self) -> str | NDArray[np.uint8] | None:
        """The width-depth picture in the form that ``render_mode`` asks for; "human" prints it and returns None."""
        if self.render_mode is None:
            warn_without_mode()
            return None
        self._check_begun()
        texts = self._replay.store.class_texts[self._question]
        return self._screen.render(self._replay.state, self._question_id, texts)

    def __getstate__(self) -> dict[str, Any]:
        """What pickling keeps: all but the stores, which are loaded again, and of the running episode its arrays."""
        state = {name: value for name, value in self.__dict__.items() if name not in ("_replays", "_replay")}
        return state | {"number": self._replays.index(self._replay), "snapshot": self._replay.snapshot()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Load the stores again and go on with the episode."""
        kept = dict(state)
        number, snapshot = kept.pop("number"), kept.pop("snapshot")
        self.__dict__.update(kept)
        self._replays = open_replays(self._config)
        self._replay = self._replays[number]
        self._replay.restore(snapshot)

    def _observation(
        self, branches: NDArray[np.float32], summary: NDArray[np.float32], mask: NDArray[np.int8]
    ) -> Observation:
        if self._config.show_price:
            summary[-1] = shown_price(self._cost_weight)
        return arranged(self._config.observation, branches, summary, mask)

    def _info(self, tokens: int, mask: NDArray[np.int8]) -> dict[str, Any]:
        info = {"question_id": self._question_id, "tokens": tokens, "action_mask": mask}
        return info | {"answer": "", "correct": False} if self._config.steady_info else info

    def _blank(self) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.int8]]:
        """Fresh arrays for the two parts of an observation and the mask."""
        return (
            np.empty(self._shape, np.float32),
            np.empty(self._summary_size, np.float32),
            np.empty(self._actions, np.int8),
        )

    def _check_action(self, action: int) -> None:
        if not 0 <= action < self._actions:
            raise ValueError(f"An action is an integer from 0 to {self._actions - 1}, but got {action}.")
        if not admissible(self._replay.state, action):
            kind, branch = decode_action(action)
            name = kind.upper() if branch is None else f"{kind.upper()}({branch})"
            raise ValueError(f"Action {action}, {name}, is not admissible: {refusal(self._replay.state, action)}.")

    def _check_begun(self) -> None:
        if self._question < 0:
            raise ResetNeeded("Call reset first: there is no episode yet.")
