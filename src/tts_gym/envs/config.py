"""The configuration of each environment: its arguments, what they mean and may be, and how it is registered.

The environment, the vector of them, the registration and the tables of the documentation are made of it. It is read
by ``import tts_gym``, so it imports nothing heavy before a configuration is made.
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Real
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

import numpy as np
from gymnasium.vector import AutoresetMode
from numpy.typing import NDArray

from tts_gym.envs.arguments import argument, check_integer, make_plain

if TYPE_CHECKING:
    from tts_gym.datasets.store import ReplayStore

StoreName: TypeAlias = "str | os.PathLike[str] | ReplayStore"
StoreNames: TypeAlias = "StoreName | Sequence[StoreName]"
"""Stores by name or path, or loaded already, which a keyword argument of ``gymnasium.make`` cannot be."""

CostWeight: TypeAlias = float | Sequence[float] | NDArray[np.floating[Any]]
"""A price, or the lowest and the highest."""

RULES = ("exact", "published")
AGGREGATORS = ("active", "finished", "all", "weighted", "learned", "confident")
REVEALS = ("probe", "advance")
OBSERVATIONS = ("dict", "flat", "flat_mask")
INVALID_ACTIONS = ("ignore", "raise")
RENDER_MODES = ("human", "ansi", "rgb_array")

DEFAULT_STORE = "smollm2-arithmetic"
DEFAULT_COST_WEIGHT = 0.01
DEFAULT_AGGREGATOR = "confident"
DEFAULT_INITIAL_WIDTH = 4
MOST_BRANCHES = 4096
MOST_STEPS = 2**31 - 1
MOST_ENVIRONMENTS = 2**20

STORE = "Name in the catalogue, directory, or published-format file"
BUDGET = "Tokens an episode may spend"
PRICE = "Price of a mean branch length of tokens (γ), or the range it is drawn from"
ANSWERS = (
    'How STOP answers: by a vote of the un-pruned branches (`"active"`), of the `"finished"` ones or of `"all"`, or by '
    'the finished ones as the rules `"weighted"`, `"learned"` and `"confident"` weigh them, see '
    "`tts_gym.episode.aggregation`"
)
INITIAL = "Branches that an episode begins with, if it may; their first intervals are charged with the first action"
SHAPING = "Reward progress towards the right answer when it is made"
INADMISSIBLE = 'What an inadmissible action does, `"ignore"` or `"raise"`'
INVALID_REWARD = "What an inadmissible action that is ignored earns"
PATIENCE = "Inadmissible actions in a row after which an episode ends as with STOP; `None` for never"
STEADY = '`info` has `answer` ("") and `correct` (False) before STOP too'
LIMIT = "Steps after which an episode is truncated; -1 for no limit"


class ReplayConfig:
    """What all configurations have. Their values are plain: text instead of paths, numbers as those of Python.

    Attributes:
        env_id: what the environment is registered as.
        entry_point: where its class is.
        vector_entry_point: where the class of a vector of them is.
        most_steps: steps after which ``gymnasium.make`` truncates an episode.
        probe_cost: tokens charged for a probe.
        reveal: when answers are seen, one of ``REVEALS``.
        stride: intervals that an atomic action advances a branch by.

    Raises:
        ValueError: an argument has a wrong type or value; the message names it.
    """

    env_id: ClassVar[str]
    entry_point: ClassVar[str]
    vector_entry_point: ClassVar[str]
    most_steps: ClassVar[int]

    store: StoreNames
    max_branches: int
    budget: int | None
    probe_cost: int
    cost_weight: CostWeight
    rules: str
    aggregator: str
    reveal: str
    initial_width: int
    stride: int
    reward_shaping: bool
    invalid_action: str
    invalid_reward: float
    patience: int | None
    observation: str
    steady_info: bool
    render_mode: str | None

    def __post_init__(self) -> None:
        """Check the arguments."""
        from tts_gym.datasets.schema import MOST_TOKENS  # heavy
        from tts_gym.datasets.store import ReplayStore

        make_plain(self)
        if not self.stores or not all(isinstance(store, str | ReplayStore) for store in self.stores):
            raise ValueError(f"store is a name, a path or a list of them, but got {self.store!r}.")
        check_integer("max_branches", self.max_branches, 1, MOST_BRANCHES)
        if self.budget is not None:
            check_integer("budget", self.budget, 0, MOST_TOKENS)
        check_integer("probe_cost", self.probe_cost, 0, MOST_TOKENS)
        check_integer("initial_width", self.initial_width, 0, MOST_BRANCHES)
        check_integer("stride", self.stride, 1, MOST_STEPS)
        if self.patience is not None:
            check_integer("patience", self.patience, 1, MOST_STEPS)
        if not _is_finite(self.invalid_reward):
            raise ValueError(f"invalid_reward is a finite number, but got {self.invalid_reward!r}.")
        low, high = self._prices()
        if not _is_price(low) or not _is_price(high) or low > high or low == 0 < high:
            raise ValueError(
                f"cost_weight is a finite number, 0 or more, or a pair (low, high) with 0 < low <= high, "
                f"but got {self.cost_weight!r}."
            )

    @property
    def weight_range(self) -> tuple[float, float]:
        """The lowest and the highest cost weight."""
        low, high = self._prices()
        return float(low), float(high)

    def _prices(self) -> tuple[Any, Any]:
        given: Any = self.cost_weight
        low, high = given if isinstance(given, Sequence) and len(given) == 2 else (given, given)
        return low, high

    @property
    def stores(self) -> tuple[Any, ...]:
        """The stores, one or more, by name or loaded."""
        if isinstance(self.store, Sequence) and not isinstance(self.store, str):
            return tuple(self.store)
        return (self.store,)


@dataclass(frozen=True)
class AtomicConfig(ReplayConfig):
    """The configuration of ``TTSWidthDepth-v1``."""

    env_id = "TTSWidthDepth-v1"
    entry_point = "tts_gym.envs.width_depth:TTSWidthDepthEnv"
    vector_entry_point = "tts_gym.envs.width_depth_vector:TTSWidthDepthVectorEnv"
    most_steps = 4096

    store: StoreNames = argument(DEFAULT_STORE, "**str** or list of them", STORE)
    max_branches: int = argument(8, "**int**", "Branches an episode may open; fewer if the question has fewer")
    budget: int | None = argument(None, "**int** or `None`", BUDGET)
    probe_cost: int = argument(0, "**int**", "Tokens charged for a PROBE")
    cost_weight: CostWeight = argument(DEFAULT_COST_WEIGHT, "**float** or a pair", PRICE)
    rules: str = argument(
        "exact",
        "**str**",
        '`"exact"`: branches cost what they generate, invalid answers abstain. `"published"`: the accounting of the '
        "published results, where an interval always costs its full size and invalid answers vote",
        RULES,
    )
    aggregator: str = argument(DEFAULT_AGGREGATOR, "**str**", ANSWERS, AGGREGATORS)
    reveal: str = argument(
        "advance",
        "**str**",
        '`"probe"`: an answer is seen after PROBE, a final one on finishing. `"advance"`: every interval shows its '
        "answer, as in the published code, and nothing is left to probe",
        REVEALS,
    )
    initial_width: int = argument(DEFAULT_INITIAL_WIDTH, "**int**", INITIAL)
    stride: int = argument(
        16, "**int**", "Intervals that CONTINUE advances by; fewer where a branch ends or the budget does"
    )
    reward_shaping: bool = argument(True, "**bool**", SHAPING)
    invalid_action: str = argument("ignore", "**str**", INADMISSIBLE, INVALID_ACTIONS)
    invalid_reward: float = argument(0.0, "**float**", INVALID_REWARD)
    patience: int | None = argument(1, "**int** or `None`", PATIENCE)
    observation: str = argument(
        "dict",
        "**str**",
        '`"dict"`: branches and summary. `"flat"`: both in one Box. `"flat_mask"`: followed by the action mask',
        OBSERVATIONS,
    )
    show_price: bool = argument(
        True, "**bool**", "The summary ends with `cost_weight`, which a policy of a range needs"
    )
    show_signals: bool = argument(True, "**bool**", "Branches end with how sure the model was, where that is recorded")
    steady_info: bool = argument(True, "**bool**", STEADY)
    render_mode: str | None = argument(
        None,
        "**str** or `None`",
        '`"ansi"`, `"rgb_array"` or `"human"`, which prints to the terminal',
        RENDER_MODES,
    )

    @property
    def signals(self) -> tuple[str, ...]:
        """Signals that observations or answers are made of where a store records them."""
        return _signals(self.show_signals, self.aggregator)


@dataclass(frozen=True)
class RoundsConfig(ReplayConfig):
    """The configuration of ``TTSWidthDepthRounds-v1``."""

    env_id = "TTSWidthDepthRounds-v1"
    entry_point = "tts_gym.envs.width_depth_rounds:TTSWidthDepthRoundsEnv"
    vector_entry_point = "tts_gym.envs.width_depth_rounds_vector:TTSWidthDepthRoundsVectorEnv"
    most_steps = 512
    probe_cost = 0
    reveal = "advance"
    stride = 1

    store: StoreNames = argument(DEFAULT_STORE, "**str** or list of them", STORE)
    max_branches: int = argument(16, "**int**", "Branches an episode may open")
    budget: int | None = argument(None, "**int** or `None`", BUDGET)
    cost_weight: CostWeight = argument(DEFAULT_COST_WEIGHT, "**float** or a pair", PRICE)
    rules: str = argument("exact", "**str**", '`"exact"` or `"published"` accounting', RULES)
    aggregator: str = argument(DEFAULT_AGGREGATOR, "**str**", ANSWERS, AGGREGATORS)
    initial_width: int = argument(DEFAULT_INITIAL_WIDTH, "**int**", INITIAL)
    invalid_action: str = argument("ignore", "**str**", INADMISSIBLE, INVALID_ACTIONS)
    invalid_reward: float = argument(0.0, "**float**", INVALID_REWARD)
    patience: int | None = argument(8, "**int** or `None`", PATIENCE)
    reward_shaping: bool = argument(True, "**bool**", SHAPING)
    observation: str = argument(
        "flat", "**str**", '`"flat"`: the features. `"flat_mask"`: followed by the action mask', OBSERVATIONS[1:]
    )
    extended: bool = argument(
        True, "**bool**", "Whether there are further rounds and features, with which `crew` and others can be imitated"
    )
    steady_info: bool = argument(True, "**bool**", STEADY)
    render_mode: str | None = argument(None, "**str** or `None`", "As in `TTSWidthDepth-v1`", RENDER_MODES)

    @property
    def signals(self) -> tuple[str, ...]:
        """Signals that observations or answers are made of where a store records them."""
        return _signals(self.extended, self.aggregator)


@dataclass(frozen=True)
class VectorConfig(ReplayConfig):
    """The arguments that a vector of environments takes before those of its environments."""

    num_envs: int = argument(1, "**int**", "Number of environments")
    max_episode_steps: int = argument(-1, "**int**", LIMIT)
    autoreset_mode: str | AutoresetMode = argument(
        AutoresetMode.NEXT_STEP,
        "**str**",
        'What happens after an episode has ended: `"NextStep"`, `"SameStep"` or `"Disabled"`',
    )

    def __post_init__(self) -> None:
        """Check the arguments."""
        super().__post_init__()
        check_integer("num_envs", self.num_envs, 1, MOST_ENVIRONMENTS)
        if self.render_mode is not None:
            raise ValueError("The vector environment does not render: use vectorization_mode='sync' for pictures.")


@dataclass(frozen=True)
class AtomicVectorConfig(AtomicConfig, VectorConfig):
    """The configuration of a vector of ``TTSWidthDepth-v1``."""

    max_episode_steps: int = argument(AtomicConfig.most_steps, "**int**", LIMIT)


@dataclass(frozen=True)
class RoundsVectorConfig(RoundsConfig, VectorConfig):
    """The configuration of a vector of ``TTSWidthDepthRounds-v1``."""

    max_episode_steps: int = argument(RoundsConfig.most_steps, "**int**", LIMIT)


def _signals(shown: bool, aggregator: str) -> tuple[str, ...]:
    return ("mean_logprob",) if shown or aggregator == "confident" else ()


def _is_price(value: object) -> bool:
    return _is_finite(value) and float(value) >= 0  # type: ignore[arg-type]


def _is_finite(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)
