"""The command line, ``tts-gym``: one function a command."""

from __future__ import annotations

import json
import os
import sys
import warnings
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table

from tts_gym.agents.specs import is_file_spec, parse_spec
from tts_gym.datasets import StoreSummary, catalogue, import_published, load_store, summarise, verify_store
from tts_gym.errors import TTSGymError
from tts_gym.evaluation.evaluate import evaluate_many
from tts_gym.evaluation.report import plot_results, record, results_table
from tts_gym.evaluation.workers import Workers

app = typer.Typer(
    help="Evaluate test-time-scaling controllers on replayed reasoning trajectories.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
stores_app = typer.Typer(help="List, inspect, import and check replay stores.", no_args_is_help=True)
app.add_typer(stores_app, name="stores")

Store = Annotated[
    str, typer.Argument(metavar="STORE", help="Catalogue name, store directory or published-format .json.")
]


class Backend(StrEnum):
    """Where worker processes run."""

    loky = "loky"
    ray = "ray"


class Rules(StrEnum):
    """Accounting rules."""

    exact = "exact"
    published = "published"


@app.command()
def evaluate(
    stores: Annotated[
        list[str], typer.Argument(metavar="STORE...", help="Names, directories or published .json files.")
    ],
    controllers: Annotated[
        list[str],
        typer.Option("-c", "--controller", metavar="SPEC", help="name[:param=value,...], zoo, or FILE.py:NAME[:...]."),
    ],
    seeds: Annotated[int, typer.Option(min=1, help="Branch orders to replay each question in.")] = 100,
    rules: Annotated[Rules, typer.Option(help="How tokens are charged and invalid answers voted.")] = Rules.exact,
    jobs: Annotated[int, typer.Option(min=1, help="Worker processes.")] = 1,
    timeout: Annotated[
        float | None, typer.Option(min=0.001, help="Seconds a worker may take over a controller.")
    ] = None,
    backend: Annotated[
        Backend, typer.Option(help="Processes of this machine, or a Ray cluster (extra distributed).")
    ] = Backend.loky,
    address: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="A running Ray cluster; else one starts here.")
    ] = None,
    resume: Annotated[
        str | None, typer.Option(metavar="DIR", help="Keep what is finished in DIR, and go on from there.")
    ] = None,
    json_file: Annotated[str | None, typer.Option("--json", metavar="FILE|-", help="Write JSON.")] = None,
    csv_file: Annotated[str | None, typer.Option("--csv", metavar="FILE", help="Write CSV.")] = None,
    plot: Annotated[str | None, typer.Option(metavar="FILE", help="Draw the frontier; needs the extra report.")] = None,
) -> None:
    """Print the accuracy and the tokens of controllers on replay stores."""
    files = [file for file in (json_file, csv_file, plot) if file and file != "-"]
    for file in files:
        _check_writable(Path(file))
    named = [(spec, controller) for spec in controllers for controller in parse_spec(spec)]
    loaded = [(name, load_store(name)) for name in stores]
    pairs = [(controller, store) for _, store in loaded for _, controller in named]
    labels = [(name, spec) for name, _ in loaded for spec, _ in named]

    if address is not None and backend != Backend.ray:
        raise typer.BadParameter("it is that of a Ray cluster and needs --backend ray", param_hint="--address")
    workers = Workers(jobs, timeout, any(map(is_file_spec, controllers)), backend.value, address)
    running = evaluate_many(pairs, seeds, rules.value, workers, resume)
    screen = Console(stderr=True)
    evaluations = list(
        track(running, "Evaluating", len(pairs), console=screen, transient=True, disable=not screen.is_terminal)
    )

    records = [record(*label, evaluation) for label, evaluation in zip(labels, evaluations, strict=True)]
    if json_file:
        _write(json_file, json.dumps(records, indent=2) + "\n")
    if csv_file:
        frame = pd.DataFrame(records)
        _write(csv_file, frame.assign(params=frame["params"].map(json.dumps)).to_csv(index=False))
    if plot:
        Path(plot).parent.mkdir(parents=True, exist_ok=True)
        plot_results(evaluations, plot)
    if json_file != "-":
        _print(results_table(evaluations))


@stores_app.command("list")
def list_stores() -> None:
    """List the stores that come with the package."""
    table = Table("name", "model", "benchmark", "questions", "branches")
    for name in catalogue():
        facts = summarise(load_store(name))
        table.add_row(facts.name, facts.model, facts.benchmark, f"{facts.questions:,}", f"{facts.branches:,}")
    _print(table)


@stores_app.command()
def info(store: Store) -> None:
    """Say what a store holds."""
    _print_facts(summarise(load_store(store)))


@stores_app.command("import")
def import_store(
    source: Annotated[str, typer.Argument(metavar="SRC", help="Published-format .json file.")],
    out: Annotated[str, typer.Option(metavar="DIR", help="Store directory to create.")],
) -> None:
    """Turn a published-format file into a store directory."""
    import_published(source, out)
    print(f"Wrote {out}.")


@stores_app.command()
def verify(store: Store) -> None:
    """Read every table of a store with every check."""
    _print_facts(verify_store(store))
    print("No fault found.")


def main() -> None:
    """Run the command line; what the user can mend is told in one line, with exit status 2."""
    warnings.showwarning = _show_warning
    try:
        app()
    except (TTSGymError, OSError) as error:
        print("Error: " + " ".join(str(error).split()), file=sys.stderr)
        sys.exit(2)


def _show_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    print(f"Warning: {message}", file=sys.stderr)


def _check_writable(file: Path) -> None:
    """Refuse a file that could not be written after the work is done."""
    nearest = next(path for path in (file, *file.parents) if path.exists())
    if file.is_dir() or not os.access(nearest, os.W_OK) or (nearest != file and not nearest.is_dir()):
        raise TTSGymError(f"Cannot write {file}: choose a file in a directory that you can write to.")


def _write(file: str, text: str) -> None:
    """Write ``text`` whole or not at all; ``-`` is standard output."""
    if file == "-":
        sys.stdout.write(text)
        return
    Path(file).parent.mkdir(parents=True, exist_ok=True)
    partial = Path(f"{file}.partial")
    partial.write_text(text)
    partial.replace(file)


def _print(table: Table) -> None:
    """Print ``table``, as wide as it is where the output is not a terminal."""
    console = Console()
    if not console.is_terminal:
        console.width = 1000
    console.print(table)


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
        table.add_row(name.replace("_", " "), f"{shown:.3f}" if isinstance(shown, float) else str(shown))
    _print(table)
