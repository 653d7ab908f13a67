"""Checking a store from end to end, and what there is to say about one."""

from __future__ import annotations

from dataclasses import dataclass
from os import PathLike

import numpy as np

from tts_gym.datasets.catalogue import load_store
from tts_gym.datasets.grading import graded
from tts_gym.datasets.store import INVALID, ReplayStore, Tables
from tts_gym.errors import StoreError


@dataclass(frozen=True)
class StoreSummary:
    """The size of a store and what it holds.

    Attributes:
        name: short name, marked where the data are synthetic.
        model: the language model that generated the branches.
        benchmark: the set the questions come from.
        interval: tokens between two probes (Δ).
        questions: number of questions.
        questions_with_several_right_answers: those of them to which different answers are right.
        branches: number of branches.
        probes: number of probes, final answers not counted.
        tokens: length of all branches together, in tokens.
        invalid_share: share of the probes that are invalid, in [0, 1]; 0 where there are no probes.
        branch_accuracy: share of the branches that end right, averaged over questions, in [0, 1].
        signals: names of the recorded per-interval signals.
        markers: how many final answers were found by which mark, where that was recorded.
    """

    name: str
    model: str
    benchmark: str
    interval: int
    questions: int
    questions_with_several_right_answers: int
    branches: int
    probes: int
    tokens: int
    invalid_share: float
    branch_accuracy: float
    signals: tuple[str, ...]
    markers: tuple[str, ...]


def summarise(store: ReplayStore) -> StoreSummary:
    """Summarise a store."""
    tables = store.tables
    finals = tables.answer_start[1:] - 1
    probes = np.delete(tables.answers, finals)
    right = graded(store.grading, np.repeat(np.arange(len(store)), store.branch_counts), tables.answers[finals])
    right_counts = np.add.reduceat(right, tables.branch_start[:-1], dtype=np.int64)
    return StoreSummary(
        name=store.label,
        model=store.metadata["model"],
        benchmark=store.metadata["benchmark"],
        interval=store.interval,
        questions=len(store),
        questions_with_several_right_answers=sum(map(bool, store.also_right)),
        branches=len(tables.tokens),
        probes=len(probes),
        tokens=int(tables.tokens.sum()),
        invalid_share=float((probes == INVALID).sum() / max(1, len(probes))),
        branch_accuracy=float((right_counts / store.branch_counts).mean()),
        signals=store.signals,
        markers=tuple(f"{mark} {count:,}" for mark, count in store.metadata.get("markers", {}).items()),
    )


def verify_store(name_or_path: str | PathLike[str]) -> StoreSummary:
    """Read a store twice with every check, compare the two, and summarise it.

    Args:
        name_or_path: as for ``load_store``.

    Raises:
        StoreError: the store is missing or refused, or changes from one reading to the next.
    """
    store = load_store(name_or_path)
    if not same_recordings(store, load_store(name_or_path)):
        raise StoreError(f"{name_or_path} changed while it was read; wait until nothing writes to it")
    return summarise(store)


def same_recordings(one: ReplayStore, other: ReplayStore) -> bool:
    """Whether two stores record the same questions, answers, lengths and signals, whatever their provenance says."""
    return (
        (one.interval, one.question_ids, one.questions, one.class_texts, one.also_right)
        == (other.interval, other.question_ids, other.questions, other.class_texts, other.also_right)
        and np.array_equal(one.gold, other.gold)
        and all(np.array_equal(getattr(one.tables, name), getattr(other.tables, name)) for name in Tables._fields)
    )
