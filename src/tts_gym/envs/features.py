"""Lists of features and of actions: their places for the kernels, their spaces and their tables in the documentation.

A list maps each name to what it stands for, in order. Every feature is a number in [0, 1].
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Mapping, Sized
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from tts_gym.envs.documentation import markdown_table

LOWEST, HIGHEST = 0, 1
"""The range of every feature."""


def places(names: Mapping[str, str]) -> Any:
    """The place of each name in its list, as ``places(names).width``, for kernels too."""
    return namedtuple("Places", names)(*range(len(names)))


def feature_space(features: Sized, *rows: int) -> spaces.Box:
    """The space of an observation, float32 [*rows, features].

    Args:
        features: as many as there are, such as the list of them.
        *rows: sizes of the axes before theirs.
    """
    return spaces.Box(LOWEST, HIGHEST, (*rows, len(features)), np.float32)


def with_mask(features: NDArray[np.float32], mask: NDArray[Any]) -> NDArray[np.float32]:
    """Features followed by which actions are admissible, as 0 and 1.

    Args:
        features: float32 [..., features].
        mask: [..., actions].
    """
    return np.concatenate([features, mask.astype(np.float32)], -1)


def numbered_table(heads: tuple[str, str, str], names: Mapping[str, str]) -> str:
    """A list as a table in Markdown.

    Args:
        heads: titles of the columns for places, names and what they stand for.
        names: the list.
    """
    rows = [(str(place), name, meaning) for place, (name, meaning) in enumerate(names.items())]
    return markdown_table(heads, rows)
