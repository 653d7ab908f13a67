"""What a store says in words, its questions and answers, checked and put in order."""

from __future__ import annotations

from itertools import pairwise
from reprlib import repr as short
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tts_gym.datasets.checks import check_columns, owners, question_ids, refuse, starts
from tts_gym.datasets.classes import ClassLookup, class_lookup, class_texts
from tts_gym.datasets.schema import ANSWERS, QUESTIONS, Sources
from tts_gym.datasets.store import INVALID_TEXT


class Labels(NamedTuple):
    """The questions of a store and the answers to them.

    Attributes:
        ids: string [questions], no two alike.
        questions: the question texts.
        gold: int32 [questions], class of the gold answer.
        also_right: the further right classes of each question, ascending.
        class_texts: for each question the texts of its classes; that of the invalid class comes first.
        lookup: class of each answer text.
    """

    ids: pa.Array
    questions: tuple[str, ...]
    gold: NDArray[np.int32]
    also_right: tuple[tuple[int, ...], ...]
    class_texts: tuple[tuple[str, ...], ...]
    lookup: ClassLookup


def read_labels(questions: pa.Table, answers: pa.Table, sources: Sources) -> Labels:
    """Check the tables of questions and answers and put them in order.

    Args:
        questions: the table of questions.
        answers: the table of their answer texts and classes.
        sources: where they come from, for error messages.

    Raises:
        StoreError: something is mistyped, missing or inconsistent; the message names the place.
    """
    check_columns(questions, QUESTIONS, sources.questions)
    check_columns(answers, ANSWERS, sources.answers)
    ids = question_ids(questions, sources.questions)
    _check_gold(questions, sources.questions)
    owner = owners(answers, ids, sources.answers)
    texts = class_texts(answers, owner, starts(owner, len(ids)), sources.answers)
    lookup = class_lookup(answers, owner, sources.answers)
    gold = _gold(questions, lookup, sources)
    return Labels(
        ids=ids,
        questions=tuple(questions["question"].to_pylist()),
        gold=gold,
        also_right=_also_right(questions, gold, lookup, sources),
        class_texts=texts,
        lookup=lookup,
    )


def _check_gold(questions: pa.Table, source: str) -> None:
    blank = pc.equal(pc.utf8_trim_whitespace(questions["gold"]), "").to_numpy()
    refuse(
        blank | pc.equal(questions["gold"], INVALID_TEXT).to_numpy(),
        lambda row: f"{_gold_place(questions, row, source)}; give the correct answer",
    )


def _gold(questions: pa.Table, lookup: ClassLookup, sources: Sources) -> NDArray[np.int32]:
    classes = lookup.classes_of(np.arange(len(questions)), questions["gold"])
    refuse(
        classes < 0,
        lambda row: (
            f"{_gold_place(questions, row, sources.questions)}, which {sources.answers} does not list; list it there"
        ),
    )
    return classes


def _also_right(
    questions: pa.Table, gold: NDArray[np.int32], lookup: ClassLookup, sources: Sources
) -> tuple[tuple[int, ...], ...]:
    counts = pc.list_value_length(questions["right"]).fill_null(0).to_numpy().astype(np.int64)
    owner = np.repeat(np.arange(len(questions)), counts)
    texts = pc.list_flatten(questions["right"])
    classes = lookup.classes_of(owner, texts)
    refuse(
        classes < 1,
        lambda place: (
            f"{sources.questions}, question {questions['id'][owner[place]].as_py()!r}: the right answer "
            f"{short(texts[place].as_py())} is not one that {sources.answers} lists; list it there"
        ),
    )
    ends = np.cumsum(counts)
    rows = pairwise([0, *ends.tolist()])
    return tuple(
        tuple(sorted(set(classes[first:end].tolist()) - {own}))
        for (first, end), own in zip(rows, gold.tolist(), strict=True)
    )


def _gold_place(questions: pa.Table, row: int, source: str) -> str:
    gold = short(questions["gold"][row].as_py())
    return f"{source}, question {questions['id'][row].as_py()!r}: the gold answer is {gold}"
