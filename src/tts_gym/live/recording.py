"""The recording of a run, which becomes a replay store when the run is done."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tts_gym.datasets.parquet import write_store
from tts_gym.datasets.schema import RecordedBranch, RecordedQuestion
from tts_gym.errors import LiveError
from tts_gym.files import append_line
from tts_gym.live.record import grouping

ANSWERS = "answers.jsonl"
"""Name of the file with the answers in the store of a run."""


class Recording:
    """Recorded questions, a line each in a file beside the store to be."""

    def __init__(self, directory: Path, fresh: bool = False) -> None:
        """Take up what an interrupted run recorded.

        Args:
            directory: where the store goes.
            fresh: forget what was recorded.

        Raises:
            LiveError: there is something in its place.
        """
        if directory.exists():
            raise LiveError(f"{directory} already exists: remove it, or record to another directory.")
        self._directory = directory
        self._draft = directory.with_name(f"{directory.name}.recording.jsonl")
        if fresh:
            self._draft.unlink(missing_ok=True)

    def add(self, question: RecordedQuestion) -> None:
        """Keep what was recorded of a question."""
        self._draft.parent.mkdir(parents=True, exist_ok=True)
        append_line(self._draft, json.dumps(asdict(question)).encode())

    def finish(self, metadata: Mapping[str, Any], same: Callable[[str, str], bool], answers: bytes) -> int:
        """Make the store.

        Args:
            metadata: its provenance.
            same: whether an answer is the gold answer.
            answers: what the file of the answers holds, which is kept beside the tables.

        Returns:
            Questions in it; none where nothing was recorded, and no store either.
        """
        lines = self._draft.read_bytes().split(b"\n")[:-1] if self._draft.exists() else []
        questions = {question.id: question for question in map(_question, lines)}
        if questions:
            write_store(self._directory, questions.values(), metadata, grouping(same), {ANSWERS: answers})
            self._draft.unlink()
        return len(questions)


def _question(line: bytes) -> RecordedQuestion:
    told: dict[str, Any] = json.loads(line)
    branches: Sequence[dict[str, Any]] = told.pop("branches")
    return RecordedQuestion(**told, branches=[RecordedBranch(**branch) for branch in branches])
