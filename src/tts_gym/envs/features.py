"""Lists of features and of actions: their places for the kernels, their spaces and their tables in the documentation.

A list maps each name to what it stands for, in order. Every feature is a number in [0, 1].
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Mapping
from typing import Any

import numpy as np
from gymnasium import spaces

from tts_gym.envs.documentation import markdown_table

LOWEST, HIGHEST = 0, 1
"""The range of every feature."""


def places(names: Mapping[str, str]) -> Any:
    """The place of each name in its list, as ``places(names).width``, for kernels too."""
    return namedtuple("Places", names)(*range(len(names)))


def feature_space(features: Mapping[str, str], *rows: int) -> spaces.Box:
    """The space of an observation, float32 [*rows, features].

    Args:
        features: the list of them.
        *rows: sizes of the axes before theirs.
    """
    return spaces.Box(LOWEST, HIGHEST, (*rows, len(features)), np.float32)


def numbered_table(heads: tuple[str, str, str], names: Mapping[str, str]) -> str:
    """A list as a table in Markdown.

    Args:
        heads: titles of the columns for places, names and what they stand for.
        names: the list.
    """
    rows = [(str(place), name, meaning) for place, (name, meaning) in enumerate(names.items())]
    return markdown_table(heads, rows)
