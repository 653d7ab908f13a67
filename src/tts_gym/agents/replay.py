"""Run a program over a replay store: compiled where it compiles, interpreted where it does not."""

from __future__ import annotations

import random
import re
import warnings
from collections.abc import Callable, Sequence
from functools import cache, lru_cache
from pathlib import Path
from types import FunctionType
from typing import Any

import numba
import numpy as np
from numba.core import types
from numba.extending import overload, register_jitable
from numpy.typing import NDArray

from tts_gym.agents.failures import controller_failure
from tts_gym.agents.fingerprint import fingerprint
from tts_gym.agents.programs.program import Program
from tts_gym.datasets.store import ReplayStore
from tts_gym.envs.compiled import borrow, compiled_episode
from tts_gym.envs.episode import EpisodeRules, ReplayEpisode, episode_fields
from tts_gym.envs.jit import compile_cached
from tts_gym.envs.state import COMPLETED, PROBES, REVEALED, SEQUENTIAL, STEPS, TOKENS, WIDTH, kernel
from tts_gym.envs.transitions import reset

COLUMNS = ("answer", "tokens", "sequential_tokens", "width", "probes", "stop_step")
"""What ``replay`` returns of an episode: the class of its answer (-1 for none), then counts."""


_SAYS_WHY = re.compile(
    r"\W*((?:No implementation|Unknown attribute|Untyped global|Cannot unify|Use of unsupported|.*not supported).*?)"
    r"(?: Raised from .*)?$"
)


@lru_cache(maxsize=256)
def branch_order(branches: int, seed: int) -> NDArray[np.int64]:
    """The order in which an episode of ``seed`` meets the recorded branches (the published protocol).

    Returns:
        int64 [branches].
    """
    order = list(range(branches))
    random.Random(seed).shuffle(order)
    return np.array(order, np.int64)


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
def best_finished(e: Any, gold: int, answer: int) -> int:
    """``gold`` if any finished branch gives it, else ``answer``."""
    for k in range(e.count[COMPLETED]):
        if e.class_of[e.codes[e.completions[k]]] == gold:
            return gold
    return answer


def program(episode: Any, *arguments: Any) -> int:
    """Stands for the program in ``_drive``."""
    raise NotImplementedError


def _drive(episode, questions, orders, arguments, gold, upper_bound, results, progress):  # type: ignore[no-untyped-def]
    e = borrow(episode)
    for q in range(len(questions)):
        for s in range(len(orders)):
            row = q * len(orders) + s
            progress[0] = row
            e.order = orders[s]
            reset(e, questions[q])
            answer = answer_class(e, program(e, *arguments))
            if upper_bound:
                answer = best_finished(e, gold[questions[q]], answer)
            results[row, 0] = answer
            results[row, 1] = e.count[TOKENS]
            results[row, 2] = e.count[SEQUENTIAL]
            results[row, 3] = e.count[WIDTH]
            results[row, 4] = e.count[PROBES]
            results[row, 5] = e.count[STEPS]


def _interpreted_drive(function: Callable[..., int]) -> Callable[..., None]:
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
def _compiled_drive(function: FunctionType) -> Any:
    _make_callable(function)
    return compile_cached(_drive, f"{function.__name__}_{fingerprint(function)}", program=function)


def replay(
    program: Program,
    arguments: tuple[Any, ...],
    store: ReplayStore,
    seeds: Sequence[int],
    rules: EpisodeRules,
    interpreted: bool = False,
) -> NDArray[np.int64]:
    """Run ``program`` on every question of ``store`` under every seed.

    Args:
        program: the controller.
        arguments: the arguments of its function after the episode.
        store: what is replayed.
        seeds: one branch order each.
        rules: spending and accounting.
        interpreted: run in plain Python even where the program compiles.

    Returns:
        int64 [questions x seeds, len(COLUMNS)], the seeds of a question together.

    Raises:
        ControllerError: if the program raises or returns no answer code, naming the line, question and seed.
    """
    fields = episode_fields(store, rules, max_width=int(store.branch_counts.max()))
    drive, episode = None, None
    if not (interpreted or numba.config.DISABLE_JIT):
        drive, episode = _compiled_drive(program.function), compiled_episode(fields)
    results = np.empty((len(store), len(seeds), len(COLUMNS)), np.int64)
    for branches in np.unique(store.branch_counts):
        questions = np.flatnonzero(store.branch_counts == branches)
        orders = np.stack([branch_order(int(branches), seed) for seed in seeds])
        part = np.empty((len(questions) * len(seeds), len(COLUMNS)), np.int64)
        progress = np.zeros(1, np.int64)
        inputs = (questions, orders, arguments, store.gold, program.upper_bound, part, progress)
        if drive is not None and not _compiles(drive, (episode, *inputs), program):
            drive = None
        try:
            if drive is None:
                _interpreted_drive(program.function)(ReplayEpisode(fields), *inputs)
            else:
                drive(episode, *inputs)
        except Exception as error:
            question, seed = int(questions[progress[0] // len(seeds)]), seeds[progress[0] % len(seeds)]
            error = _interpreted_error(program, arguments, store, question, seed, rules) or error
            file = program.function.__code__.co_filename
            raise controller_failure(program.name, file, error, store, question, seed) from error
        results[questions] = part.reshape(len(questions), len(seeds), len(COLUMNS))
    return results.reshape(-1, len(COLUMNS))


def replay_episode(
    program: Program,
    arguments: tuple[Any, ...],
    store: ReplayStore,
    question: int,
    seed: int,
    rules: EpisodeRules,
    log_size: int = 0,
) -> tuple[ReplayEpisode, int]:
    """Run one interpreted episode; return it, with its notes and log, and the class of its answer."""
    fields = episode_fields(store, rules, int(store.branch_counts.max()), log_size)
    episode = ReplayEpisode(fields)
    result = np.empty((1, len(COLUMNS)), np.int64)
    orders = branch_order(int(store.branch_counts[question]), seed)[np.newaxis]
    _interpreted_drive(program.function)(
        episode, np.array([question]), orders, arguments, store.gold, program.upper_bound, result, np.zeros(1, np.int64)
    )
    return episode, int(result[0, 0])


def _compiles(drive: Any, inputs: tuple[Any, ...], program: Program) -> bool:
    """Compile ``drive`` for ``inputs``, or say once why it will be interpreted."""
    try:
        drive.compile(tuple(map(numba.typeof, inputs)))
    except Exception as error:
        warnings.warn(
            f"Controller {program.name} does not compile and runs interpreted, which is slow: "
            f"{_compile_reason(program, error)}",
            RuntimeWarning,
            stacklevel=3,
        )
        return False
    return True


def _compile_reason(program: Program, error: Exception) -> str:
    """Line of the program that does not compile, and what the compiler says of it."""
    code = program.function.__code__
    file = Path(code.co_filename).name
    line = re.search(rf'{re.escape(file)}(?:", line | \()(\d+)', str(error))
    reason = next(filter(None, map(_SAYS_WHY.match, str(error).splitlines())), None)
    return f"{file}:{line[1] if line else code.co_firstlineno}: {reason[1] if reason else type(error).__name__}"


def _interpreted_error(
    program: Program, arguments: tuple[Any, ...], store: ReplayStore, question: int, seed: int, rules: EpisodeRules
) -> Exception | None:
    """What the episode raises in plain Python, where the traceback names the line."""
    try:
        replay_episode(program, arguments, store, question, seed, rules)
    except Exception as error:
        return error
    return None
