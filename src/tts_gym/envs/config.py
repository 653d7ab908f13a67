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
AGGREGATORS = ("active", "finished", "all")
REVEALS = ("probe", "advance")
INVALID_ACTIONS = ("ignore", "raise")
RENDER_MODES = ("human", "ansi", "rgb_array")

DEFAULT_STORE = "smollm2-arithmetic"
DEFAULT_COST_WEIGHT = 0.01
MOST_BRANCHES = 4096
MOST_ENVIRONMENTS = 2**20

STORE = "Name in the catalogue, directory, or published-format file"
BUDGET = "Tokens an episode may spend"
INADMISSIBLE = 'What an inadmissible action does, `"ignore"` or `"raise"`'
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
    rules: str
    aggregator: str
    reveal: str
    invalid_action: str
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

    @property
    def stores(self) -> tuple[Any, ...]:
        """The stores, one or more, by name or loaded."""
        if isinstance(self.store, Sequence) and not isinstance(self.store, str):
            return tuple(self.store)
        return (self.store,)


@dataclass(frozen=True)
class AtomicConfig(ReplayConfig):
    """The configuration of ``TTSWidthDepth-v0``."""

    env_id = "TTSWidthDepth-v0"
    entry_point = "tts_gym.envs.width_depth:TTSWidthDepthEnv"
    vector_entry_point = "tts_gym.envs.width_depth_vector:TTSWidthDepthVectorEnv"
    most_steps = 4096

    store: StoreNames = argument(DEFAULT_STORE, "**str** or list of them", STORE)
    max_branches: int = argument(16, "**int**", "Branches an episode may open; fewer if the question has fewer")
    budget: int | None = argument(None, "**int** or `None`", BUDGET)
    probe_cost: int = argument(0, "**int**", "Tokens charged for a PROBE")
    cost_weight: float = argument(
        DEFAULT_COST_WEIGHT, "**float**", "Price of a mean branch length of tokens (γ), 0 or more"
    )
    rules: str = argument(
        "exact",
        "**str**",
        '`"exact"`: branches cost what they generate, invalid answers abstain. `"published"`: the accounting of the '
        "published results, where an interval always costs its full size and invalid answers vote",
        RULES,
    )
    aggregator: str = argument(
        "active", "**str**", 'Who votes: `"active"` (un-pruned branches), `"finished"` or `"all"`', AGGREGATORS
    )
    reveal: str = argument(
        "probe",
        "**str**",
        '`"probe"`: an answer is seen after PROBE, a final one on finishing. `"advance"`: every interval shows its '
        "answer, as in the published code, and nothing is left to probe",
        REVEALS,
    )
    invalid_action: str = argument("ignore", "**str**", INADMISSIBLE, INVALID_ACTIONS)
    render_mode: str | None = argument(
        None,
        "**str** or `None`",
        '`"ansi"`, `"rgb_array"` or `"human"`, which prints to the terminal',
        RENDER_MODES,
    )

    def __post_init__(self) -> None:
        """Check the arguments."""
        super().__post_init__()
        if not _is_price(self.cost_weight):
            raise ValueError(f"cost_weight is a finite number, 0 or more, but got {self.cost_weight!r}.")


@dataclass(frozen=True)
class RoundsConfig(ReplayConfig):
    """The configuration of ``TTSWidthDepthRounds-v0``."""

    env_id = "TTSWidthDepthRounds-v0"
    entry_point = "tts_gym.envs.width_depth_rounds:TTSWidthDepthRoundsEnv"
    vector_entry_point = "tts_gym.envs.width_depth_rounds_vector:TTSWidthDepthRoundsVectorEnv"
    most_steps = 512
    probe_cost = 0
    reveal = "advance"

    store: StoreNames = argument(DEFAULT_STORE, "**str** or list of them", STORE)
    max_branches: int = argument(64, "**int**", "Branches an episode may open")
    budget: int | None = argument(None, "**int** or `None`", BUDGET)
    cost_weight: CostWeight = argument(
        DEFAULT_COST_WEIGHT,
        "**float** or a pair",
        "Price of a mean branch length of tokens (γ), or the range it is drawn from",
    )
    rules: str = argument("exact", "**str**", '`"exact"` or `"published"` accounting', RULES)
    aggregator: str = argument("active", "**str**", 'Who votes: `"active"`, `"finished"` or `"all"`', AGGREGATORS)
    invalid_action: str = argument("ignore", "**str**", INADMISSIBLE, INVALID_ACTIONS)
    reward_shaping: bool = argument(False, "**bool**", "Reward progress towards the right answer when it is made")
    render_mode: str | None = argument(None, "**str** or `None`", "As in `TTSWidthDepth-v0`", RENDER_MODES)

    def __post_init__(self) -> None:
        """Check the arguments."""
        super().__post_init__()
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
    """The configuration of a vector of ``TTSWidthDepth-v0``."""

    max_episode_steps: int = argument(AtomicConfig.most_steps, "**int**", LIMIT)


@dataclass(frozen=True)
class RoundsVectorConfig(RoundsConfig, VectorConfig):
    """The configuration of a vector of ``TTSWidthDepthRounds-v0``."""

    max_episode_steps: int = argument(RoundsConfig.most_steps, "**int**", LIMIT)


def _is_price(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool) and 0 <= float(value) < math.inf
