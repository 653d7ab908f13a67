"""The spec of an environment in plain values, so that it can be written as JSON whatever it was made with."""

from __future__ import annotations

import os
from enum import Enum
from typing import Any

import numpy as np
from gymnasium.envs.registration import EnvSpec


def plain(value: Any) -> Any:
    """``value`` with paths as text, arrays and their numbers as those of Python, and enumeration members as values."""
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, list | tuple):
        return [*map(plain, value)]
    return value


class PlainSpec:
    """What our environments have instead of Gymnasium's attribute ``spec``: a property that holds plain arguments."""

    _spec: EnvSpec | None = None

    @property
    def spec(self) -> EnvSpec | None:
        """How the environment was made, if ``gymnasium.make`` made it."""
        return self._spec

    @spec.setter
    def spec(self, spec: EnvSpec | None) -> None:
        if spec is not None:
            spec.kwargs = {name: plain(value) for name, value in spec.kwargs.items()}
        self._spec = spec
