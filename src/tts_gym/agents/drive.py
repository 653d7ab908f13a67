"""The loop that runs a program over many episodes, in plain Python and as compiled code."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, lru_cache
from types import FunctionType
from typing import Any

import numpy as np
from numba.core import types
from numba.extending import overload, register_jitable

from tts_gym.agents.fingerprint import fingerprint
from tts_gym.datasets.grading import Grading
from tts_gym.envs.compiled import borrow
from tts_gym.envs.grading import is_right
from tts_gym.envs.jit import compile_cached
from tts_gym.envs.state import COMPLETED, PROBES, REVEALED, SEQUENTIAL, STEPS, TOKENS, WIDTH, kernel
from tts_gym.envs.transitions import reset

COLUMNS = ("answer", "tokens", "sequential_tokens", "width", "probes", "stop_step")
"""What is kept of an episode: the class of its answer (-1 for none), then counts."""


def answer_class(e: Any, code: Any) -> int:
    """Class of the answer ``code`` that a program returned, -1 for none."""
    if not isinstance(code, (int, np.integer)) or isinstance(code, bool):
        raise TypeError(f"a program returns an answer code, an integer, but this one returned {code!r}")
    return _class_of_code(e, int(code))


@kernel
def _class_of_code(e: Any, code: int) -> int:
    if code < -1 or code >= e.count[REVEALED]:
        raise ValueError("the program returned a code that is not an answer of this episode")
    return int(e.class_of[code]) if code >= 0 else -1


@overload(answer_class, strict=False)  # type: ignore[untyped-decorator]
def _compiled_answer_class(e: Any, code: Any) -> Callable[..., int] | None:
    return _class_of_code if isinstance(code, types.Integer) else None


@kernel
def best_finished(e: Any, grading: Grading, question: int, answer: int) -> int:
    """The right class that a finished branch gives, the first one's, else ``answer``."""
    for k in range(e.count[COMPLETED]):
        found = int(e.class_of[e.codes[e.completions[k]]])
        if is_right(grading, question, found):
            return found
    return answer


def program(episode: Any, *arguments: Any) -> int:
    """Stands for the program in ``_drive``."""
    raise NotImplementedError


def _drive(episode, questions, orders, arguments, grading, upper_bound, results, progress):  # type: ignore[no-untyped-def]
    e = borrow(episode)
    for q in range(len(questions)):
        for s in range(len(orders)):
            row = q * len(orders) + s
            progress[0] = row
            e.order = orders[s]
            reset(e, questions[q])
            answer = answer_class(e, program(e, *arguments))
            if upper_bound:
                answer = best_finished(e, grading, questions[q], answer)
            results[row, 0] = answer
            results[row, 1] = e.count[TOKENS]
            results[row, 2] = e.count[SEQUENTIAL]
            results[row, 3] = e.count[WIDTH]
            results[row, 4] = e.count[PROBES]
            results[row, 5] = e.count[STEPS]


def interpreted_drive(function: Callable[..., int]) -> Callable[..., None]:
    """The loop over a program in plain Python.

    It takes an episode, the questions (int64), the branch orders (int64 [seeds, branches]), the program's arguments,
    the grading, whether to grade as an upper bound, an array for the results (int64 [questions x seeds, columns]),
    and an array of length 1 that tells the row it has come to.
    """
    return FunctionType(_drive.__code__, {**globals(), "program": function})


@cache
def _register(function: FunctionType) -> None:
    register_jitable(boundscheck=True)(function)


def _make_callable(function: FunctionType) -> None:
    """Let compiled code call ``function`` and the plain functions that it refers to by name."""
    pending, seen = [function], {function}
    while pending:
        caller = pending.pop()
        _register(caller)
        for name in caller.__code__.co_names:
            helper = caller.__globals__.get(name)
            if isinstance(helper, FunctionType) and helper not in seen and not _is_kernel(helper):
                seen.add(helper)
                pending.append(helper)


def _is_kernel(function: FunctionType) -> bool:
    return function.__module__.startswith(kernel.__module__.rpartition(".")[0])


@lru_cache(maxsize=1024)
def compiled_drive(function: FunctionType) -> Any:
    """The same loop, compiled when first called for the types it is given, and cached on disk."""
    _make_callable(function)
    return compile_cached(_drive, f"{function.__name__}_{fingerprint(function)}", program=function)
