"""What ``lm-eval --log_samples`` writes: a line a question and filter, with the answers of all its repeats.

Several files, of runs that drew the same questions again or of several tasks, are read together; the results beside
them name the model.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from reprlib import repr as short
from typing import Any

from tts_gym.errors import SourceError
from tts_gym.importers.paths import column_of, text_of, texts_of, value_at
from tts_gym.importers.rows import JsonLines, grouped
from tts_gym.importers.samples import Columns, Sample, SampledQuestion
from tts_gym.importers.source import Source
from tts_gym.importers.table import QUESTION

FILES = "samples_*.jsonl"
TASK = re.compile(r"samples_(.+?)(?:_\d{4}-\d\d-\d\dT[\d.-]+)?\.jsonl")
KEYS = {"doc", "doc_id", "resps", "arguments"}
"""What a line has among other things."""


@dataclass(frozen=True)
class LmEval:
    """The format of ``lm-eval --log_samples``: a file of samples, or a directory with such files."""

    def recognises(self, source: Source) -> bool:
        """See ``Format.recognises``."""
        if source.path.is_dir():
            return bool(source.files(FILES))
        return source.path.suffix == ".jsonl" and set(source.first) >= KEYS

    def questions(self, source: Source, columns: Columns) -> Iterator[SampledQuestion]:
        """See ``Format.questions``."""
        files = [source.path] if source.path.is_file() else source.files(FILES)
        if not files:
            raise SourceError(f"{source.spelling} holds no {FILES}: give what lm-eval --log_samples wrote.")
        rows = JsonLines(files)
        gold_column = f"doc.{columns.gold}" if columns.gold else "target"
        several_tasks = len({_task(file) for file in files}) > 1

        def key(row: Any, number: int) -> tuple[str, str]:
            if not isinstance(row, dict) or not set(row) >= KEYS:
                raise SourceError(
                    f"{rows.place(number)} lacks one of {', '.join(sorted(KEYS))}, as lm-eval names them."
                )
            return _task(rows.file(number)), str(row["doc_id"])

        for found in grouped(rows, key):
            number, row = found[0]
            place, (task, name) = rows.place(number), key(row, number)
            # A file has a line a filter, each with the same answers.
            once = {rows.file(number): (rows.place(number), row) for number, row in reversed(found)}
            samples = [
                sample
                for file, (where, row) in reversed(once.items())
                for sample in _samples(row, where, _model(file.parent))
            ]
            gold = texts_of(value_at(row, gold_column, place), f"{place}: {gold_column}")
            yield SampledQuestion(
                f"{task}/{name}" if several_tasks else name, _question(row, columns, place), gold, samples
            )


FORMAT = LmEval()


def _task(file: Path) -> str:
    found = TASK.fullmatch(file.name)
    return found[1] if found else file.stem


def _question(row: dict[str, Any], columns: Columns, place: str) -> str | None:
    """The question as its document has it; the whole prompt where no column of that is known."""
    document = row["doc"]
    column = columns.question or column_of(document, None, QUESTION)
    if column is not None:
        return text_of(value_at(row, f"doc.{column}", place), f"{place}: doc.{column}")
    prompts = texts_of(value_at(row, "arguments.gen_args_0.arg_0", place), f"{place}: prompt")
    return next(iter(prompts), None)


def _samples(row: dict[str, Any], place: str, model: str | None) -> Iterator[Sample]:
    for repeats in row["resps"]:
        for text in repeats if isinstance(repeats, list) else [repeats]:
            if not isinstance(text, str):
                raise SourceError(
                    f"{place} holds {short(text)} where a text is expected: a task that compares log-probabilities of "
                    "given answers has no samples; use one that generates."
                )
            yield Sample(text_of(text, place), model=model)


@cache
def _model(directory: Path) -> str | None:
    """The model that the newest results in ``directory`` name."""
    for file in sorted(directory.glob("results_*.json"), reverse=True):
        with suppress(OSError, ValueError, KeyError, TypeError):
            return str(json.loads(file.read_text(encoding="utf-8"))["model_name"])
    return None
