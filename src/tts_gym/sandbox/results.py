"""Reading what a jail sends, which may be anything: nothing is believed of it but what was done, which is recounted."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tts_gym.agents.controller import graded_rows
from tts_gym.agents.recount import Recounter
from tts_gym.datasets.store import ReplayStore
from tts_gym.episode.loop import ANSWER, COLUMNS, Logs
from tts_gym.sandbox.anonymise import AnonymisedStore, MalformedError
from tts_gym.sandbox.boundary import are_parameters, printable
from tts_gym.sandbox.messages import FailedError, Read, read_message

_LONGEST_FAILURE = 700

Schedule = list[dict[str, float]]
"""The parameters for some values of the knob."""


Seen = Callable[[int, Logs], None]
"""Is given the number of a run and the logs of its next episodes."""


class Block(NamedTuple):
    """A run that a jail is asked for.

    Attributes:
        store: the store, with its words.
        anonymised: what the jail is given of it.
        recounter: recounts runs over that.
        beta: the knob.
    """

    store: ReplayStore
    anonymised: AnonymisedStore
    recounter: Recounter
    beta: float


def read_results(
    read: Read, blocks: Sequence[Block], seeds: Sequence[int], parameters: int, seen: Seen
) -> tuple[list[pd.DataFrame], Schedule]:
    """Take what a jail sends: the logs of each run, which are recounted and graded as they come, and the outcome.

    Args:
        read: where it comes from.
        blocks: the runs.
        seeds: what is graded, the first ones of each run.
        parameters: values of the knob for which the schedule is asked.
        seen: is given the number of each run with its logs, as they come and before they are recounted.

    Returns:
        A table for each run, and the schedule.

    Raises:
        FailedError: the jail says that the candidate failed.
        MalformedError: what comes is something else.
        ValueError: an episode has no such log, or its answer was not shown.
    """
    most = max((block.recounter.most_words for block in blocks), default=0)

    def logged(run: int, most_episodes: int) -> Logs:
        message = read_message(read, most_episodes, most)
        if isinstance(message, bytes):
            read_outcome(message, parameters)
            raise MalformedError("its outcome comes before the last run")
        seen(run, message)
        return message

    rows = [grade(block.recounter.run(partial(logged, run)), block, seeds) for run, block in enumerate(blocks)]
    message = read_message(read, 0, 0)
    assert isinstance(message, bytes)
    return rows, read_outcome(message, parameters)


def read_outcome(message: bytes, parameters: int) -> Schedule:
    """The parameters for so many values of the knob, from the outcome that a jail sends.

    Raises:
        FailedError: the jail says that the candidate failed.
        MalformedError: it is something else.
    """
    try:
        outcome: Any = json.loads(message)
    except (ValueError, RecursionError):
        raise MalformedError("its outcome is no JSON") from None
    if not isinstance(outcome, dict) or outcome.keys() != {"failure", "schedule"}:
        raise MalformedError("its outcome is none")
    failure, schedule = outcome["failure"], outcome["schedule"]
    if isinstance(failure, str):
        raise FailedError(printable(failure, _LONGEST_FAILURE) or "failed")
    if failure is not None or not isinstance(schedule, list) or len(schedule) != parameters:
        raise MalformedError("its outcome is none")
    if not all(map(are_parameters, schedule)):
        raise MalformedError("parameters are not finite numbers of bounded size with short names")
    if any(entry.keys() != schedule[0].keys() for entry in schedule):
        raise MalformedError("parameters have other names at another value of the knob")
    return schedule


def grade(results: NDArray[np.int64], block: Block, seeds: Sequence[int]) -> pd.DataFrame:
    """The rows of a recounted run under its first ``seeds``: the answers graded, and the knob's value as ``beta``."""
    graded = results.reshape(len(block.store), -1, len(COLUMNS))[:, : len(seeds)].copy()
    graded[:, :, ANSWER] = block.anonymised.classes(graded[:, :, ANSWER])
    rows = graded_rows(block.store, seeds, graded.reshape(-1, len(COLUMNS)))
    rows["beta"] = block.beta
    return rows


def too_wide(rows: Sequence[pd.DataFrame], max_width: int) -> str | None:
    """One line if an episode opened more than ``max_width`` branches."""
    if not rows:
        return None
    widest = max(rows, key=lambda table: int(table["width"].max()))
    width, beta = int(widest["width"].max()), float(widest["beta"].iloc[0])
    if width <= max_width:
        return None
    return f"refused: it opened {width} branches at beta = {beta:g}, but {max_width} is the most"
