"""What there is to say about a store in figures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tts_gym.datasets.grading import Grading, graded
from tts_gym.datasets.store import INVALID, ReplayStore, label


@dataclass(frozen=True)
class StoreSummary:
    """The size of a store and what it holds.

    Attributes:
        name: short name, marked where the data are synthetic.
        model: the language model that generated the branches.
        probing_model: the one that was probed, the same unless the branches were there before.
        benchmark: the set the questions come from.
        interval: tokens between two probes (Δ).
        questions: number of questions.
        questions_with_several_right_answers: those of them to which different answers are right.
        branches: number of branches.
        probes: number of probes, final answers not counted.
        tokens: length of all branches together, in tokens.
        token_counts: what counted them, with the number of branches, where that was not the model's own engine.
        invalid_share: share of the probes that are invalid, in [0, 1]; 0 where there are no probes.
        branch_accuracy: share of the branches that end right, averaged over questions, in [0, 1].
        signals: names of the recorded per-interval signals.
        markers: how many final answers were found by which mark, where that was recorded.
    """

    name: str
    model: str
    probing_model: str
    benchmark: str
    interval: int
    questions: int
    questions_with_several_right_answers: int
    branches: int
    probes: int
    tokens: int
    token_counts: tuple[str, ...]
    invalid_share: float
    branch_accuracy: float
    signals: tuple[str, ...]
    markers: tuple[str, ...]


class Finals(NamedTuple):
    """What is recorded once a branch.

    Attributes:
        start: int64 [questions + 1], first branch of each question.
        tokens: int64 [branches], length of each branch.
        answers: int32 [branches], class of each final answer.
    """

    start: NDArray[np.int64]
    tokens: NDArray[np.int64]
    answers: NDArray[np.int32]


def summarise(store: ReplayStore) -> StoreSummary:
    """Summarise a store."""
    tables = store.tables
    ends = tables.answer_start[1:] - 1
    finals = Finals(tables.branch_start, tables.tokens, tables.answers[ends])
    return summary(store.name, store.metadata, store.grading, finals, [tables.answers], store.signals)


def summary(
    name: str,
    metadata: Mapping[str, Any],
    grading: Grading,
    finals: Finals,
    answers: Iterable[NDArray[np.int32]],
    signals: tuple[str, ...],
) -> StoreSummary:
    """The summary of a store of which the probes are seen a piece at a time.

    Args:
        name: short name.
        metadata: the provenance.
        grading: what is right.
        finals: what is recorded once a branch.
        answers: pieces of ``Tables.answers``, one after the other.
        signals: names of the recorded signals.
    """
    branches = np.diff(finals.start)
    has_probes = metadata.get("probes", True)
    probes, invalid = -len(finals.answers), -np.count_nonzero(finals.answers == INVALID)
    for piece in answers:
        probes += len(piece)
        invalid += np.count_nonzero(piece == INVALID)
    questions = np.repeat(np.arange(len(branches)), branches)
    right = np.add.reduceat(graded(grading, questions, finals.answers), finals.start[:-1], dtype=np.int64)
    return StoreSummary(
        name=label(name, metadata),
        model=metadata["model"],
        probing_model=metadata.get("probing_model", metadata["model"]),
        benchmark=metadata["benchmark"],
        interval=metadata["interval"],
        questions=len(branches),
        questions_with_several_right_answers=int(np.count_nonzero(np.diff(grading.start) > 1)),
        branches=len(finals.tokens),
        probes=probes if has_probes else 0,
        tokens=int(finals.tokens.sum()),
        token_counts=_counts(metadata.get("import", {}).get("token_counts", {})),
        invalid_share=invalid / max(1, probes) if has_probes else 0.0,
        branch_accuracy=float((right / branches).mean()),
        signals=signals,
        markers=_counts(metadata.get("markers", {})),
    )


def _counts(counts: Mapping[str, int]) -> tuple[str, ...]:
    return tuple(f"{name} {count:,}" for name, count in counts.items())
