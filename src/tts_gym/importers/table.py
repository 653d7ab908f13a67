"""Tables: one row a sample, or one row a question with a list of samples; any tool's output that is rows of objects."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from reprlib import repr as short
from typing import Any

from tts_gym.errors import SourceError
from tts_gym.importers.paths import EACH, column_of, count_of, text_of, texts_of, value_at
from tts_gym.importers.rows import grouped
from tts_gym.importers.samples import Columns, Sample, SampledQuestion
from tts_gym.importers.source import Source

QUESTION = ("question", "problem", "prompt", "query", "input")
GOLD = ("gold", "gold_answer", "answer", "target", "ground_truth", "reference", "solution")
SAMPLES = (
    "samples",
    "generations",
    "responses",
    "completions",
    "outputs",
    "sample",
    "response",
    "completion",
    "output",
)
TOKENS = ("tokens", "completion_tokens")
FINISH = ("finish_reason", "finish_reasons")
MODEL = ("model",)
"""What columns are usually called, in the order in which the names are tried."""


@dataclass(frozen=True)
class Table:
    """The format of rows of objects whose columns the user may name; it takes what no other format does."""

    def recognises(self, source: Source) -> bool:
        """See ``Format.recognises``."""
        return bool(source.first)

    def questions(self, source: Source, columns: Columns) -> Iterator[SampledQuestion]:
        """See ``Format.questions``."""
        layout, rows = _layout(source, columns), source.rows

        def key(row: Any, number: int) -> Hashable:
            place, name = rows.place(number), layout.id or layout.question
            found = text_of(value_at(row, name, place), f"{place}: {name}")
            if found is None or not found.strip():
                raise SourceError(f"{place}: {name} is missing; give every row its question.")
            return found

        for found in grouped(rows, key):
            yield _question([(rows.place(number), row) for number, row in found], layout)


FORMAT = Table()


@dataclass(frozen=True)
class _Layout:
    id: str | None
    question: str
    gold: str | None
    samples: str | None
    answer: str | None
    tokens: str | None
    finish: str | None
    model: str | None


def _layout(source: Source, columns: Columns) -> _Layout:
    """The columns of ``source``, found by the names of its first rows."""
    names = source.columns
    known = ", ".join(names)
    question = column_of(names, columns.question, QUESTION)
    gold = column_of(names, columns.gold, GOLD)
    samples = column_of(names, columns.samples, SAMPLES if columns.answer is None else ())
    if question is None:
        raise SourceError(f"{source.spelling} has the columns {known}: name that of the question, --question-column.")
    if samples is None and columns.answer is None:
        raise SourceError(f"{source.spelling} has the columns {known}: name that of the samples, --samples-column.")
    for option, path in vars(columns).items():
        if isinstance(path, str) and path not in names and path.partition(".")[0].removesuffix(EACH) not in names:
            raise SourceError(f"{source.spelling} has no column {path!r} but {known}: correct --{option}-column.")
    others = (column_of(names, None, usual) for usual in (FINISH, MODEL))
    tokens = column_of(names, columns.tokens, TOKENS)
    return _Layout(columns.id, question, gold, samples, columns.answer, tokens, *others)


def _question(rows: Sequence[tuple[str, Any]], layout: _Layout) -> SampledQuestion:
    """The question that ``rows``, with their places, are about."""
    first_place, first = rows[0]
    question = text_of(value_at(first, layout.question, first_place), f"{first_place}: {layout.question}")
    gold: tuple[str, ...] = ()
    samples: list[Sample] = []
    for place, row in rows:
        other = text_of(value_at(row, layout.question, place), f"{place}: {layout.question}")
        if other != question:
            raise SourceError(f"{place} and {first_place} have one id and different questions; give each its own.")
        found = texts_of(value_at(row, layout.gold, place), f"{place}: {layout.gold}") if layout.gold else ()
        if gold and found and found != gold:
            raise SourceError(
                f"{place} and {first_place} have one question and different gold answers, {short(found[0])} and "
                f"{short(gold[0])}; correct them, or name the column that tells questions apart, --id-column."
            )
        gold = gold or found
        samples += _samples(row, layout, place)
    named = text_of(value_at(first, layout.id, first_place), f"{first_place}: {layout.id}") if layout.id else None
    return SampledQuestion(named, question, gold, samples)


def _samples(row: Any, layout: _Layout, place: str) -> Iterator[Sample]:
    """The samples of a row, one where its column holds no list."""
    main = layout.samples or layout.answer or ""
    listed = value_at(row, main, place)
    length = len(listed) if isinstance(listed, list) else None

    def column(path: str | None, shared: bool = False) -> list[Any]:
        value = None if path is None else value_at(row, path, place)
        if length is None:
            return [value]
        if not isinstance(value, list):
            return [value if shared else None] * length
        if len(value) != length:
            raise SourceError(f"{place}: {main} has {length} and {path} {len(value)} elements; give one a sample.")
        return value

    told = (layout.samples, layout.answer, layout.tokens, layout.finish)
    values = zip(*map(column, told), column(layout.model, shared=True), strict=True)
    for text, answer, count, finish, model in values:
        yield Sample(
            text=text_of(text, f"{place}: {layout.samples}"),
            answer=text_of(answer, f"{place}: {layout.answer}"),
            tokens=count_of(count, f"{place}: {layout.tokens}"),
            counted_by=f"column {layout.tokens}",
            finish_reason=text_of(finish, f"{place}: {layout.finish}"),
            model=text_of(model, f"{place}: {layout.model}"),
        )
