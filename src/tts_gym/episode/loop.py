"""The loop that runs a program over many episodes, in plain Python and as compiled code."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, lru_cache
from types import FunctionType
from typing import Any, NamedTuple

import numpy as np
from numba.core import types
from numba.extending import overload, register_jitable
from numpy.typing import NDArray

from tts_gym.datasets.grading import Grading
from tts_gym.episode.compile_cache import compile_cached
from tts_gym.episode.compiled import borrow
from tts_gym.episode.fingerprint import fingerprint
from tts_gym.episode.grading import is_right
from tts_gym.episode.state import COMPLETED, LOGGED, PROBES, REVEALED, SEQUENTIAL, STEPS, TOKENS, WIDTH, kernel
from tts_gym.episode.transitions import reset

COUNTED = {"tokens": TOKENS, "sequential_tokens": SEQUENTIAL, "width": WIDTH, "probes": PROBES, "stop_step": STEPS}
"""What is counted of an episode: the column, and the place in ``count``."""

COLUMNS = ("answer", *COUNTED)
"""What is kept of an episode: the class of its answer (-1 for none), then counts."""

ANSWER, FIRST_COUNT = 0, 1
"""Where the answer stands in such a row, and where the counts begin."""

_PLACES = tuple(COUNTED.values())


class Logs(NamedTuple):
    """Logs of episodes one after another, and the answers that they end with.

    Attributes:
        words: int32 [words], see ``episode.actions``; of length 0 where no logs are kept.
        ends: int64 [episodes], where the log of each episode ends.
        codes: int32 [episodes], the answer code of each, -1 for none.
    """

    words: NDArray[np.int32]
    ends: NDArray[np.int64]
    codes: NDArray[np.int32]


def room_for_logs(words: int, episodes: int) -> Logs:
    """Room for so many words of so many episodes."""
    return Logs(np.empty(words, np.int32), np.empty(episodes, np.int64), np.empty(episodes, np.int32))


def answer_class(e: Any, code: Any) -> int:
    """Class of the answer ``code`` that a program returned, -1 for none."""
    if not isinstance(code, (int, np.integer)) or isinstance(code, bool):
        raise TypeError(f"a program returns an answer code, an integer, but this one returned {code!r}")
    return class_of_code(e, int(code))


@kernel
def class_of_code(e: Any, code: int) -> int:
    """Class of the answer ``code``, -1 for none."""
    if code < -1 or code >= e.count[REVEALED]:
        raise ValueError("the program returned a code that is not an answer of this episode")
    return int(e.class_of[code]) if code >= 0 else -1


@overload(answer_class, strict=False)  # type: ignore[untyped-decorator]
def _compiled_answer_class(e: Any, code: Any) -> Callable[..., int] | None:
    return class_of_code if isinstance(code, types.Integer) else None


@kernel
def best_finished(e: Any, grading: Grading, question: int, answer: int) -> int:
    """The right class that a finished branch gives, the first one's, else ``answer``."""
    for k in range(e.count[COMPLETED]):
        found = int(e.class_of[e.codes[e.completions[k]]])
        if is_right(grading, question, found):
            return found
    return answer


@kernel
def tell(e: Any, answer: int, row: Any) -> None:
    """Fill ``row`` with what is kept of an episode, in the order of ``COLUMNS``."""
    row[ANSWER] = answer
    for k in range(len(_PLACES)):
        row[FIRST_COUNT + k] = e.count[_PLACES[k]]


def program(episode: Any, *arguments: Any) -> int:
    """Stands for the program in ``_drive``."""
    raise NotImplementedError


def _drive(episode, questions, orders, arguments, grading, upper_bound, results, progress, logs):  # type: ignore[no-untyped-def]
    e = borrow(episode)
    longest, used = len(e.log), 0
    for row in range(progress[0], len(results)):
        progress[0] = row
        if len(logs.words) > 0:
            if used + longest > len(logs.words):
                return
            e.log = logs.words[used : used + longest]
        question = questions[row // len(orders)]
        e.order = orders[row % len(orders)]
        reset(e, question)
        answer = answer_class(e, program(e, *arguments))
        if upper_bound:
            answer = best_finished(e, grading, question, answer)
        tell(e, answer, results[row])
        if len(logs.words) > 0:
            used += e.count[LOGGED]
            logs.ends[row] = used
            logs.codes[row] = e.code_of[answer] if answer >= 0 else -1
    progress[0] = len(results)


def interpreted_drive(function: Callable[..., int]) -> Callable[..., None]:
    """The loop over a program in plain Python.

    It takes an episode, the questions (int64), the branch orders (int64 [seeds, branches]), the program's arguments,
    the grading, whether to grade as an upper bound, an array for the results (int64 [questions x seeds, columns]),
    an array of length 1 that tells the row to begin with and then the row it has come to, and room for the logs. Where
    that may not be enough for one more log, which is as long as the episode's own at most, it ends early.
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
