"""The questions of a collection: from a file, a reasoning-gym task, or a dataset on the Hugging Face hub.

A file is JSON lines, CSV or Parquet with the columns ``id``, ``question`` and ``gold``; a question without id is named
by its row. An optional column ``examples`` holds worked examples of that question alone, [question, answer] each.
"""

from __future__ import annotations

import csv
import json
import re
import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from reprlib import repr as short
from typing import Any
from urllib.parse import parse_qsl

import pyarrow as pa
import pyarrow.parquet as pq

from tts_gym.answers.presets import REASONING_GYM
from tts_gym.collectors.errors import CollectionError
from tts_gym.collectors.tasks import scorer_of
from tts_gym.datasets.store import INVALID_TEXT

LONE_SURROGATE = re.compile("[\ud800-\udfff]")
"""What JSON can spell and no file of text can hold."""

ENCODING = "utf-8-sig"
"""UTF-8, with or without the mark that spreadsheets put before it."""


@dataclass(frozen=True)
class Question:
    """A question with its correct answer.

    Attributes:
        id: a name that no other question has.
        question: its text.
        gold: the correct answer; empty where a question is asked whose answer nobody knows.
        examples: worked examples, (question, answer) each, that come before it.
        scorer: what decides which answers are right, see ``tasks``; the rules of ``answers`` where there is none.
    """

    id: str
    question: str
    gold: str
    examples: tuple[tuple[str, str], ...] = ()
    scorer: str | None = None


@dataclass(frozen=True)
class Columns:
    """Names of the columns of a table of questions; ``scorer`` is that of tasks alone."""

    id: str = "id"
    question: str = "question"
    gold: str = "gold"
    examples: str = "examples"
    scorer: str | None = None


def usual_rule(source: str) -> str:
    """How answers to the questions of ``source`` are best recognised, see ``answers.presets``."""
    return source.partition("?")[0] if source.startswith(REASONING_GYM) else "auto"


def read_questions(source: str, columns: Columns | None = None, gold_needed: bool = True) -> list[Question]:
    """Read questions.

    Args:
        source: a ``.jsonl``, ``.csv`` or ``.parquet`` file; ``reasoning-gym:TASK?size=50&seed=1`` with the arguments of
            the task; or ``OWNER/NAME?split=train&name=CONFIG``, a dataset on the Hugging Face hub.
        columns: names of the columns.
        gold_needed: whether every question has a gold answer; else it is empty where there is none.

    Raises:
        CollectionError: the source is missing or damaged, has no questions, or one without text or correct answer.
    """
    columns = columns or Columns()
    path = Path(source)
    if source.startswith(REASONING_GYM):
        rows: Iterable[Any] = _reasoning_gym(source)
        columns = Columns(gold="answer", scorer="scorer")
    elif path.exists() or path.suffix in READERS:
        rows = _read_file(path)
    elif source.partition("?")[0].count("/") == 1:
        rows = _hub_rows(source)
    else:
        raise CollectionError(f"{source} does not exist: give a file, {REASONING_GYM}TASK, or a dataset OWNER/NAME.")
    questions = [_question(row, number, source, columns, gold_needed) for number, row in enumerate(rows)]
    if not questions:
        raise CollectionError(f"{source} holds no questions: give at least one.")
    seen: set[str] = set()
    for question in questions:
        if question.id in seen:
            raise CollectionError(f"{source}: the id {question.id!r} is a duplicate; give another.")
        seen.add(question.id)
    return questions


def _question(row: Any, number: int, source: str, columns: Columns, gold_needed: bool) -> Question:
    place = f"{source}, question {number}"
    if not isinstance(row, Mapping):
        raise CollectionError(f"{place} is {short(row)}: it must be an object.")
    examples = row.get(columns.examples) or ()
    if isinstance(examples, str):
        examples = _parsed(examples, f"{place}: {columns.examples}")
    try:
        pairs = tuple((str(question), str(answer)) for question, answer in examples)
    except (TypeError, ValueError) as error:
        raise CollectionError(f"{place}: {columns.examples} must be a list of [question, answer].") from error
    return Question(
        id=_text(row, columns.id, place) if columns.id in row else str(number),
        question=_text(row, columns.question, place),
        gold=_text(row, columns.gold, place) if gold_needed or row.get(columns.gold) else "",
        examples=pairs,
        scorer=row[columns.scorer] if columns.scorer else None,
    )


