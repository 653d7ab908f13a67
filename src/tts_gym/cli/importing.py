"""``tts-gym stores import``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from tts_gym.answers.equivalence import Equivalence
from tts_gym.cli.messages import note
from tts_gym.cli.progress import counted, working
from tts_gym.datasets import import_published, load_store, summarise
from tts_gym.importers.counting import CHARACTERS
from tts_gym.importers.importing import INTERVAL, ImportReport, ImportSettings, import_samples, recognised
from tts_gym.importers.published import PUBLISHED, is_published
from tts_gym.importers.samples import Columns
from tts_gym.importers.source import Source
from tts_gym.registry import FORMATS

COLUMNS = "Columns: names, or paths such as choices[].message.content"
ANSWERS = "Answers and tokens"
"""Panels of the help."""


def _column(words: str) -> Any:
    return typer.Option(metavar="PATH", help=words, rich_help_panel=COLUMNS)


def _answers(words: str, **settings: Any) -> Any:
    return typer.Option(help=words, rich_help_panel=ANSWERS, **settings)


def import_store(
    source: Annotated[
        str, typer.Argument(metavar="SRC", help="File, directory, or dataset on the hub, OWNER/NAME?split=train.")
    ],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Store directory to create.")],
    format_name: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="FORMAT",
            help=f"{', '.join((PUBLISHED, *FORMATS))}; what SRC looks like by default.",
        ),
    ] = None,
    questions: Annotated[
        str | None,
        typer.Option(metavar="QUESTIONS", help="Questions and gold answers that SRC lacks, as collect takes them."),
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="The model: whose samples are taken, or its name where SRC names none.")
    ] = None,
    license_name: Annotated[str, typer.Option("--license", help="Licence of the data.")] = "unknown",
    question_column: Annotated[str | None, _column("Text of the question.")] = None,
    gold_column: Annotated[str | None, _column("Correct answer, or a list of right ones.")] = None,
    samples_column: Annotated[str | None, _column("Texts of the model: one a row, or a list.")] = None,
    answer_column: Annotated[str | None, _column("Answers found already, taken as they are.")] = None,
    tokens_column: Annotated[str | None, _column("Lengths of the samples in tokens.")] = None,
    id_column: Annotated[
        str | None, _column("What rows of one question share; the text of the question by default.")
    ] = None,
    answers: Annotated[str | None, _answers("How answers are recognised; auto by default.", metavar="RULE")] = None,
    tokenizer: Annotated[
        str | None,
        _answers("Tokenizer for samples whose tokens SRC does not tell (extra collect).", metavar="MODEL"),
    ] = None,
    interval: Annotated[int, _answers("Tokens of an interval (Δ).", min=1)] = INTERVAL,
    regroup: Annotated[
        bool,
        _answers("Published format: group answers that are mathematically equal, as is done for others."),
    ] = False,
    cache: Annotated[
        str | None, _answers("Keep which answers are equal in FILE, for other imports.", metavar="FILE")
    ] = None,
) -> None:
    """Turn samples that are there into a store: logs of other tools, tables, or the published format."""
    place = Source(source)
    if format_name == PUBLISHED or (format_name is None and is_published(place)):
        _import_published(source, out, regroup, cache)
        return
    if regroup:
        raise typer.BadParameter("it is that of the published format", param_hint="--regroup")
    columns = Columns(id_column, question_column, gold_column, samples_column, answer_column, tokens_column)
    settings = ImportSettings(columns, questions, answers, interval, tokenizer, model, license_name)
    with working("Importing"):
        report = import_samples(place, out, format_name or recognised(place, columns), settings, cache)
    _tell(report, source, out)


def _import_published(source: str, out: Path, regroup: bool, cache: str | None) -> None:
    if cache is not None and not regroup:
        raise typer.BadParameter("it is that of --regroup", param_hint="--cache")
    if not regroup:
        with counted("questions", "Writing") as watch:
            import_published(source, out, watch=watch)
        print(f"Wrote {out}.")
        return
    with Equivalence(cache) as equivalence, counted("questions", "Grouping answers") as watch:
        import_published(source, out, equivalence.classes, watch)
    print(f"Wrote {out}. {equivalence.counts.shortfall}".rstrip())


def _tell(report: ImportReport, source: str, out: Path) -> None:
    print(
        f"Wrote {out}: {report.questions:,} questions with {report.samples:,} samples of {report.model}, "
        f"read as {report.format}."
    )
    for what, counts in (("Left out", report.left_out), ("Tokens", report.token_counts)):
        if counts:
            by = "by " if counts is report.token_counts else ""
            print(f"{what}: {', '.join(f'{count:,} {by}{name}' for name, count in counts.items())}.")
    if report.shortfall:
        print(report.shortfall)
    if CHARACTERS in report.token_counts:
        note(f"Note: costs are in {CHARACTERS} where {source} tells no tokens: give --tokens-column or --tokenizer.")
    if report.most == 1:
        note("Note: no question has more than one sample, so votes have nothing to vote on.")
    if summarise(load_store(out)).branch_accuracy == 0:
        print(
            f"Warning: no sample of any question is right: see the answers with tts-gym stores explain {out} QUESTION, "
            "and choose how they are recognised with --answers.",
            file=sys.stderr,
        )
