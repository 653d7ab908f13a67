"""``TTSWidthDepth-v0``: the atomic decision process of arXiv 2605.08083 as a Gymnasium environment."""

from __future__ import annotations

from operator import index
from typing import Any, SupportsIndex

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from gymnasium.error import ResetNeeded
from numpy.typing import NDArray

from tts_gym.envs.arguments import argument_table, takes
from tts_gym.envs.atomic import act, action_mask, admissible, answer_at, refusal
from tts_gym.envs.config import RENDER_MODES, AtomicConfig, AtomicVectorConfig
from tts_gym.envs.documentation import documented
from tts_gym.envs.draws import STREAM_SIZE, begin_episode, draw_question, read_options, seed_stream
from tts_gym.envs.features import numbered_table
from tts_gym.envs.observation import BRANCH_FEATURES, SUMMARY_FEATURES, Observation, observation_space, observe
from tts_gym.envs.replays import POOLS, open_replays
from tts_gym.envs.reward import INVALID_ACTION_REWARD, answer_reward, token_reward
from tts_gym.envs.screen import FRAMES_A_SECOND, Screen, warn_without_mode
from tts_gym.envs.spec import PlainSpec
from tts_gym.episode.actions import STOP, action_count, decode_action
from tts_gym.episode.compile_cache import compile_cached
from tts_gym.episode.compiled import borrow
from tts_gym.episode.grading import is_right
from tts_gym.episode.state import TOKENS


def _begin(
    owner: Any,
    stream: NDArray[np.int64],
    question: int,
    order: NDArray[np.int64],
    pool: int,
    branch_tokens: float,
    longest: int,
    branches: NDArray[np.float32],
    summary: NDArray[np.float32],
    mask: NDArray[np.int8],
) -> None:
    e = borrow(owner)
    begin_episode(e, stream, question, order)
    observe(e, pool, branch_tokens, longest, branches, summary)
    action_mask(e, mask)


def _advance(
    owner: Any,
    action: int,
    pool: int,
    branch_tokens: float,
    longest: int,
    branches: NDArray[np.float32],
    summary: NDArray[np.float32],
    mask: NDArray[np.int8],
) -> tuple[bool, int, int]:
    """Take an action; return whether it was taken, the tokens spent so far, and the class that is answered with."""
    e = borrow(owner)
    taken = act(e, action)
    observe(e, pool, branch_tokens, longest, branches, summary)
    action_mask(e, mask)
    return taken, int(e.count[TOKENS]), answer_at(e, action, pool)


def _fill_mask(owner: Any, mask: NDArray[np.bool_]) -> None:
    action_mask(borrow(owner), mask)


_begin_compiled = compile_cached(_begin)
_advance_compiled = compile_cached(_advance)
_fill_mask_compiled = compile_cached(_fill_mask)


