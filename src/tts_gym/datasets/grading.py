"""Which answers to a question are right: that of the gold answer, and where there are more, the others too."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray


class Grading(NamedTuple):
    """The right answer classes of every question, read-only, as kernels take them (``episode.grading``).

    Those of question ``q`` are ``classes[start[q]:start[q + 1]]``; the class of invalid answers is never among them.

    Attributes:
        start: int64 [questions + 1].
        classes: int32 [right classes of all questions].
    """

    start: NDArray[np.int64]
    classes: NDArray[np.int32]


def grading_of(right: Sequence[Sequence[int]]) -> Grading:
    """The grading of questions with these right classes each."""
    counts = np.array([len(classes) for classes in right], np.int64)
    return _grading(counts, np.array([each for classes in right for each in classes], np.int32))


def joined(gradings: Sequence[Grading]) -> Grading:
    """One grading of the questions of several stores, end to end."""
    counts = np.concatenate([np.diff(each.start) for each in gradings])
    return _grading(counts, np.concatenate([each.classes for each in gradings]))


def graded(grading: Grading, questions: NDArray[np.int64], answers: NDArray[Any]) -> NDArray[np.bool_]:
    """Whether each answer is right, bool [answers].

    Args:
        grading: what is right.
        questions: int64 [answers], index of the question of each answer.
        answers: integers [answers], class of each answer, -1 for none.
    """
    first, end = grading.start[questions], grading.start[questions + 1]
    found = np.zeros(len(answers), np.bool_)
    for k in range((end - first).max(initial=0)):
        found |= (first + k < end) & (grading.classes[np.minimum(first + k, end - 1)] == answers)
    return found


def _grading(counts: NDArray[np.int64], classes: NDArray[np.int32]) -> Grading:
    grading = Grading(np.concatenate([[0], np.cumsum(counts)]), classes)
    for array in grading:
        array.setflags(write=False)
    return grading
