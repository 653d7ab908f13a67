"""``tts-gym answers``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from tts_gym.answers.check import CheckedCase, check, read_cases, summary
from tts_gym.cli.help import App
from tts_gym.cli.output import figures, print_table, write
from tts_gym.cli.progress import tracked

app = App("Try how answers are found in texts and told apart.")


@app.command("check")
def check_answers(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE.jsonl",
            help="A case a line: text (and rule) or answer; gold; equal, whether they are the same; family, if wanted.",
        ),
    ],
    json_file: Annotated[
        str | None, typer.Option("--json", metavar="FILE|-", help="Write the counts as JSON; - for standard output.")
    ] = None,
) -> None:
    """Say how often the answer is found in a text and taken for the gold answer as it should be."""
    outcomes = check(tracked(read_cases(file), "cases", "Checking"))
    if json_file != "-":
        _print(outcomes)
    if json_file is not None:
        write(json_file, json.dumps(summary(outcomes), indent=2, ensure_ascii=False) + "\n")


def _print(outcomes: Sequence[CheckedCase]) -> None:
    counts = summary(outcomes)
    table = Table("family", *figures("cases", "right", "false merges", "false splits"))
    for name, row in [*counts["families"].items(), ("all", counts)]:
        numbers = (row[key] for key in ("cases", "right", "false_merges", "false_splits"))
        table.add_row(escape(name), *map(str, numbers))
    print_table(table)
    for outcome in outcomes:
        if not outcome.is_right:
            case = outcome.case
            what = "false merge" if outcome.equal else "false split" if case.equal else "wrong"
            said = case.answer if case.text is None else case.text
            print(f"{what}: {said!r} gives {outcome.answer!r}, the gold answer is {case.gold!r} ({case.family})")
