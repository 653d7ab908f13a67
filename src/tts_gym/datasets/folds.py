"""Folds of questions, so that what is trained on some questions is judged on others.

Folds hold equal numbers of questions, but for one. They depend on the texts of the questions alone, in whatever order:
stores of several models on the same questions are split alike.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from tts_gym.datasets.store import ReplayStore, Tables
from tts_gym.errors import StoreError

MOST_FOLDS = 1000

_SELECTION = re.compile(r"(only|except)=([0-9]+)/([0-9]+)")


def fold_numbers(questions: Sequence[str], folds: int) -> NDArray[np.int64]:
    """The fold of each question: they are dealt out in the order of their hashes; the same text goes to the same fold.

    Args:
        questions: the texts, as a store has them.
        folds: how many there are.

    Returns:
        int64 [questions], from 1 to ``folds``.
    """
    dealt = sorted(set(questions), key=lambda text: hashlib.sha256(text.encode()).digest())
    place = {text: k for k, text in enumerate(dealt)}
    return np.array([place[text] % folds + 1 for text in questions], np.int64)


def select_fold(store: ReplayStore, selection: str) -> ReplayStore:
    """The questions of one fold, or all the others.

    Args:
        store: the whole store.
        selection: ``"only=1/5"`` for the first of five folds, ``"except=1/5"`` for the other four.

    Raises:
        StoreError: the selection is not of this form, or selects nothing.
    """
    match = _SELECTION.fullmatch(selection)
    fold, folds = (int(match[2]), int(match[3])) if match else (0, 0)
    if not match or not 1 <= fold <= folds <= MOST_FOLDS:
        raise StoreError(
            f"cannot read {selection!r} behind store {store.name}: write ?only=1/5 for the first of five folds of its "
            "questions, or ?except=1/5 for the other four"
        )
    inside = fold_numbers(store.questions, folds) == fold
    kept = inside if match[1] == "only" else ~inside
    if not kept.any():
        raise StoreError(f"store {store.name} has no question for {selection!r}: use fewer folds")
    return replace(select_questions(store, kept), name=f"{store.name}?{selection}")


def select_questions(store: ReplayStore, kept: NDArray[np.bool_]) -> ReplayStore:
    """A store of some of the questions, in their order.

    Args:
        store: the whole store; the recordings that are kept are copied.
        kept: bool [questions].
    """
    tables = store.tables
    branches = np.repeat(kept, store.branch_counts)
    lengths = np.diff(tables.answer_start)
    selected = Tables(
        branch_start=_starts(store.branch_counts[kept]),
        tokens=tables.tokens[branches],
        answer_start=_starts(lengths[branches]),
        answers=tables.answers[np.repeat(branches, lengths)],
        signal_column=tables.signal_column,
        signals=tables.signals[np.repeat(branches, lengths - 1)],
    )
    for array in selected:
        array.setflags(write=False)
    where = np.flatnonzero(kept).tolist()
    gold = store.gold[kept]
    gold.setflags(write=False)
    return replace(
        store,
        question_ids=tuple(store.question_ids[q] for q in where),
        questions=tuple(store.questions[q] for q in where),
        gold=gold,
        also_right=tuple(store.also_right[q] for q in where),
        class_texts=tuple(store.class_texts[q] for q in where),
        tables=selected,
    )


def _starts(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.concatenate([[0], np.cumsum(counts)])
