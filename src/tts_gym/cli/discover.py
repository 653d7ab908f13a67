"""``tts-gym discover``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tts_gym.cli.help import App
from tts_gym.cli.messages import note
from tts_gym.cli.options import AllowWeak, Resume, Rules
from tts_gym.cli.output import check_writable
from tts_gym.cli.progress import counted, working
from tts_gym.errors import TTSGymError
from tts_gym.registry import PROPOSERS

if TYPE_CHECKING:
    from tts_gym.discovery.loop import Discovery

app = App("Discover controllers: propose code, replay it, read why it failed, propose again.")

PROPOSER = "Proposer"
"""Panel of the help."""

Archived = Annotated[Path, typer.Argument(metavar="DIR", help="Directory of the discovery, or its packed file.")]
Directory = Annotated[Path, typer.Argument(metavar="DIR", help="Directory of the discovery.")]
Jobs = Annotated[int, typer.Option(min=1, help="Candidates scored at the same time.")]


@app.command()
def run(
    directory: Directory,
    search: Annotated[
        list[str] | None, typer.Option(metavar="STORE", help="Store to search on; each with --search.")
    ] = None,
    held_out: Annotated[
        list[str] | None, typer.Option(metavar="STORE", help="Store that only the report reads; each with --held-out.")
    ] = None,
    proposer: Annotated[
        str | None,
        typer.Option(
            help=f"Who writes candidates: {', '.join(PROPOSERS)}; manual by default.", rich_help_panel=PROPOSER
        ),
    ] = None,
    rounds: Annotated[int | None, typer.Option(min=1, help="Rounds in all; 8 by default.")] = None,
    candidates_per_round: Annotated[int | None, typer.Option(min=1, help="Proposals a round; 1 by default.")] = None,
    seeds: Annotated[int | None, typer.Option(min=1, help="Branch orders a question; 100 by default.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, max=2**31 - 1, help="Of everything that is drawn.")] = None,
    rules: Annotated[Rules | None, typer.Option(help="How tokens are charged and invalid answers voted.")] = None,
    seed_programs: Annotated[
        list[str] | None,
        typer.Option("--from", metavar="SPEC", help="Program to begin with: a name, or a file with a candidate."),
    ] = None,
    no_beta: Annotated[bool, typer.Option("--no-beta", help="Candidates are single points, without a knob.")] = False,
    no_traces: Annotated[bool, typer.Option("--no-traces", help="The proposer reads scores, no diagnosis.")] = False,
    model: Annotated[
        str | None, typer.Option(help="Model of openai and claude-agent.", rich_help_panel=PROPOSER)
    ] = None,
    base_url: Annotated[
        str | None, typer.Option(metavar="URL", help="Server of openai, up to /v1.", rich_help_panel=PROPOSER)
    ] = None,
    command: Annotated[
        str | None, typer.Option(help="Command line of the proposer command.", rich_help_panel=PROPOSER)
    ] = None,
    max_output: Annotated[
        int | None, typer.Option(min=1, help="Most tokens of a reply; 16,000 by default.", rich_help_panel=PROPOSER)
    ] = None,
    timeout: Annotated[
        float | None, typer.Option(min=0.001, help="Seconds of a proposal; 1,800 by default.", rich_help_panel=PROPOSER)
    ] = None,
    prices: Annotated[
        str | None, typer.Option(metavar="FILE", help="Prices by model, as for collect.", rich_help_panel=PROPOSER)
    ] = None,
    max_usd: Annotated[
        float | None, typer.Option(min=0, help="Stop before more dollars are spent.", rich_help_panel=PROPOSER)
    ] = None,
    max_tokens: Annotated[
        int | None, typer.Option(min=0, help="Stop before more tokens are spent.", rich_help_panel=PROPOSER)
    ] = None,
    template: Annotated[
        str | None, typer.Option(metavar="FILE", help="Prompt template of your own.", rich_help_panel=PROPOSER)
    ] = None,
    allow_weak_isolation: AllowWeak = False,
    resume: Resume = True,
    jobs: Jobs = 1,
) -> None:
    """Begin a discovery, or go on with it, until its rounds are done."""
    told: dict[str, Any] = {
        "search": search and tuple(search),
        "held_out": held_out and tuple(held_out),
        "proposer": proposer,
        "rounds": rounds,
        "candidates_per_round": candidates_per_round,
        "seeds": seeds,
        "seed": seed,
        "rules": rules and rules.value,
        "seed_programs": seed_programs and tuple(seed_programs),
        "beta": False if no_beta else None,
        "traces": False if no_traces else None,
        "model": model,
        "base_url": base_url,
        "command": command,
        "max_output": max_output,
        "timeout": timeout,
        "prices": prices,
        "max_usd": max_usd,
        "max_tokens": max_tokens,
        "template": template,
        "allow_weak_isolation": allow_weak_isolation or None,
    }
    told = {name: value for name, value in told.items() if value is not None}
    from tts_gym.discovery.archive import LAYOUT
    from tts_gym.discovery.loop import begin, go_on
    from tts_gym.discovery.settings import DiscoverySettings

    if resume and LAYOUT.is_begun(directory):
        discovery = go_on(directory, told, jobs, note)
    elif "search" not in told:
        raise TTSGymError("A discovery needs a store to search on: name one with --search.")
    else:
        discovery = begin(directory, DiscoverySettings(**told), jobs, note, fresh=not resume)
    _go(discovery, directory, None)


@app.command()
def step(directory: Directory, jobs: Jobs = 1) -> None:
    """Go on by one round: score the candidates that are there, and write the next workspace."""
    from tts_gym.discovery.loop import go_on

    _go(go_on(directory, {}, jobs, note), directory, 1)


@app.command()
def status(archive: Archived) -> None:
    """Print what was tried, with scores and reasons."""
    from tts_gym.discovery.report import status_text

    with working("Reading the archive"):
        text = status_text(archive)
    print(text)


@app.command()
def report(
    archive: Archived,
    held_out: Annotated[
        list[str] | None,
        typer.Option(metavar="STORE", help="Store that nothing was searched on; each with --held-out."),
    ] = None,
    allow_unaudited: Annotated[
        bool, typer.Option("--allow-unaudited", help="A class, whose code nobody knows, may be the winner.")
    ] = False,
) -> None:
    """Choose the winner and compare it, on the search stores and on those held out."""
    from tts_gym.discovery.report import write_report

    with working("Reading the archive"):
        page = write_report(archive, tuple(held_out or ()), allow_unaudited)
    print(page, end="")


@app.command()
def pack(
    directory: Directory,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FILE", help="File to write, FILE.tar.xz.")],
) -> None:
    """Write the discovery as one compressed file, which report and status read as they read the directory."""
    from tts_gym.discovery.packed import pack as write_packed

    check_writable(out)
    with working(f"Packing {directory}"):
        write_packed(directory, out)


def _go(discovery: Discovery, directory: Path, rounds: int | None) -> None:
    cost = discovery.estimate()
    if cost.tokens:
        dollars = "" if cost.dollars is None else f", ${cost.dollars:,.2f}"
        note(f"At most {cost.input:,} tokens read and {cost.output:,} written{dollars} in the rounds that are left.")
    with counted("candidates", "Discovering") as watch:
        outcome = discovery.run(rounds, watch)
    if outcome.reason == "waiting":
        for workspace in outcome.workspaces:
            print(f"Read {workspace / 'prompt.md'} and write {workspace / 'candidate.py'}; then: ", end="")
            print(f"tts-gym discover step {os.path.relpath(directory)}")
    elif outcome.reason == "limit":
        print(f"Stopped at the limit after {outcome.rounds} rounds: raise it and run this again.")
    else:
        print(f"{outcome.rounds} rounds are done: tts-gym discover report {os.path.relpath(directory)}")