def _text(row: Mapping[str, Any], column: str, place: str) -> str:
    if column not in row:
        known = ", ".join(map(str, row)) or "none"
        raise CollectionError(f"{place}: there is no column {column!r} among {known}; name the column that holds it.")
    value = row[column]
    if type(value) is int or (isinstance(value, float) and isfinite(value)):
        value = str(value)
    if not isinstance(value, str) or not value.strip() or value == INVALID_TEXT or LONE_SURROGATE.search(value):
        raise CollectionError(f"{place}: {column} is {short(value)}; give a text.")
    return value


def _read_file(path: Path) -> list[Any]:
    if path.suffix not in READERS:
        raise CollectionError(f"{path} has an unknown suffix: use {', '.join(READERS)}.")
    try:
        return READERS[path.suffix](path)
    except FileNotFoundError as error:
        raise CollectionError(f"{path} does not exist: check the path.") from error
    except (OSError, UnicodeDecodeError, csv.Error, pa.ArrowException) as error:
        raise CollectionError(f"{path} cannot be read ({' '.join(str(error).split())}).") from error


def _json_lines(path: Path) -> list[Any]:
    lines = path.read_text(encoding=ENCODING).split("\n")
    return [_parsed(line, f"{path}, line {number}") for number, line in enumerate(lines, 1) if line.strip()]


def _parsed(text: str, place: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise CollectionError(f"{place} is not valid JSON ({error}).") from error


def _csv(path: Path) -> list[Any]:
    with path.open(encoding=ENCODING, newline="") as file:
        return list(csv.DictReader(file, strict=True))


def _parquet(path: Path) -> list[Any]:
    rows: list[Any] = pq.read_table(path).to_pylist()
    return rows


READERS = {".jsonl": _json_lines, ".csv": _csv, ".parquet": _parquet}


def _reasoning_gym(source: str) -> Iterator[Any]:
    try:
        import reasoning_gym
    except ImportError as error:
        raise CollectionError(f"{source} needs reasoning-gym: install tts-gym[collect].") from error
    task, _, arguments = source.removeprefix(REASONING_GYM).partition("?")
    options = {name: _number(value) for name, value in _named(arguments, source).items()}
    try:
        items = list(reasoning_gym.create_dataset(task, **options))
    except Exception as error:  # Tasks check their arguments with whatever error they like.
        raise CollectionError(f"{source} cannot be made ({' '.join(str(error).split())}).") from error
    answered = [
        {"id": str(number), **item, "scorer": scorer_of(task, options, item)}
        for number, item in enumerate(items)
        if str(item["answer"] or "").strip()
    ]
    if len(answered) < len(items):
        warnings.warn(
            f"{source}: {len(items) - len(answered)} of {len(items)} questions have no gold answer and are left out.",
            stacklevel=2,
        )
    yield from answered


def _named(arguments: str, source: str) -> dict[str, str]:
    try:
        return dict(parse_qsl(arguments, strict_parsing=bool(arguments)))
    except ValueError as error:
        raise CollectionError(f"{source}: write its arguments as NAME=VALUE&NAME=VALUE.") from error


def _number(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _hub_rows(source: str) -> Iterator[Any]:
    try:
        import datasets
    except ImportError as error:
        raise CollectionError(f"{source} is no file, and a dataset on the hub needs tts-gym[collect].") from error
    name, _, arguments = source.partition("?")
    options = {"split": "test", **_named(arguments, source)}
    try:
        yield from datasets.load_dataset(name, **options)
    except Exception as error:  # The hub, the network and the data raise what they like.
        raise CollectionError(f"The dataset {source} cannot be loaded ({' '.join(str(error).split())}).") from error
