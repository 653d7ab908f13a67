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


def text_codes(*columns: pa.ChunkedArray) -> list[Ints]:
    """Number the texts of all columns alike: for each column, int64 [rows], -1 where the text is null."""
    chunks = [chunk for column in columns for chunk in column.chunks]
    encoded = pa.chunked_array(chunks, pa.string()).dictionary_encode().unify_dictionaries().combine_chunks()
    codes = encoded.indices.fill_null(-1).to_numpy().astype(np.int64)
    return np.split(codes, np.cumsum([len(column) for column in columns])[:-1])


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
        stride: more than any text code.
        keys: question index · ``stride`` + text code, ascending, int64 [answers + 1]; the last is larger than any.
        classes: the class of each key, int32 [answers + 1].
    """

    stride: int
    keys: Ints
    classes: NDArray[np.int32]

    def classes_of(self, question: Ints, text: Ints) -> NDArray[np.int32]:
        """Classes of texts, int32: ``INVALID`` where the code is -1, ``UNLISTED`` where the table lacks the text.

        Args:
            question: question indices, int64.
            text: text codes, int64, of the same shape.
        """
        wanted = question * self.stride + text
        place = np.searchsorted(self.keys, wanted)
        listed = np.where(self.keys[place] == wanted, self.classes[place], np.int32(UNLISTED))
        return np.where(text < 0, np.int32(INVALID), listed)


def class_lookup(answers: pa.Table, owner: Ints, text: Ints, stride: int, source: str) -> ClassLookup:
    """Sort the answers table; refuse it where it lists an answer twice.

    Args:
        answers: the answers table.
        owner: question index of each row, int64 [answers].
        text: text code of each row, int64 [answers].
        stride: more than any text code.
        source: where the table comes from, for error messages.
    """
    keys = owner * stride + text
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
    return ClassLookup(stride, np.append(keys[order], np.iinfo(np.int64).max), np.append(classes, np.int32(UNLISTED)))


def _place(answers: pa.Table, row: int, source: str) -> str:
    return f"{source}, row {row} (question {answers['question_id'][row].as_py()!r})"
