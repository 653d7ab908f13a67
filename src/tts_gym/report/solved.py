"""What ``solve`` wrote: its answers, and its recording where there is one."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from tts_gym.datasets.catalogue import load_store
from tts_gym.datasets.parquet import METADATA_FILE
from tts_gym.datasets.store import ReplayStore
from tts_gym.episode.rules import EpisodeRules
from tts_gym.errors import TTSGymError
from tts_gym.live.answer_file import read_rows
from tts_gym.live.recording import ANSWERS

COLUMNS = ("answer", "tokens", "sequential_tokens", "width", "probes", "seconds")
"""What is taken of an answer as it is."""

SETTINGS = ("backend", "model", "interval", "temperature", "top_p", "top_k", "max_tokens", "seed")
"""Recorded settings that a report shows."""


@dataclass(frozen=True)
class Solved:
    """A live run.

    Attributes:
        path: the file of answers, or the recording.
        label: the controller with its parameters.
        model: the model.
        rows: the episodes that can be judged: question_id, correct, and ``COLUMNS``.
        questions: their questions: id, text, gold answer.
        asked: the ids and texts of all questions, in an order of their own, which say what other runs are on the same.
        decisions: the log of each, by the id of the question.
        rules: spending and accounting, which the recording tells.
        recording: what the run drew; None where it was not recorded.
        left_out: what cannot be judged, a sentence each.
    """

    path: Path
    label: str
    model: str
    rows: pd.DataFrame
    questions: Sequence[tuple[str, str, str]]
    asked: tuple[str, ...]
    decisions: Mapping[str, Sequence[int]]
    rules: EpisodeRules
    recording: ReplayStore | None
    left_out: Sequence[str]

    @property
    def record(self) -> dict[str, Any]:
        """What the record of an evaluation tells of its controller, see ``KeptEvaluation.evaluations``."""
        return {
            "controller": self.label.partition(":")[0],
            "label": self.label,
            "params": {},
            "rules": "exact",
            "seeds": 1,
            "upper_bound": False,
            "isolation": None,
        }

    @property
    def settings(self) -> dict[str, Any]:
        """What the recording tells of how branches were drawn."""
        told = {} if self.recording is None else self.recording.metadata["live"]["settings"]
        return {name: told[name] for name in SETTINGS if told.get(name) is not None}


def is_solved(path: Path) -> bool:
    """Whether ``path`` is a file of answers, or a recording."""
    if path.is_file():
        with path.open("rb") as file:
            return file.read(1) in (b"{", b"")
    return (path / METADATA_FILE).is_file()


def read_solved(path: Path) -> Solved:
    """Read a live run.

    Args:
        path: the file of answers, or the recording.

    Raises:
        TTSGymError: it cannot be read, or holds something else.
    """
    recording = None if path.is_file() else load_store(f"./{path}" if not path.is_absolute() else path)
    if recording is not None and not (path / ANSWERS).is_file():
        raise TTSGymError(f"{path} is a store that no answers lie in: report an evaluation of it, evaluate --out DIR.")
    rows = map(_writable, read_rows(path if recording is None else path / ANSWERS))
    found = list({row["id"]: row for row in rows}.values())
    try:
        judged = [row for row in found if row["error"] is None]
        answered = len(judged)
        golds = {row["id"]: gold for row in judged if (gold := _gold(row, recording)) is not None}
        judged = [row for row in judged if row["id"] in golds]
        first = judged[0] if judged else {}
        return Solved(
            path,
            str(first.get("controller", path.stem)),
            str(first.get("model", "unknown")),
            pd.DataFrame([_row(row, golds[row["id"]]) for row in judged], columns=["question_id", "correct", *COLUMNS]),
            [(row["id"], str(row["question"]), str(golds[row["id"]][0])) for row in judged],
            tuple(sorted(f"{row['id']}\n{row['question']}" for row in found)),
            {row["id"]: row["decisions"] for row in judged},
            EpisodeRules() if recording is None else EpisodeRules(**recording.metadata["live"]["rules"]),
            recording,
            _left_out(
                path, len(found) - answered, answered - len(judged), [row["correct"] for row in judged].count(None)
            ),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise TTSGymError(
            f"{path} holds no answers of tts-gym solve ({error!r}): solve the questions again."
        ) from error


def _writable(row: Mapping[str, Any]) -> dict[str, Any]:
    """``row`` with a question mark for each half of a surrogate pair, which JSON may hold and no file can."""
    return {
        name: value.encode(errors="replace").decode() if isinstance(value, str) else value
        for name, value in row.items()
    }


def _gold(row: Mapping[str, Any], recording: ReplayStore | None) -> tuple[str, bool] | None:
    """The right answer to a question, and whether it was given; None where nobody knows.

    Where there was no gold answer, the recording has that of most branches.
    """
    if row["correct"] is not None:
        return row["gold"], bool(row["correct"])
    if recording is None or row["id"] not in recording.question_ids:
        return None
    place = recording.question_ids.index(row["id"])
    texts = recording.class_texts[place]
    return texts[recording.gold[place]], row["answer"] in {texts[each] for each in recording.right_classes(place)}


def _row(row: Mapping[str, Any], gold: tuple[str, bool]) -> dict[str, Any]:
    counts = {name: int(row[name]) for name in COLUMNS[1:-1]}
    seconds = float(row["seconds"])
    if not math.isfinite(seconds) or min(seconds, *counts.values()) < 0:
        raise ValueError(f"the costs of {row['id']} are no costs")
    answer = None if row["answer"] is None else str(row["answer"])
    return {"question_id": row["id"], "correct": gold[1], "answer": answer, **counts, "seconds": seconds}


def _left_out(path: Path, failed: int, unknown: int, majority: int) -> list[str]:
    counts = {
        "have no answer and are left out": failed,
        "have no gold answer and are left out": unknown,
        "have no gold answer: that of most branches stands for it": majority,
    }
    return [f"{count:,} questions of {path} {words}." for words, count in counts.items() if count]
