"""The recorded data before they become arrays: records in Python, tables in Arrow, and the format they are stored in.

A store is one directory of these files:

- ``questions.parquet``: one row a question, with the texts of further right answers where there are any, and what
  scores its answers where its task does (``collectors.tasks``). Version 1 has neither of the two columns.
- ``branches.parquet``: one row a branch. The rows of a question are contiguous, in the order of ``questions.parquet``,
  and its branches are numbered 0, 1, 2, … in order.
- ``answers.parquet``: one row for each distinct valid answer text of a question, the right ones included, with its
  class. The classes of a question are 1, 2, 3, … in order of first appearance; the class 0 of invalid answers is not
  listed.
- ``texts.parquet``: one row a branch, with its text; only where the texts are kept.
- ``metadata.json``: see ``metadata``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import pyarrow as pa

from tts_gym.datasets.signals import SIGNALS

FIRST_VERSION, FORMAT_VERSION = 1, 2
"""Versions of the directory layout: the oldest that is read, and the one that is written, described above."""

MOST_TOKENS = 2**53
"""Bound on the token total of a store, so that every sum stays exact as int64 and as float64."""

TEXTS = pa.list_(pa.field("element", pa.string()))
VALUES = pa.list_(pa.field("element", pa.float32()))
COUNTS = pa.list_(pa.field("element", pa.int32()))

FIRST_QUESTIONS = pa.schema({"id": pa.string(), "question": pa.string(), "gold": pa.string()})
"""The columns of ``questions.parquet`` in version 1."""

QUESTIONS = pa.schema([*FIRST_QUESTIONS, pa.field("right", TEXTS), pa.field("scorer", pa.string())])
BRANCHES = pa.schema(
    {
        "question_id": pa.string(),
        "branch": pa.int32(),
        "tokens": pa.int64(),
        "finish_reason": pa.string(),
        "final_answer": pa.string(),
    }
)
"""The columns of ``branches.parquet`` with one value a branch."""

DETAILS = {"probe_text": TEXTS, "probe_tokens": COUNTS}
"""Further columns of ``branches.parquet`` with one value a probe, which replay does not read."""

ANSWERS = pa.schema({"question_id": pa.string(), "answer": pa.string(), "class": pa.int32()})
BRANCH_TEXTS = pa.schema(
    {"question_id": pa.string(), "branch": pa.int32(), "text": pa.string(), "in_reasoning": pa.bool_()}
)

NULLABLE = frozenset({"finish_reason", "final_answer", "right", "scorer"})
"""Columns that may be null; inside ``probe_answers`` a null element is an invalid answer."""


def probes_schema(signals: Sequence[str]) -> pa.Schema:
    """The columns of ``branches.parquet`` with one value a probe: answers, and float32 for each of ``signals``."""
    return pa.schema({"probe_answers": TEXTS, **{name: VALUES for name in SIGNALS if name in signals}})


def branches_schema(names: Sequence[str]) -> pa.Schema:
    """The schema of ``branches.parquet`` where the signals and details ``names`` are recorded."""
    details = (pa.field(name, kind) for name, kind in DETAILS.items() if name in names)
    return pa.schema([*BRANCHES, *probes_schema(names), *details])


@dataclass(frozen=True)
class RecordedBranch:
    """One reasoning trajectory as it was recorded; ``None`` is an invalid answer.

    Attributes:
        tokens: length of the whole branch in tokens, at least 1.
        probe_answers: the answer after each interval, K of them.
        final_answer: the answer of the finished branch.
        finish_reason: why the model stopped, as its engine calls it ("stop", "length").
        signals: for each recorded name of ``SIGNALS``, K values.
        probe_text: what the model said when it was probed, K texts, where that is kept.
        probe_tokens: how many tokens that took, where that is kept.
        text: what the branch says, where that is kept.
        marker: what marked the final answer, see ``answers.extraction``, where that is known.
        in_reasoning: whether the prompt opened the reasoning that ``text`` begins with; kept with the text.
    """

    tokens: int
    probe_answers: list[str | None]
    final_answer: str | None
    finish_reason: str | None = None
    signals: dict[str, list[float]] = field(default_factory=dict)
    probe_text: list[str] | None = None
    probe_tokens: list[int] | None = None
    text: str | None = None
    marker: str | None = None
    in_reasoning: bool = False


@dataclass(frozen=True)
class RecordedQuestion:
    """One question with its correct answer and every branch recorded for it.

    Attributes:
        id: a name that no other question of the store has.
        question: its text.
        gold: the correct answer.
        branches: what was recorded.
        right: texts of further right answers; where they are not in the class of the gold answer, they are right and
            other answers, as two solutions of n-queens are.
        scorer: what decides right and wrong instead of the rules of answers, see ``collectors.tasks``; answers are then
            of one class where their texts are, but for case and white space.
        classes: a number for the class of each answer text, the right ones included, where they were grouped before and
            are to stay as they are.
    """

    id: str
    question: str
    gold: str
    branches: list[RecordedBranch]
    right: list[str] = field(default_factory=list)
    scorer: str | None = None
    classes: Mapping[str, int] | None = None


class StoreTables(NamedTuple):
    """The tables of a store; ``texts`` has no rows where no texts are kept."""

    questions: pa.Table
    branches: pa.Table
    answers: pa.Table
    texts: pa.Table


class Sources(NamedTuple):
    """Where each part of a store came from, as error messages name it."""

    questions: str
    branches: str
    answers: str
    metadata: str

    @classmethod
    def single(cls, name: str) -> Sources:
        """One source for all parts."""
        return cls(name, name, name, name)
