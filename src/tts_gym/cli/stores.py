"""``tts-gym stores``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from tts_gym.cli.derived import merge, sample
from tts_gym.cli.help import App
from tts_gym.cli.hub import pull_store, push_store
from tts_gym.cli.importing import import_store
from tts_gym.cli.output import figures, print_table
from tts_gym.cli.progress import counted, working
from tts_gym.collectors.explain import explain as explain_answers
from tts_gym.collectors.regrade import regrade
from tts_gym.datasets import StoreSummary, catalogue, load_store, summarise, verify_store
from tts_gym.datasets.card import dataset_card

app = App("List, inspect, import, merge, sample, check and share replay stores.")
app.command("import")(import_store)
app.command()(merge)
app.command()(sample)
app.command("push")(push_store)
app.command("pull")(pull_store)

Store = Annotated[
    str, typer.Argument(metavar="STORE", help="Catalogue name, store directory or published-format .json.")
]


@app.command("list")
def list_stores() -> None:
    """List the stores that come with the package."""
    table = Table("name", "model", "benchmark", *figures("questions", "branches"))
    for name in catalogue():
        facts = summarise(load_store(name))
        words = map(escape, (facts.name, facts.model, facts.benchmark))
        table.add_row(*words, f"{facts.questions:,}", f"{facts.branches:,}")
    print_table(table)


@app.command()
def info(store: Store) -> None:
    """Say what a store holds."""
    with working("Reading"):
        facts = summarise(load_store(store))
    _print_facts(facts)


@app.command()
def card(store: Store) -> None:
    """Print the dataset card of a store."""
    with working("Reading"):
        described = load_store(store)
        facts = summarise(described)
    print(dataset_card(facts, described.metadata), end="")


@app.command()
def explain(
    store: Annotated[str, typer.Argument(metavar="STORE", help="Catalogue name or store directory.")],
    question: Annotated[str, typer.Argument(metavar="QUESTION", help="Id of the question.")],
) -> None:
    """Say which answers to a question count as the same, and by which comparison (extra collect)."""
    table = Table(*figures("class"), "answer", *figures("branches", "probes"), "right", "same by")
    with working("Comparing answers"):
        spellings = explain_answers(store, question)
    for one in spellings:
        right = "right" if one.is_right else ""
        table.add_row(
            str(one.number), escape(one.text), str(one.branches), str(one.probes), right, escape(one.comparison)
        )
    print_table(table)


@app.command("regrade")
def regrade_store(
    store: Annotated[str, typer.Argument(metavar="STORE", help="Catalogue name or store directory.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Store directory to create.")],
    answers: Annotated[
        str | None, typer.Option(metavar="RULE", help="How answers are recognised; as they were by default.")
    ] = None,
) -> None:
    """Find and group the answers of a store that keeps its texts anew (extra collect)."""
    with counted("questions", "Reading answers") as watch:
        shortfall = regrade(store, out, answers, watch)
    print(f"Wrote {out}. {shortfall}".rstrip())
    _print_facts(summarise(load_store(out)))


@app.command()
def verify(store: Store) -> None:
    """Read every table of a store with every check."""
    with working("Reading"):
        facts = verify_store(store)
    _print_facts(facts)
    print("No fault found.")


def _print_facts(facts: StoreSummary) -> None:
    table = Table(show_header=False)
    for name, value in asdict(facts).items():
        shown = (
            ", ".join(value) or "none"
            if isinstance(value, tuple)
            else f"{value:,}"
            if isinstance(value, int)
            else value
        )
        text = f"{shown:.3f}" if isinstance(shown, float) else escape(str(shown))
        table.add_row(name.replace("_", " "), text)
    print_table(table)
