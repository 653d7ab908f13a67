"""Reading what a jail returned, which may be anything, and grading it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tts_gym.agents.controller import graded_rows
from tts_gym.agents.drive import COLUMNS
from tts_gym.agents.replay import branch_order
from tts_gym.agents.synthesis.blind import BlindStore, MalformedError
from tts_gym.agents.synthesis.boundary import are_parameters, printable
from tts_gym.datasets.store import ReplayStore, Tables

LONGEST_OUTCOME = 2**20
"""Bytes of the line before the results."""

MOST_COUNTED = 2**40
"""Tokens, probes or steps of an episode at most."""

_LONGEST_FAILURE = 700
_TOKENS, _SEQUENTIAL, _WIDTH, _PROBES = range(1, 5)


def read_outcome(
    message: bytes, parameters: int, episodes: Sequence[int]
) -> tuple[str | None, list[dict[str, float]], list[NDArray[np.int64]]]:
    """Take a message apart: the failure, parameters for values of the knob, and results.

    Args:
        message: what came.
        parameters: values of the knob for which parameters were asked.
        episodes: how many rows each block of results has.

    Returns:
        The failure, None if there is none; the parameters; and a block int64 [episodes, len(COLUMNS)] for each of
        ``episodes``.

    Raises:
        MalformedError: it is anything else.
    """
    line, _, data = message.partition(b"\n")
    if len(line) > LONGEST_OUTCOME:
        raise MalformedError("its first line is too long")
    try:
        outcome = json.loads(line)
    except (ValueError, RecursionError):
        raise MalformedError("its first line is no JSON") from None
    if not isinstance(outcome, dict) or outcome.keys() != {"failure", "schedule"}:
        raise MalformedError("its first line tells no outcome")
    failure, schedule = outcome["failure"], outcome["schedule"]
    if isinstance(failure, str):
        return printable(failure, _LONGEST_FAILURE) or "failed", [], []
    if failure is not None or not isinstance(schedule, list) or len(schedule) != parameters:
        raise MalformedError("its first line tells no outcome")
    if not all(map(are_parameters, schedule)):
        raise MalformedError("parameters are not finite numbers of bounded size with short names")
    if any(entry.keys() != schedule[0].keys() for entry in schedule):
        raise MalformedError("parameters have other names at another value of the knob")
    if len(data) != 8 * sum(episodes) * len(COLUMNS):
        raise MalformedError(f"there are {len(data)} bytes of results")
    rows = np.frombuffer(data, np.int64).reshape(-1, len(COLUMNS))
    return None, schedule, np.split(rows, np.cumsum(episodes)[:-1])


def grade(
    results: NDArray[np.int64],
    store: ReplayStore,
    blinded: BlindStore,
    seeds: Sequence[int],
    beta: float,
) -> pd.DataFrame:
    """The rows of a block of results: the answers graded, with the knob's value in the column ``beta``.

    Raises:
        MalformedError: an answer or a count is not what any episode comes to.
    """
    _check_counts(results, blinded.tables, store.interval, seeds)
    answers = blinded.classes(results[:, 0].reshape(len(store), len(seeds))).reshape(-1)
    rows = graded_rows(store, seeds, np.column_stack([answers, results[:, 1:]]))
    rows["beta"] = beta
    return rows


def _check_counts(results: NDArray[np.int64], tables: Tables, interval: int, seeds: Sequence[int]) -> None:
    """Refuse more branches than there are, fewer tokens than their first intervals have, and answers out of nothing."""
    if (results[:, 1:] < 0).any():
        raise MalformedError("a count is negative")
    if (results > MOST_COUNTED).any():
        raise MalformedError("a count is larger than any episode's")
    widths = results[:, _WIDTH].reshape(-1, len(seeds))
    if (widths > np.diff(tables.branch_start)[:, np.newaxis]).any():
        raise MalformedError("an episode has more branches than the question")
    opened = np.minimum(tables.tokens, interval)
    least = np.empty_like(widths)
    for question, (first, last) in enumerate(pairwise(tables.branch_start)):
        for place, seed in enumerate(seeds):
            order = branch_order(int(last - first), seed)[: widths[question, place]]
            least[question, place] = opened[first + order].sum()
    if (results[:, _TOKENS] < least.reshape(-1)).any():
        raise MalformedError("an episode spent less than its branches cost")
    if (results[:, _SEQUENTIAL] > results[:, _TOKENS]).any():
        raise MalformedError("an episode has more sequential tokens than tokens")
    probes = np.diff(tables.answer_start)
    if (results[:, _PROBES] > np.repeat(np.add.reduceat(probes, tables.branch_start[:-1]), len(seeds))).any():
        raise MalformedError("an episode has more probes than the question")
    if ((results[:, 0] >= 0) & (results[:, _WIDTH] == 0)).any():
        raise MalformedError("an episode has an answer and no branch")


def too_wide(rows: Sequence[pd.DataFrame], max_width: int) -> str | None:
    """One line if an episode opened more than ``max_width`` branches."""
    if not rows:
        return None
    widest = max(rows, key=lambda table: int(table["width"].max()))
    width, beta = int(widest["width"].max()), float(widest["beta"].iloc[0])
    if width <= max_width:
        return None
    return f"refused: it opened {width} branches at beta = {beta:g}, but {max_width} is the most"