@documented(
    branch_features=len(BRANCH_FEATURES),
    branches=numbered_table(("Num", "Feature", "Value"), BRANCH_FEATURES),
    summary_features=len(SUMMARY_FEATURES),
    summary=numbered_table(("Num", "Feature", "Value"), SUMMARY_FEATURES),
    invalid_action_reward=INVALID_ACTION_REWARD,
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
    | 2 + 3 i   | CONTINUE(i)   | Advances branch i by one interval; the last one reveals its final answer | i is opened, unfinished, un-pruned; an interval fits the budget |
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

    `branches` has the shape `(max_branches, {branch_features})`; branches not opened yet are 0.

    {branches}

    `summary` has the shape `({summary_features},)`.

    {summary}

    `info` holds `question_id`, `tokens` (spent in the episode so far) and `action_mask`; after STOP also `answer` (its
    text, empty if nothing was voted for) and `correct`.

    ## Rewards

    Every step costs `cost_weight` times the tokens it spent, in units of the store's mean branch length. STOP adds 1 if the
    answer is right. Reading n average branches whole before a right answer thus returns 1 - n * `cost_weight`.

    An action that is not admissible does nothing and is rewarded with {invalid_action_reward} (`INVALID_ACTION_REWARD`); with
    `invalid_action="raise"` it raises a `ValueError`.

    ## Starting State

    An episode draws one of the stores, one of its questions, and the order in which BRANCH meets the recorded branches, each
    uniformly. Nothing is opened yet. `reset(options=...)` fixes any of them:

    - `store`: position in the list of stores;
    - `question`: id of a question, in the first store that has it unless `store` says which;
    - `order`: a permutation of the numbers of the question's recorded branches; needs `question`.

    ## Episode End

    1. Termination: the action is STOP.
    2. Truncation: {most_steps} steps, by `gymnasium.make`, without an answer; pass `max_episode_steps` for a wider environment.

    ## Arguments

    ```python
    >>> import gymnasium as gym
    >>> env = gym.make("tts_gym:TTSWidthDepth-v0", max_branches=8, cost_weight=0.05)
    >>> env
    <TimeLimit<OrderEnforcing<PassiveEnvChecker<TTSWidthDepthEnv<TTSWidthDepth-v0>>>>>

    ```

    {arguments}

    ## Vectorized environment

    `gym.make_vec` makes a `TTSWidthDepthVectorEnv`, which steps all environments in one compiled call.

    ```python
    >>> envs = gym.make_vec("tts_gym:TTSWidthDepth-v0", num_envs=3, max_branches=8)
    >>> envs
    TTSWidthDepthVectorEnv(TTSWidthDepth-v0, num_envs=3)

    ```

    It takes the arguments above, but does not render, and these:

    {vector_arguments}

    Observations have an axis of environments before those of one environment, rewards are float64, and `info` has an array
    for each of its entries. The same seeds and actions give what `vectorization_mode="sync"` gives, which makes as many single
    environments and renders them.

    ## Version History

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
        self._cost_weight = float(config.cost_weight)
        self._raises = config.invalid_action == "raise"
        self._actions = action_count(max_branches)
        self._shape = (max_branches, len(BRANCH_FEATURES))
        self.action_space = spaces.Discrete(self._actions)
        self.observation_space = observation_space(max_branches)
        self._stream = np.zeros(STREAM_SIZE, np.int64)
        self._question_counts = np.array([len(replay.store) for replay in self._replays])
        self._question, self._question_id = -1, ""
        self._tokens = 0
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
        self._tokens, self._running = 0, True
        branches, summary, mask = self._blank()
        _begin_compiled(
            replay.episode,
            self._stream,
            question,
            choice.order,
            self._pool,
            replay.branch_tokens,
            replay.longest,
            branches,
            summary,
            mask,
        )
        self._screen.begin()
        if self.render_mode == "human":
            self.render()
        info = {"question_id": self._question_id, "tokens": 0, "action_mask": mask}
        return {"branches": branches, "summary": summary}, info

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
        branches, summary, mask = self._blank()
        taken, tokens, answer = _advance_compiled(
            replay.episode, number, self._pool, replay.branch_tokens, replay.longest, branches, summary, mask
        )
        spent, self._tokens = tokens - self._tokens, tokens
        reward = token_reward(self._cost_weight, spent, replay.branch_tokens) if taken else INVALID_ACTION_REWARD
        info = {"question_id": self._question_id, "tokens": tokens, "action_mask": mask}
        if number == STOP:
            self._running = False
            info["answer"] = replay.store.class_texts[self._question][answer] if answer >= 0 else ""
            info["correct"] = correct = is_right(replay.store.grading, self._question, answer)
            reward = answer_reward(correct, 0.0)
        self._screen.look(replay.state)
        if self.render_mode == "human":
            self.render()
        return {"branches": branches, "summary": summary}, reward, not self._running, False, info

    def action_masks(self) -> NDArray[np.bool_]:
        """Which actions are admissible now, bool [actions]."""
        self._check_begun()
        mask = np.empty(self._actions, np.bool_)
        _fill_mask_compiled(self._replay.episode, mask)
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

    def _blank(self) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.int8]]:
        """Fresh arrays for the two parts of an observation and the mask."""
        return (
            np.empty(self._shape, np.float32),
            np.empty(len(SUMMARY_FEATURES), np.float32),
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
