"""Run a program over a replay store: compiled where it compiles, interpreted where it does not."""

from __future__ import annotations

import logging
import random
import re
import time
import warnings
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from tts_gym.agents.failures import controller_failure
from tts_gym.agents.programs.program import Program
from tts_gym.datasets.store import ReplayStore
from tts_gym.episode.compiled import compiled_episode
from tts_gym.episode.episode import ReplayEpisode, episode_fields
from tts_gym.episode.loop import ANSWER, COLUMNS, Logs, compiled_drive, interpreted_drive, room_for_logs
from tts_gym.episode.recount import longest_log
from tts_gym.episode.rules import EpisodeRules
from tts_gym.errors import DoesNotCompileError

_log = logging.getLogger(__name__)

ROOM = 2**18
"""Words of logs that are kept at a time, unless one episode may need more."""

_SAYS_WHY = re.compile(
    r"\W*((?:No implementation|Unknown attribute|Untyped global|Cannot unify|Use of unsupported|.*not supported).*?)"
    r"(?: Raised from .*)?$"
)


_ADDRESS = re.compile(r" at 0x[0-9a-f]+")


@lru_cache(maxsize=256)
def branch_order(branches: int, seed: int) -> NDArray[np.int64]:
    """The order in which an episode meets the recorded branches (the published protocol).

    Args:
        branches: how many are recorded.
        seed: of ``random.Random``, which shuffles them.

    Returns:
        int64 [branches].
    """
    order = list(range(branches))
    random.Random(seed).shuffle(order)
    return np.array(order, np.int64)


class Group(NamedTuple):
    """The questions of a store that have equally many branches.

    Attributes:
        questions: int64 [questions].
        orders: int64 [seeds, branches], the branch order of each seed.
        rows: int64 [questions x seeds], the row of each episode among those of the whole store.
    """

    questions: NDArray[np.int64]
    orders: NDArray[np.int64]
    rows: NDArray[np.int64]


def groups(store: ReplayStore, seeds: Sequence[int]) -> Iterator[Group]:
    """The groups in which the questions of a store are replayed, the seeds of a question together.

    Args:
        store: what is replayed.
        seeds: one branch order each.
    """
    for branches in np.unique(store.branch_counts):
        questions = np.flatnonzero(store.branch_counts == branches)
        orders = np.stack([branch_order(int(branches), seed) for seed in seeds])
        yield Group(questions, orders, np.add.outer(questions * len(seeds), np.arange(len(seeds))).reshape(-1))


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
    results = np.empty((len(store) * len(seeds), len(COLUMNS)), np.int64)
    for rows, part, _ in _replay(program, arguments, store, seeds, rules, interpreted, False, program):
        results[rows] = part
    return results


def replay_logged(
    program: Program,
    arguments: tuple[Any, ...],
    store: ReplayStore,
    seeds: Sequence[int],
    rules: EpisodeRules,
    interpreted: bool = False,
    explaining: Program | None = None,
) -> Iterator[tuple[NDArray[np.int64], Logs]]:
    """Run ``program`` as ``replay`` does, and keep what it does.

    Args:
        program: the controller.
        arguments: the arguments of its function after the episode.
        store: what is replayed.
        seeds: one branch order each.
        rules: spending and accounting.
        interpreted: run in plain Python even where the program compiles.
        explaining: says in plain Python in which line an episode fails; ``program`` by default.

    Raises:
        DoesNotCompileError: the program does not compile, and is not to be ``interpreted``.

    Yields:
        Rows, int64 [episodes], among those that ``replay`` returns, in the order of ``groups``, and the logs of these
        episodes, of ``most_words`` at most.
    """
    for rows, _, logs in _replay(program, arguments, store, seeds, rules, interpreted, True, explaining or program):
        yield rows, logs


def most_words(store: ReplayStore, rules: EpisodeRules) -> int:
    """Words (int32) of logs that are kept at a time.

    Args:
        store: what is replayed.
        rules: spending and accounting.
    """
    return max(ROOM, int(longest_log(store, rules).max()))


