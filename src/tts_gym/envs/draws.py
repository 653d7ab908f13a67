"""What an episode of the environments is drawn from: stores, questions, and orders of the recorded branches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tts_gym.envs.settings import Replay


def draw_episode(
    rng: np.random.Generator, replays: Sequence[Replay], options: dict[str, Any]
) -> tuple[int, int, NDArray[np.int64]]:
    """Draw the next episode, each part uniformly unless an option fixes it.

    Args:
        rng: the source of randomness.
        replays: the stores.
        options: "store", "question" and "order", as ``TTSWidthDepth-v0`` describes them.

    Returns:
        Position of the store, index of the question in it, and the branch order, int64 [recorded branches].

    Raises:
        ValueError: an option is unknown or does not fit the stores.
    """
    unknown = set(options) - {"store", "question", "order"}
    if unknown:
        raise ValueError(f"Unknown reset options {sorted(unknown)}: use store, question or order.")
    number, question = options.get("store"), options.get("question")
    if number is not None and number not in range(len(replays)):
        raise ValueError(f"Option store is a position in the list of {len(replays)}, but got {number!r}.")
    if question is not None:
        number, row = _find(replays, number, question)
    else:
        number = int(rng.integers(len(replays))) if number is None else int(number)
        row = int(rng.integers(len(replays[number].store)))
    recorded = int(replays[number].store.branch_counts[row])
    if "order" not in options:
        return number, row, rng.permutation(recorded)
    order = np.asarray(options["order"])
    if question is None or order.ndim != 1 or not np.array_equal(np.sort(order), np.arange(recorded)):
        raise ValueError(
            f"Option order is a permutation of the recorded branches of option question, 0 to {recorded - 1} here, "
            f"but got {options['order']!r} for question {question!r}."
        )
    return number, row, order.astype(np.int64)


def _find(replays: Sequence[Replay], number: int | None, question: str) -> tuple[int, int]:
    """Position of the store and index of the question with the id ``question``."""
    for k in range(len(replays)) if number is None else (number,):
        ids = replays[k].store.question_ids
        if question in ids:
            return k, ids.index(question)
    raise ValueError(f"Option question is the id of a question, but no store here has {question!r}.")
