"""From answer texts to answer classes, by way of the answers table."""

from __future__ import annotations

from itertools import pairwise
from reprlib import repr as short
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tts_gym.datasets.checks import Ints, refuse
from tts_gym.datasets.store import INVALID, INVALID_TEXT

UNLISTED = -1
"""What looking up a text gives where the answers table does not list it."""


def class_texts(answers: pa.Table, owner: Ints, start: Ints, source: str) -> tuple[tuple[str, ...], ...]:
    """Check that the classes of each question are 1, 2, 3, … in order of first appearance, and give each a text.

    Args:
        answers: the answers table.
        owner: question index of each row, int64 [answers].
        start: first row of each question, int64 [questions + 1].
        source: where the table comes from, for error messages.

    Returns:
        For each question the texts of its classes; that of the invalid class comes first.
    """
    classes = answers["class"].to_numpy().astype(np.int64)
    stride = classes.max(initial=0) + 1
    refuse(
        pc.equal(answers["answer"], INVALID_TEXT).to_numpy(),
        lambda row: f"{_place(answers, row, source)}: the answer is {INVALID_TEXT!r}; record an invalid one as null",
    )
    refuse(
        classes < 1,
        lambda row: f"{_place(answers, row, source)}: class is {classes[row]}; number classes from 1",
    )
    highest = np.maximum.accumulate(owner * stride + classes) - owner * stride
    before = np.roll(highest, 1)
    before[np.diff(owner, prepend=-1) > 0] = 0
    refuse(
        classes > before + 1,
        lambda row: (
            f"{_place(answers, row, source)}: class is {classes[row]} where {before[row] + 1} is the next; "
            "number the classes of a question 1, 2, 3, … in order of first appearance"
        ),
    )
    opening = np.flatnonzero(classes > before)
    texts = answers["answer"].take(pa.array(opening)).to_pylist()
    return tuple((INVALID_TEXT, *texts[low:high]) for low, high in pairwise(np.searchsorted(opening, start)))


class ClassLookup(NamedTuple):
    """The answers table, sorted so that it can be searched.

    Attributes:
        texts: the distinct texts of the table.
        keys: question index · (texts + 1) + place of the text in ``texts``, ascending, int64 [answers + 1]; the last is
            larger than any.
        classes: the class of each key, int32 [answers + 1].
    """

    texts: pa.Array
    keys: Ints
    classes: NDArray[np.int32]

    def classes_of(self, question: Ints, text: pa.ChunkedArray) -> NDArray[np.int32]:
        """Classes of texts, int32: ``INVALID`` where the text is null, ``UNLISTED`` where the table lacks it.

        Args:
            question: question indices, int64.
            text: answer texts, as many.
        """
        absent = len(self.texts)
        wanted = question * (absent + 1) + pc.index_in(text, value_set=self.texts).fill_null(absent).to_numpy()
        place = np.searchsorted(self.keys, wanted)
        listed = np.where(self.keys[place] == wanted, self.classes[place], np.int32(UNLISTED))
        return np.where(pc.is_null(text).to_numpy(), np.int32(INVALID), listed)


def class_lookup(answers: pa.Table, owner: Ints, source: str) -> ClassLookup:
    """Sort the answers table; refuse it where it lists an answer twice.

    Args:
        answers: the answers table.
        owner: question index of each row, int64 [answers].
        source: where the table comes from, for error messages.
    """
    texts = answers["answer"].unique()
    keys = owner * (len(texts) + 1) + pc.index_in(answers["answer"], value_set=texts).to_numpy()
    order = np.argsort(keys, kind="stable")
    repeats = np.zeros(len(keys), bool)
    repeats[order[1:]] = np.diff(keys[order]) == 0
    refuse(
        repeats,
        lambda row: (
            f"{_place(answers, row, source)}: the answer {short(answers['answer'][row].as_py())} is listed twice; "
            "list it once"
        ),
    )
    classes = answers["class"].to_numpy()[order]
    return ClassLookup(texts, np.append(keys[order], np.iinfo(np.int64).max), np.append(classes, np.int32(UNLISTED)))


def _place(answers: pa.Table, row: int, source: str) -> str:
    return f"{source}, row {row} (question {answers['question_id'][row].as_py()!r})"
