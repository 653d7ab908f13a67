"""What an episode of the environments is drawn from: stores, questions, and orders of the recorded branches.

The random numbers are those of L'Ecuyer's combined generator (Communications of the ACM 31(6), 1988). It never
overflows, so that compiled code and plain Python draw the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tts_gym.envs.replays import Replay
from tts_gym.episode import transitions
from tts_gym.episode.state import MAX_WIDTH, RECORDED, kernel

FIRST_MODULUS, SECOND_MODULUS = 2147483563, 2147483399
FIRST_FACTOR, SECOND_FACTOR = 40014, 40692

STREAM_SIZE = 2
"""Numbers in the state of a stream of draws, int64."""

DRAWN = -1
"""Stands for a store or a question that is drawn."""


def seed_stream(stream: NDArray[np.int64], rng: np.random.Generator) -> None:
    """Begin a stream of draws.

    Args:
        stream: int64 [STREAM_SIZE], where to write.
        rng: what draws its beginning.
    """
    stream[0] = rng.integers(1, FIRST_MODULUS)
    stream[1] = rng.integers(1, SECOND_MODULUS)


@kernel
def next_uniform(stream: NDArray[np.int64]) -> float:
    """The next draw of ``stream``, in (0, 1)."""
    stream[0] = FIRST_FACTOR * stream[0] % FIRST_MODULUS
    stream[1] = SECOND_FACTOR * stream[1] % SECOND_MODULUS
    return float(((stream[0] - stream[1]) % (FIRST_MODULUS - 1) + 1) / FIRST_MODULUS)


@kernel
def draw_below(stream: NDArray[np.int64], number: int) -> int:
    """An integer from 0 to ``number`` - 1.

    Args:
        stream: int64 [STREAM_SIZE].
        number: how many there are to draw from.
    """
    return int(next_uniform(stream) * number)


@kernel
def draw_price(stream: NDArray[np.int64], low: float, high: float) -> float:
    """A price, log-uniformly; nothing is drawn where there is one alone.

    Args:
        stream: int64 [STREAM_SIZE].
        low: the lowest.
        high: the highest.
    """
    return low if low == high else low * (high / low) ** next_uniform(stream)


@kernel
def draw_question(
    stream: NDArray[np.int64], question_counts: NDArray[np.int64], number: int, question: int
) -> tuple[int, int]:
    """Choose a store and a question in it.

    Args:
        stream: int64 [STREAM_SIZE].
        question_counts: int64 [stores], questions of each store.
        number: position of the store, or ``DRAWN``.
        question: index of the question, or ``DRAWN``.

    Returns:
        Position of the store and index of the question.
    """
    if number == DRAWN:
        number = draw_below(stream, len(question_counts))
    if question == DRAWN:
        question = draw_below(stream, int(question_counts[number]))
    return number, question


@kernel
def begin_episode(e: Any, stream: NDArray[np.int64], question: int, order: NDArray[np.int64]) -> None:
    """Begin an episode.

    Args:
        e: the episode.
        stream: int64 [STREAM_SIZE].
        question: index of its question.
        order: int64 [recorded branches], the branch order; empty if it is drawn.
    """
    transitions.reset(e, question)
    if len(order) > 0:
        for k in range(len(order)):
            e.order[k] = order[k]
        return
    recorded = int(e.setup[RECORDED])
    for k in range(recorded):
        e.order[k] = k
    for k in range(min(recorded, int(e.setup[MAX_WIDTH]))):
        other = k + draw_below(stream, recorded - k)
        e.order[k], e.order[other] = e.order[other], e.order[k]


class Choice(NamedTuple):
    """What reset options fix of an episode.

    Attributes:
        number: position of the store, or ``DRAWN``.
        question: index of the question in it, or ``DRAWN``.
        order: the branch order, int64 [recorded branches]; empty if it is drawn.
    """

    number: int
    question: int
    order: NDArray[np.int64]


ANY = Choice(DRAWN, DRAWN, np.empty(0, np.int64))
"""The choice that fixes nothing."""


def read_options(options: dict[str, Any], replays: Sequence[Replay]) -> Choice:
    """Read the reset options "store", "question" and "order", as ``TTSWidthDepth-v1`` describes them.

    Args:
        options: what ``reset`` was given.
        replays: those of the stores.

    Raises:
        ValueError: an option is unknown or does not fit the stores.
    """
    unknown = set(options) - {"store", "question", "order"}
    if unknown:
        raise ValueError(f"Unknown reset options {sorted(unknown)}: use store, question or order.")
    number, question = options.get("store"), options.get("question")
    if number is not None and number not in range(len(replays)):
        raise ValueError(f"Option store is a position in the list of {len(replays)}, but got {number!r}.")
    position, row = DRAWN if number is None else int(number), DRAWN
    if question is not None:
        position, row = _find(replays, number, question)
    if "order" not in options:
        return Choice(position, row, np.empty(0, np.int64))
    recorded = 0 if question is None else int(replays[position].store.branch_counts[row])
    order = np.asarray(options["order"])
    if question is None or order.ndim != 1 or not np.array_equal(np.sort(order), np.arange(recorded)):
        raise ValueError(
            f"Option order is a permutation of the recorded branches of option question, 0 to {recorded - 1} here, "
            f"but got {options['order']!r} for question {question!r}."
        )
    return Choice(position, row, order.astype(np.int64))


def _find(replays: Sequence[Replay], number: int | None, question: str) -> tuple[int, int]:
    """Position of the store and index of the question with the id ``question``."""
    for k in range(len(replays)) if number is None else (number,):
        ids = replays[k].store.question_ids
        if question in ids:
            return k, ids.index(question)
    raise ValueError(f"Option question is the id of a question, but no store here has {question!r}.")
