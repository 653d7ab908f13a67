"""Run a program over a replay store: compiled where it compiles, interpreted where it does not."""

from __future__ import annotations

import random
import re
import warnings
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from tts_gym.agents.drive import COLUMNS, compiled_drive, interpreted_drive
from tts_gym.agents.failures import controller_failure
from tts_gym.agents.programs.program import Program
from tts_gym.datasets.store import ReplayStore
from tts_gym.envs.compiled import compiled_episode
from tts_gym.envs.episode import EpisodeRules, ReplayEpisode, episode_fields
from tts_gym.envs.recount import longest_log

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
        drive, episode = compiled_drive(program.function), compiled_episode(fields)
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
                interpreted_drive(program.function)(ReplayEpisode(fields), *inputs)
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
    max_width: int | None = None,
) -> tuple[ReplayEpisode, int]:
    """Run one interpreted episode; return it, with its notes and its log (``log_of``), and the class of its answer.

    It may open ``max_width`` branches, or by default all.
    """
    longest = int(longest_log(store, rules)[question])
    fields = episode_fields(store, rules, max_width or int(store.branch_counts.max()), longest)
    episode = ReplayEpisode(fields)
    result = np.empty((1, len(COLUMNS)), np.int64)
    orders = branch_order(int(store.branch_counts[question]), seed)[np.newaxis]
    interpreted_drive(program.function)(
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
