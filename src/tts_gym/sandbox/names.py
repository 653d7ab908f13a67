"""The names that the source of a candidate defines when it is run."""

from __future__ import annotations

import ast
import builtins
import math
from typing import Any

import numpy as np

from tts_gym.sandbox.vocabulary import BUILTINS, POOLS

FILE = "candidate.py"
"""How errors call the source."""


def names_of(source: str | ast.Module, audited: bool) -> dict[str, Any]:
    """The names that ``source``, or its syntax tree, defines.

    Args:
        source: of a candidate.
        audited: whether it passed the check of sources, and so has what that lets through and nothing else.
    """
    names: dict[str, Any] = {"__name__": "candidate"}
    flags = 0
    if audited:
        flags = annotations.compiler_flag
        names["__builtins__"] = {name: getattr(builtins, name) for name in BUILTINS} | {"__import__": _import_of_numpy}
        names |= {"np": np, "math": math} | POOLS
    exec(compile(source, FILE, "exec", flags=flags, dont_inherit=True), names)
    return names


def _import_of_numpy(name: str, *arguments: Any) -> Any:
    """What arrays import when a method of theirs is called for the first time, in the name of whoever called it."""
    if name.partition(".")[0] != np.__name__:
        raise ImportError(f"{name} cannot be imported here")
    return __import__(name, *arguments)
