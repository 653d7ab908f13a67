"""From a source to a store.

The branches of such a store are whole, and nothing was asked on the way: every probe is invalid, and the metadata say
``"probes": false``. The number of probes is that of the intervals, so that a branch takes as many steps as it is long.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tts_gym.answers.equivalence import Equivalence
from tts_gym.answers.reader import answer_reader
from tts_gym.collectors.questions import read_questions, usual_rule
from tts_gym.collectors.tasks import TaskScorer
from tts_gym.datasets.parquet import write_store
from tts_gym.datasets.schema import RecordedQuestion
from tts_gym.errors import SourceError
from tts_gym.importers.counting import TokenCounter
from tts_gym.importers.recording import Recorder
from tts_gym.importers.samples import Columns, Format
from tts_gym.importers.source import Source
from tts_gym.registry import FORMATS

TABLE = "table"
"""Name of the format whose columns are told."""

INTERVAL = 500
"""Tokens of an interval (Δ) unless told otherwise, as in the published data."""


@dataclass(frozen=True)
class ImportSettings:
    """What an import is told beside its source.

    Attributes:
        columns: where rows keep what.
        questions: source of questions, as ``read_questions`` takes it, that gives texts and gold answers by id or text.
        answers: how answers are recognised; None for what is usual for the questions.
        interval: tokens of an interval (Δ).
        tokenizer: counts the tokens of samples whose source does not.
        model: the model whose samples are taken, or its name where the source has none.
        license: licence of the data.
    """

    columns: Columns = field(default_factory=Columns)
    questions: str | None = None
    answers: str | None = None
    interval: int = INTERVAL
    tokenizer: str | None = None
    model: str | None = None
    license: str = "unknown"


@dataclass
class ImportReport:
    """What came of an import.

    Attributes:
        format: name of the format of the source.
        left_out: how much of what was left out.
        token_counts: samples by what counted their tokens.
        model: the model that drew the samples.
        questions: questions of the store.
        samples: branches of the store.
        most: branches of the question that has most.
        shortfall: what was not compared or not scored, a sentence each; empty if everything was.
    """

    format: str
    left_out: Counter[str]
    token_counts: Counter[str]
    model: str = ""
    questions: int = 0
    samples: int = 0
    most: int = 0
    shortfall: str = ""


def recognised(source: Source, columns: Columns) -> str:
    """The name of the format of a source; one whose column of samples or answers is told is a table.

    Args:
        source: the source.
        columns: what is told of its columns.

    Raises:
        SourceError: it cannot be read, or is of none.
    """
    if columns.samples is not None or columns.answer is not None:
        return TABLE
    for name in FORMATS:
        if FORMATS.load(name).recognises(source):
            return name
    raise SourceError(f"{source.spelling} is of no known format: choose one of {', '.join(FORMATS)} with --format.")


def import_samples(
    source: Source, out: Path, format_name: str, settings: ImportSettings, cache: str | None = None
) -> ImportReport:
    """Write the store of what a source holds.

    Args:
        source: the source.
        out: directory of the store; it must not exist.
        format_name: one of ``FORMATS``.
        settings: what else is told.
        cache: file that keeps which answers are the same.

    Raises:
        SourceError: the source is damaged, lacks what a store needs, or holds nothing that can be used.
        AnswerError: there is no such rule of answers, or no answer to any question can be right by it.
        StoreError: the directory exists or cannot be written.
        TTSGymError: the questions or the tokenizer cannot be read.
    """
    reading: Format = FORMATS.load(format_name)
    known = read_questions(settings.questions, gold_needed=False) if settings.questions else []
    columns = replace(settings.columns, ids=frozenset(question.id for question in known))
    rule = settings.answers or usual_rule(settings.questions or "")
    counter = TokenCounter(settings.tokenizer)
    with answer_reader(rule) as reader, TaskScorer() as tasks, Equivalence(cache) as equivalence:
        recorder = Recorder(source.spelling, known, settings.model, settings.interval, rule, reader, tasks, counter)
        report = ImportReport(format_name, recorder.left_out, counter.ways)
        metadata = _metadata(source, settings)

        def records() -> Iterator[RecordedQuestion]:
            for number, sampled in enumerate(reading.questions(source, columns)):
                record = recorder.record(sampled, number)
                if record is not None:
                    report.questions += 1
                    report.samples += len(record.branches)
                    report.most = max(report.most, len(record.branches))
                    yield tasks.decide(record)
            if not report.questions:
                raise recorder.nothing()
            report.model = recorder.model
            # The metadata are written after the questions, with what was found out on the way.
            metadata.update(_findings(source, rule, report, recorder))

        write_store(out, records(), metadata, equivalence.classes)
        report.shortfall = " ".join(filter(None, (equivalence.counts.shortfall, tasks.counts.shortfall)))
    return report


def _metadata(source: Source, settings: ImportSettings) -> dict[str, Any]:
    return {
        "name": source.name,
        "model": settings.model or "unknown",
        "benchmark": source.name,
        "interval": settings.interval,
        "synthetic": False,
        "license": settings.license,
        "sampling": {},
        "seeds": [],
        "probes": False,
    }


def _findings(source: Source, rule: str, report: ImportReport, recorder: Recorder) -> dict[str, Any]:
    return {
        "name": f"{Path(report.model).name}/{source.name}",
        "model": report.model,
        "import": {
            "source": source.spelling,
            "format": report.format,
            "answers": rule,
            "token_counts": dict(report.token_counts),
            "left_out": dict(report.left_out),
        },
        "markers": dict(recorder.markers),
    }
