"""What the kernels of vector environments know: the stores, and a row for each environment."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tts_gym.datasets.grading import Grading


class Stores(NamedTuple):
    """What kernels know of the stores.

    Attributes:
        handles: handle of the episodes on each store, see ``compiled.borrow_row``.
        questions: int64 [stores], number of questions.
        branch_tokens: float64 [stores], mean branch length in tokens.
        longest: int64 [stores], intervals of the longest branch.
        first: int64 [stores], place of the first question in ``grading``.
        grading: the right answers to the questions of all stores.
    """

    handles: NDArray[Any]
    questions: NDArray[np.int64]
    branch_tokens: NDArray[np.float64]
    longest: NDArray[np.int64]
    first: NDArray[np.int64]
    grading: Grading


class Rows(NamedTuple):
    """What kernels know of the environments, a row each.

    Attributes:
        streams: int64 [environments, STREAM_SIZE], random numbers.
        numbers: int64, position of the episode's store.
        questions: int64, index of its question; -1 before the first reset.
        weights: float64, price of a mean branch length of tokens.
        tokens: int64, tokens spent.
        charged: int64, those of them that a reward was charged for.
        earned: float64, what was earned for the answer already, where rewards are shaped.
        misses: int64, inadmissible actions in a row.
        masks: int8 [environments, actions], which actions are admissible.
        stopped: bool, whether the last action ended the episode.
        right: bool, whether the answer that it ended with was right.
    """

    streams: NDArray[np.int64]
    numbers: NDArray[np.int64]
    questions: NDArray[np.int64]
    weights: NDArray[np.float64]
    tokens: NDArray[np.int64]
    charged: NDArray[np.int64]
    earned: NDArray[np.float64]
    misses: NDArray[np.int64]
    masks: NDArray[np.int8]
    stopped: NDArray[np.bool_]
    right: NDArray[np.bool_]
