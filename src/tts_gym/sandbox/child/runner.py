"""A program being tried on stores, inside a jail."""

from __future__ import annotations

import importlib
import inspect
import math
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import FunctionType
from typing import Any

import numba
import numpy as np

from tts_gym.agents.programs.program import Program
from tts_gym.agents.replay import replay_logged
from tts_gym.datasets.signals import SIGNALS
from tts_gym.datasets.store import ReplayStore, Tables
from tts_gym.episode.compiled import compiled_episode
from tts_gym.episode.episode import Episode, episode_fields
from tts_gym.episode.loop import COLUMNS, Logs, compiled_drive, interpreted_drive, room_for_logs
from tts_gym.episode.rules import EpisodeRules
from tts_gym.episode.votes import ALL, FINISHED
from tts_gym.errors import ControllerError, DoesNotCompileError
from tts_gym.sandbox.anonymise import describe, rebuild
from tts_gym.sandbox.boundary import LONGEST_REASON, is_number, printable
from tts_gym.sandbox.child.overflow import OPERATORS, checked
from tts_gym.sandbox.messages import logs_message, outcome_message
from tts_gym.sandbox.names import FILE, names_of

LOADED = (
    "abc", "bisect", "collections", "copy", "dataclasses", "decimal", "enum", "fractions", "functools", "heapq",
    "itertools", "json", "math", "operator", "random", "re", "statistics", "string", "time", "typing",
)  # fmt: skip
"""Modules of the standard library that a class may import, beside numpy: no file can be read any more by then."""

OURS = ("tts_gym.sandbox.child.arithmetic", "tts_gym.sandbox.child.tracing")
"""Loaded in jails too; the first one there only, as it changes the compiler."""


class RunnerError(Exception):
    """Why a candidate has no results: a category and a reason."""

    def __init__(self, category: str, reason: str) -> None:
        """Join the two."""
        super().__init__(f"{category}: {printable(reason, LONGEST_REASON)}")


def read_stores(descriptions: Sequence[Any], data: bytes) -> list[ReplayStore]:
    """The stores of a request, whose tables lie in ``data`` one after another.

    Args:
        descriptions: of each store, see ``anonymise.describe``.
        data: their bytes, which the stores share.
    """
    stores, place = [], 0
    for number, description in enumerate(descriptions):
        store, place = rebuild(description, memoryview(data), place, f"store {number}")
        stores.append(store)
    return stores


def warm_up() -> None:
    """Load and compile what candidates need, while files can still be read."""
    for name in (*LOADED, *OURS):
        importlib.import_module(name)
    if numba.config.DISABLE_JIT:
        return
    smallest = Tables(
        np.array([0, 1]),
        np.array([1]),
        np.array([0, 1]),
        np.array([1], np.int32),
        np.full(len(SIGNALS), -1),
        np.empty((0, 0), np.float32),
    )
    description = describe(smallest, interval=1)
    store, _ = rebuild(description, memoryview(b"".join(array.tobytes() for array in smallest)), 0, "warm-up")
    episode = compiled_episode(episode_fields(store, EpisodeRules(), max_width=1))
    compiled_drive(_rehearsal)
    # Compiled and not read from the cache, because that is what leaves the kernels ready for the next program.
    drive = numba.njit(interpreted_drive(_rehearsal))
    orders, results = np.zeros((1, 1), np.int64), np.zeros((1, len(COLUMNS)), np.int64)
    inputs = (np.zeros(1, np.int64), orders, (1, 0.5), store.grading, False, results, np.zeros(1, np.int64))
    drive(episode, *inputs, room_for_logs(0, 0))
    compile_one = numba.njit(lambda x: np.zeros(3)[x] + x)
    try:
        compile_one("no number")
    except numba.TypingError as error:
        "".join(traceback.format_exception(error))


def _rehearsal(episode: Episode, n: int, level: float) -> int:
    """A program that calls the kernels that most programs call, and names the modules that they may name."""
    first = episode.branch(n)
    steps = np.ones(episode.max_width, np.int64)
    for i in range(episode.width):
        if episode.is_active(i) and not episode.is_finished(i):
            steps[i] = episode.answer(i) + episode.depth(i)
    episode.advance_each(steps)
    episode.prune(first)
    history = np.zeros(n)
    history[:-1] = history[1:].copy()
    episode.note("level", history[-1])
    if episode.completed > math.floor(level) and episode.confidence(FINISHED) > level:
        return -1
    return episode.leader(ALL)


