"""The replay store in memory: every recorded branch of one (model, benchmark) pair as flat, read-only arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tts_gym.datasets.grading import Grading, grading_of
from tts_gym.datasets.signals import SIGNALS

INVALID = 0
"""Class of the invalid answer, the same in every question; it is never right."""

INVALID_TEXT = "ERR"
"""How an invalid answer is written where text is wanted; the published data spell it so."""


class Tables(NamedTuple):
    """The arrays that replay reads; nothing in them tells text or gold.

    The branches of question ``q`` are ``branch_start[q]:branch_start[q + 1]``. Branch ``b`` with K recorded probes owns
    ``answers[answer_start[b]:answer_start[b + 1]]``, K + 1 answer classes: one a probe, then its final answer.
    Signals have K values a branch, so those of branch ``b`` start at ``answer_start[b] - b``.

    Attributes:
        branch_start: int64 [questions + 1].
        tokens: int64 [branches], length of the whole branch in tokens, at least 1.
        answer_start: int64 [branches + 1].
        answers: int32 [probes + branches], answer classes numbered per question; ``INVALID`` is 0.
        signal_column: int64 [len(SIGNALS)], column of each signal in ``signals``, -1 where it was not recorded.
        signals: float32 [probes, recorded signals].
    """

    branch_start: NDArray[np.int64]
    tokens: NDArray[np.int64]
    answer_start: NDArray[np.int64]
    answers: NDArray[np.int32]
    signal_column: NDArray[np.int64]
    signals: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class ReplayStore:
    """All branches and probes of one (model, benchmark) pair, recorded once (design of arXiv 2605.08083, section 2).

    Attributes:
        name: short name shown in tables.
        interval: tokens between two probes (Δ).
        metadata: provenance as in ``metadata.json``.
        question_ids: one id a question.
        questions: the question texts.
        gold: int32 [questions], class of the gold answer, never ``INVALID``.
        also_right: the further right classes of each question, ascending; none for nearly every question.
        class_texts: per question, one text for each answer class; the first is ``INVALID_TEXT``.
        tables: the arrays that replay reads.
        grading: the right classes of every question, as kernels take them; none where ``gold`` is not told, that is
            where it is ``INVALID``.
    """

    name: str
    interval: int
    metadata: Mapping[str, Any]
    question_ids: tuple[str, ...]
    questions: tuple[str, ...]
    gold: NDArray[np.int32]
    also_right: tuple[tuple[int, ...], ...]
    class_texts: tuple[tuple[str, ...], ...]
    tables: Tables
    grading: Grading = field(init=False)

    def __post_init__(self) -> None:
        """Put the right classes together."""
        told = zip(self.gold.tolist(), self.also_right, strict=True)
        right = [() if gold == INVALID else (gold, *others) for gold, others in told]
        object.__setattr__(self, "grading", grading_of(right))

    def __len__(self) -> int:
        """Number of questions."""
        return len(self.question_ids)

    @property
    def label(self) -> str:
        """The name, marked where the data are synthetic."""
        return label(self.name, self.metadata)

    def right_classes(self, question: int) -> frozenset[int]:
        """The right classes of the question with index ``question``."""
        start, classes = self.grading
        return frozenset(classes[start[question] : start[question + 1]].tolist())

    @property
    def has_probes(self) -> bool:
        """Whether answers were forced on the way; else every probe is invalid, and stands for an interval."""
        return bool(self.metadata.get("probes", True))

    @property
    def signals(self) -> tuple[str, ...]:
        """Names of the recorded per-interval signals."""
        return tuple(name for name, column in zip(SIGNALS, self.tables.signal_column, strict=True) if column >= 0)

    @property
    def branch_counts(self) -> NDArray[np.int64]:
        """Recorded branches of each question, int64 [questions]."""
        return np.diff(self.tables.branch_start)

    @property
    def mean_branch_tokens(self) -> float:
        """Mean length of a whole branch in tokens."""
        return float(self.tables.tokens.mean())

    @property
    def most_probes(self) -> int:
        """Probes of the longest branch, in intervals."""
        return int(np.diff(self.tables.answer_start).max()) - 1

    @property
    def most_classes(self) -> int:
        """Answer classes of the question that has most, the invalid one included."""
        return max(map(len, self.class_texts))


def label(name: str, metadata: Mapping[str, Any]) -> str:
    """The name of a store, marked where its metadata call the data synthetic.

    Args:
        name: of the store.
        metadata: its provenance.
    """
    return f"{name} (synthetic)" if metadata.get("synthetic") else name