def _replay(
    program: Program,
    arguments: tuple[Any, ...],
    store: ReplayStore,
    seeds: Sequence[int],
    rules: EpisodeRules,
    interpreted: bool,
    logged: bool,
    explaining: Program,
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64], Logs]]:
    """Rows, results and logs of one stretch of episodes after another."""
    longest, room = (int(longest_log(store, rules).max()), most_words(store, rules)) if logged else (0, 0)
    fields = episode_fields(store, rules, int(store.branch_counts.max()), longest)
    drive, episode = None, None
    if not (interpreted or numba.config.DISABLE_JIT):
        drive, episode = compiled_drive(program.function), compiled_episode(fields)
    for questions, orders, rows in groups(store, seeds):
        part = np.empty((len(rows), len(COLUMNS)), np.int64)
        progress, logs = np.zeros(1, np.int64), room_for_logs(room, len(rows) if logged else 0)
        inputs = (questions, orders, arguments, store.grading, program.upper_bound, part, progress, logs)
        if drive is not None:
            try:
                _compile(drive, (episode, *inputs), program)
            except DoesNotCompileError as error:
                if logged:
                    raise
                _warn(program, error)
                drive = None
        while progress[0] < len(rows):
            first = progress[0]
            try:
                if drive is None:
                    interpreted_drive(program.function)(ReplayEpisode(fields), *inputs)
                else:
                    drive(episode, *inputs)
            except Exception as error:
                question, seed = int(questions[progress[0] // len(seeds)]), seeds[progress[0] % len(seeds)]
                error = _interpreted_error(explaining, arguments, store, question, seed, rules) or error
                file = program.function.__code__.co_filename
                raise controller_failure(program.name, file, error, store, question, seed) from error
            done = slice(first, progress[0])
            yield rows[done], part[done], _kept(logs, done)


def _kept(logs: Logs, done: slice) -> Logs:
    """What was filled of ``logs`` for the rows ``done``; its room of words is filled again."""
    ends = logs.ends[done]
    return Logs(logs.words[: ends[-1] if len(ends) else 0].copy(), ends, logs.codes[done])


def replay_episode(
    program: Program,
    arguments: tuple[Any, ...],
    store: ReplayStore,
    question: int,
    seed: int,
    rules: EpisodeRules,
    max_width: int | None = None,
) -> tuple[ReplayEpisode, int]:
    """Run one interpreted episode.

    Args:
        program: the controller.
        arguments: the arguments of its function after the episode.
        store: what is replayed.
        question: index of the question.
        seed: its branch order.
        rules: spending and accounting.
        max_width: branches that it may open; by default all.

    Returns:
        The episode, with its notes and its log (``log_of``), and the class of its answer, -1 for none.
    """
    longest = int(longest_log(store, rules)[question])
    fields = episode_fields(store, rules, max_width or int(store.branch_counts.max()), longest)
    episode = ReplayEpisode(fields)
    result, progress = np.empty((1, len(COLUMNS)), np.int64), np.zeros(1, np.int64)
    orders = branch_order(int(store.branch_counts[question]), seed)[np.newaxis]
    inputs = (np.array([question]), orders, arguments, store.grading, program.upper_bound, result, progress)
    interpreted_drive(program.function)(episode, *inputs, room_for_logs(0, 0))
    return episode, int(result[0, ANSWER])


def _compile(drive: Any, inputs: tuple[Any, ...], program: Program) -> None:
    """Compile ``drive`` for ``inputs``.

    Raises:
        DoesNotCompileError: the program does not compile; in which line, and what the compiler says of it.
    """
    signature = tuple(map(numba.typeof, inputs))
    if signature in drive.overloads:
        return
    _log.info("Compiling %s", program.name)
    start = time.perf_counter()
    try:
        drive.compile(signature)
    except Exception as error:
        code = program.function.__code__
        file = Path(code.co_filename).name
        line = re.search(rf'{re.escape(file)}(?:", line | \()(\d+)', str(error))
        said = next(filter(None, map(_SAYS_WHY.match, str(error).splitlines())), None)
        reason = _ADDRESS.sub("", said[1]) if said else type(error).__name__
        raise DoesNotCompileError(f"{file}:{line[1] if line else code.co_firstlineno}: {reason}") from error
    how = "Loaded the compiled" if drive.stats.cache_hits[signature] else "Compiled"
    _log.info("%s %s in %.1f s", how, program.name, time.perf_counter() - start)


def _warn(program: Program, error: DoesNotCompileError) -> None:
    warnings.warn(
        f"Controller {program.name} does not compile and runs interpreted, which is slow: {error}",
        RuntimeWarning,
        stacklevel=4,
    )


def _interpreted_error(
    program: Program, arguments: tuple[Any, ...], store: ReplayStore, question: int, seed: int, rules: EpisodeRules
) -> Exception | None:
    """What the episode raises in plain Python, where the traceback names the line."""
    try:
        replay_episode(program, arguments, store, question, seed, rules)
    except Exception as error:
        return error
    return None