def attempt(request: Mapping[str, Any], stores: Sequence[ReplayStore], send: Callable[[bytes], None]) -> None:
    """Try the program of ``request``.

    Args:
        request: what is asked.
        stores: what is replayed.
        send: takes, for each store and value of the knob in turn, the logs of the run, as they come; and then the
            outcome: ``failure``, None or one line, and ``schedule``, what the schedule gives for each of the knob's
            values that the request asks for.
    """
    schedule: list[dict[str, float]] = []
    try:
        scheduled, replayed = _program_runner(request["source"])
        schedule = [scheduled(beta) for beta in request["schedule_betas"]]
        rules = EpisodeRules(**request["rules"])
        for store in stores:
            for beta in request["betas"]:
                for logs in replayed(store, beta, request["seeds"], rules):
                    send(logs_message(logs))
        outcome: dict[str, Any] = {"failure": None, "schedule": schedule}
    except BaseException as error:
        outcome = {"failure": str(failure_of(error, request)), "schedule": []}
    send(outcome_message(outcome))


def plain_program(source: str) -> Program:
    """The program of an audited ``source`` for plain Python, in which whole numbers keep to 64 bits."""
    names = names_of(checked(source), audited=True)
    names.update(OPERATORS)
    return Program("candidate", names["program"], names["schedule"])


Runner = tuple[Callable[[float], dict[str, float]], Callable[..., Iterator[Logs]]]
"""What gives the parameters for a value of the knob, and what replays a store for one."""


def _program_runner(source: str) -> Runner:
    names = names_of(source, audited=True)
    schedule, function = names.get("schedule"), names.get("program")
    if not isinstance(schedule, FunctionType) or not isinstance(function, FunctionType):
        raise RunnerError("refused", "a candidate defines schedule(beta) and program(episode, ...)")
    expected = list(inspect.signature(function).parameters)[1:]
    program, plain = Program("program", function), plain_program(source)

    def scheduled(beta: float) -> dict[str, float]:
        parameters = schedule(beta)
        _check_parameters(parameters, expected, beta)
        return {name: parameters[name] for name in expected}

    def replayed(store: ReplayStore, beta: float, seeds: Sequence[int], rules: EpisodeRules) -> Iterator[Logs]:
        arguments = tuple(scheduled(beta).values())
        for _, logs in replay_logged(program, arguments, store, seeds, rules, explaining=plain):
            yield logs

    return scheduled, replayed


def _check_parameters(parameters: Any, expected: Sequence[str], beta: float) -> None:
    call = f"schedule({beta:g})"
    if not isinstance(parameters, dict):
        raise RunnerError("refused", f"{call} returned {parameters!r:.100}: return a dict")
    if set(parameters) != set(expected):
        raise RunnerError(
            "refused",
            f"{call} returned the parameters {', '.join(map(str, parameters)) or 'none'}, but program takes "
            f"{', '.join(expected) or 'none'}",
        )
    for name, value in parameters.items():
        if not is_number(value):
            raise RunnerError("refused", f"{call} gives {name} = {value!r:.100}: return finite numbers")


def failure_of(error: BaseException, request: Mapping[str, Any]) -> RunnerError:
    """``error``, raised by the candidate of ``request``, as a category and a reason.

    Args:
        error: anything.
        request: told what the candidate may use.
    """
    if isinstance(error, RunnerError):
        return error
    if isinstance(error, MemoryError) or isinstance(error.__cause__, MemoryError):
        return RunnerError("memory", f"it needs more than {request['limits']['memory'] / 2**30:g} GiB")
    if isinstance(error, DoesNotCompileError):
        return RunnerError("refused", f"does not compile: {error}")
    if isinstance(error, ControllerError):
        return RunnerError("failed", str(error))
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == FILE]
    place = f" in line {lines[-1]}" if lines else ""
    return RunnerError("failed", f"{type(error).__name__}: {error}{place}")
