"""A store whose branches are probed: what it keeps of them, read as it is needed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from tts_gym.collectors.errors import CollectionError
from tts_gym.collectors.questions import Question
from tts_gym.collectors.settings import CollectionSettings, GivenTexts, digest
from tts_gym.collectors.units import GivenBranch, WorkUnit, all_units
from tts_gym.datasets.catalogue import store_directory
from tts_gym.datasets.metadata import FILE_KEYS
from tts_gym.datasets.parquet import BRANCHES_FILE, QUESTIONS_FILE, TEXTS_FILE, open_store
from tts_gym.datasets.schema import RecordedQuestion

ROWS = 64
"""Branches that are read at a time."""

BEFORE = ("name", "interval", "sha256", "collection", "import", "probing_model", "given")
"""What the metadata of a store say of how it was made, which is told as such."""

GONE = frozenset({*FILE_KEYS, *BEFORE, "probes", "markers", "regraded"})
"""That, and what they say of its own files, probes and answers, which are made anew."""


class GivenStore:
    """The branches of a store that keeps their texts.

    Attributes:
        name: how the store is called, for messages.
        directory: where it is.
        metadata: its provenance.
        questions: its questions, in order, without worked examples.
    """

    def __init__(self, name: str, read_anew: bool = False) -> None:
        """Read a store, with every check, but not its texts.

        Args:
            name: catalogue name or directory of the store.
            read_anew: leave out recorded final answers, so that they are found anew.

        Raises:
            StoreError: the store is missing or damaged.
            CollectionError: it keeps no texts.
        """
        self.name, self._read_anew = name, read_anew
        no_texts = CollectionError(
            f"{name} keeps no texts of its branches, so there is nothing to probe: collect it with --keep-text, or "
            "import samples with their texts."
        )
        if name.endswith(".json"):
            raise no_texts
        self.directory = store_directory(name)
        store = open_store(self.directory)
        self.metadata = store.metadata
        if TEXTS_FILE not in self.metadata["sha256"]:
            raise no_texts
        rows = pq.read_table(self.directory / QUESTIONS_FILE).to_pylist()
        self.questions = [Question(row["id"], row["question"], row["gold"], scorer=row.get("scorer")) for row in rows]
        self._right = {row["id"]: row.get("right") or [] for row in rows}
        self._start = dict(zip(store.question_ids, store.tables.branch_start.tolist(), strict=False))
        self._counts = dict(zip(store.question_ids, store.branch_counts.tolist(), strict=True))
        self._tokens = store.tables.tokens

    @property
    def settings(self) -> dict[str, Any]:
        """How it was collected, as far as that is known."""
        settings: dict[str, Any] = self.metadata.get("collection", {}).get("settings", {})
        for later in ("import", "regraded"):
            if rule := self.metadata.get(later, {}).get("answers"):
                settings = settings | {"answers": rule}
        return settings

    def texts(self, confidences: bool) -> GivenTexts:
        """What tells a collection over these branches from others.

        Args:
            confidences: whether they are scored.
        """
        return GivenTexts(self.metadata["name"], digest(self.metadata["sha256"]), confidences, self._read_anew)

    def asked(self, questions: Sequence[Question]) -> list[Question]:
        """The questions of the store as they are put, with worked examples.

        Args:
            questions: those whose worked examples are taken, by id; what the store does not have is left out, and so is
                what only the store has.

        Raises:
            CollectionError: the store has none of them, or another question under one of their ids.
        """
        known = {question.id: question for question in questions}
        asked = [replace(own, examples=known[own.id].examples) for own in self.questions if own.id in known]
        for own in asked:
            if own.question.split() != known[own.id].question.split():
                raise CollectionError(
                    f"{self.name} has another question under the id {own.id!r}: give questions with the ids of the "
                    "store."
                )
        if not asked:
            raise CollectionError(
                f"{self.name} has none of these questions, but such as {self.questions[0].id!r}: give questions with "
                "the ids of the store."
            )
        return asked

    def units(self, questions: Iterable[Question], block: int) -> Iterator[WorkUnit]:
        """The units of the collection, without their branches.

        Args:
            questions: questions of the store, in its order.
            block: most branches of a unit.
        """
        for question in questions:
            yield from all_units([question], self._counts[question.id], block)

    def filled(self, units: Iterable[WorkUnit]) -> Iterator[WorkUnit]:
        """Units of ``units``, in order, with their branches, which are read as they are taken."""
        rows, place = self._rows(), 0
        for unit in units:
            first = self._start[unit.question.id] + unit.first
            chosen = islice(rows, first - place, first - place + unit.count)
            place = first + unit.count
            yield replace(unit, given=tuple(self._branch(row) for row in chosen))

    def _branch(self, row: dict[str, Any]) -> GivenBranch:
        return GivenBranch(
            text=row["text"],
            tokens=row["tokens"],
            finish_reason=row["finish_reason"],
            # Older stores do not tell.
            in_reasoning=bool(row.get("in_reasoning")),
            final_answer=None if self._read_anew else row["final_answer"],
        )

    def _rows(self) -> Iterator[dict[str, Any]]:
        """What is kept of each branch, in order."""
        columns = ["question_id", "branch", "tokens", "finish_reason", "final_answer"]
        with (
            pq.ParquetFile(self.directory / BRANCHES_FILE) as branches,
            pq.ParquetFile(self.directory / TEXTS_FILE) as texts,
        ):
            for branch, text in zip(_rows_of(branches, columns), _rows_of(texts), strict=True):
                if any(branch[key] != text[key] for key in ("question_id", "branch")) or text["text"] is None:
                    raise CollectionError(
                        f"{self.directory / TEXTS_FILE} has no text of branch {branch['branch']} of question "
                        f"{branch['question_id']!r}: write the store again."
                    )
                yield branch | text

    def lengths(self, questions: Iterable[Question]) -> list[NDArray[np.int64]]:
        """Recorded tokens of the branches of each question.

        Args:
            questions: questions of the store.
        """
        starts = [(self._start[question.id], self._counts[question.id]) for question in questions]
        return [self._tokens[start : start + count] for start, count in starts]

    def graded(self, question: RecordedQuestion) -> RecordedQuestion:
        """``question`` with the further right answers that the store has of it."""
        return replace(question, right=self._right[question.id])

    def provenance(
        self, questions: Sequence[Question], settings: CollectionSettings, lengths: Sequence[int]
    ) -> dict[str, Any]:
        """What the metadata of the probed store say of its branches and of who probed them.

        Args:
            questions: those that are asked.
            settings: what is asked.
            lengths: tokens of their branches, as the tokenizer of the probing model counts them.
        """
        kept = {name: value for name, value in self.metadata.items() if name not in GONE}
        given = {name: self.metadata[name] for name in BEFORE if name in self.metadata}
        recorded = np.concatenate(self.lengths(questions))
        given["tokens"] = int(recorded.sum())
        given["branches_of_other_length"] = int(np.count_nonzero(recorded != lengths))
        return kept | {"probing_model": settings.model, "given": given}


def _rows_of(file: pq.ParquetFile, columns: list[str] | None = None) -> Iterator[dict[str, Any]]:
    for batch in file.iter_batches(ROWS, columns=columns):
        yield from batch.to_pylist()
