"""What a jail is told of a store: tables of branches with the answer classes renumbered; no text and no gold."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tts_gym.datasets.store import INVALID, ReplayStore, Tables


class MalformedError(ValueError):
    """A jail returned what it does not return unless the candidate has broken it."""


@dataclass(frozen=True)
class AnonymisedStore:
    """A store without its words, and the way back from its answer classes.

    Attributes:
        tables: the branch tables that a jail replays, with classes numbered at random, except ``INVALID``.
        originals: for each question the class of the store that each renumbered class is, int64 [classes]; classes that
            no branch gave are missing.
    """

    tables: Tables
    originals: tuple[NDArray[np.int64], ...]

    def classes(self, answers: NDArray[np.int64]) -> NDArray[np.int64]:
        """Classes of the store for renumbered ones, int64 [questions, seeds]; -1, for none, stays.

        Raises:
            MalformedError: one of them is no class.
        """
        found = np.empty_like(answers)
        for question, originals in enumerate(self.originals):
            row = answers[question]
            if row.min(initial=-1) < -1 or row.max(initial=-1) >= len(originals):
                raise MalformedError("no branch gives that answer")
            found[question] = np.append(originals, -1)[row]
        return found


def anonymise(store: ReplayStore, numbering: np.random.Generator) -> AnonymisedStore:
    """Take the words from ``store`` and number its answer classes anew.

    Args:
        store: the store, which is left as it is.
        numbering: draws the numbers.
    """
    tables = store.tables
    answers = tables.answers.copy()
    originals = []
    for first, last in pairwise(tables.branch_start):
        part = slice(tables.answer_start[first], tables.answer_start[last])
        given = np.unique(answers[part])
        order = numbering.permutation(given[given != INVALID])
        originals.append(np.concatenate([[INVALID], order]).astype(np.int64))
        renumbered = np.empty(originals[-1].max() + 1, np.int32)
        renumbered[originals[-1]] = np.arange(len(originals[-1]))
        answers[part] = renumbered[answers[part]]
    return AnonymisedStore(tables._replace(answers=answers), tuple(originals))


def describe(tables: Tables, interval: int) -> dict[str, Any]:
    """What ``rebuild`` needs beside the bytes of ``tables``.

    Args:
        tables: the arrays that are sent.
        interval: tokens between two probes (Δ).
    """
    return {"interval": interval, "arrays": [[array.dtype.str, list(array.shape)] for array in tables]}


def rebuild(description: dict[str, Any], data: memoryview, place: int, name: str) -> tuple[ReplayStore, int]:
    """A store over the arrays that ``data`` holds from ``place`` on, and where they end.

    Its texts are empty; its gold answers are all ``INVALID``, which nothing is graded by.

    Args:
        description: from ``describe``.
        data: the bytes of one or more tables, which the store shares.
        place: the byte at which this one's begin.
        name: of the store.

    Returns:
        The store, and the byte after its tables.
    """
    arrays = []
    for kind, shape in description["arrays"]:
        size = int(np.prod(shape, dtype=np.int64))
        array = np.frombuffer(data, np.dtype(kind), size, place).reshape(shape)
        arrays.append(array)
        place += array.nbytes
    tables = Tables(*arrays)
    questions = len(tables.branch_start) - 1
    classes = int(tables.answers.max(initial=INVALID)) + 1
    gold = np.full(questions, INVALID, np.int32)
    gold.setflags(write=False)
    store = ReplayStore(
        name=name,
        interval=description["interval"],
        metadata={},
        question_ids=tuple(map(str, range(questions))),
        questions=("",) * questions,
        gold=gold,
        also_right=((),) * questions,
        class_texts=(("",) * classes,) * questions,
        tables=tables,
    )
    return store, place
