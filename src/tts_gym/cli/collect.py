"""``tts-gym collect``."""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from tts_gym.cli.options import Resume, read_option
from tts_gym.cli.output import print_table, progress_shown
from tts_gym.collectors.collect import CollectionProgress, local_runner
from tts_gym.collectors.collect import collect as run_collection
from tts_gym.collectors.distributed import Actors, ray_runner
from tts_gym.collectors.estimate import estimate
from tts_gym.collectors.questions import Columns, Question, read_questions, usual_rule
from tts_gym.collectors.settings import CollectionSettings, Probing, Prompting
from tts_gym.datasets import load_store, summarise
from tts_gym.llm.prices import read_prices
from tts_gym.registry import BACKENDS

DEFAULTS = CollectionSettings(backend="vllm", model="")

DRAWS = "Branches"
PROMPTS = "Prompts, probes and answers"
NAMES = "Columns and names"
MACHINES = "Speed and machines"
ESTIMATE = "Estimating"
"""Panels of the help."""


class Executor(StrEnum):
    """Where the model runs."""

    local = "local"
    ray = "ray"


def collect(
    questions: Annotated[
        str,
        typer.Argument(
            metavar="QUESTIONS",
            help=".jsonl, .csv or .parquet file; reasoning-gym:TASK?size=50&seed=1; or OWNER/NAME?split=test (hub).",
        ),
    ],
    model: Annotated[str, typer.Option(help="Name or path of the model.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Directory of the store.")],
    backend: Annotated[str, typer.Option(help=f"What runs the model: {', '.join(BACKENDS)}.")] = DEFAULTS.backend,
    option: Annotated[
        list[str] | None,
        typer.Option("-o", "--option", metavar="NAME=VALUE", help="Option of the backend, such as dtype=float32."),
    ] = None,
    resume: Resume = True,
    branches: Annotated[
        int, typer.Option("-n", "--branches", min=1, help="Branches a question.", rich_help_panel=DRAWS)
    ] = DEFAULTS.branches,
    interval: Annotated[
        int, typer.Option(min=1, help="Tokens between two probes (Δ).", rich_help_panel=DRAWS)
    ] = DEFAULTS.interval,
    max_tokens: Annotated[
        int, typer.Option(min=1, help="Most tokens of a branch.", rich_help_panel=DRAWS)
    ] = DEFAULTS.max_tokens,
    temperature: Annotated[
        float, typer.Option(min=0, help="Of the branches.", rich_help_panel=DRAWS)
    ] = DEFAULTS.temperature,
    top_p: Annotated[float, typer.Option(help="Of the branches.", rich_help_panel=DRAWS)] = DEFAULTS.top_p,
    top_k: Annotated[
        int, typer.Option(min=0, help="Of the branches; 0 for all tokens.", rich_help_panel=DRAWS)
    ] = DEFAULTS.top_k,
    stop: Annotated[
        list[str] | None, typer.Option(help="Text that ends a branch; may be repeated.", rich_help_panel=DRAWS)
    ] = None,
    seed: Annotated[
        int | None, typer.Option(help="Of the draws, where the backend supports it.", rich_help_panel=DRAWS)
    ] = None,
    block: Annotated[
        int, typer.Option(min=1, help="Branches drawn and kept together.", rich_help_panel=DRAWS)
    ] = DEFAULTS.block,
    top_logprobs: Annotated[
        int,
        typer.Option(min=0, help="Most likely tokens behind topk_confidence; 0 leaves it out.", rich_help_panel=DRAWS),
    ] = DEFAULTS.top_logprobs,
    keep_text: Annotated[
        bool, typer.Option("--keep-text", help="Keep the text of every branch.", rich_help_panel=DRAWS)
    ] = False,
    template: Annotated[
        str, typer.Option(help="User's turn; {question} stands for the question.", rich_help_panel=PROMPTS)
    ] = DEFAULTS.prompting.template,
    system: Annotated[str | None, typer.Option(help="System's turn.", rich_help_panel=PROMPTS)] = None,
    examples: Annotated[
        str | None,
        typer.Option(
            metavar="FILE", help="Worked examples before every question, as QUESTIONS.", rich_help_panel=PROMPTS
        ),
    ] = None,
    chat: Annotated[bool, typer.Option(help="Use the model's chat template.", rich_help_panel=PROMPTS)] = True,
    probe_suffix: Annotated[
        str, typer.Option(help="What the model is made to say before it answers.", rich_help_panel=PROMPTS)
    ] = DEFAULTS.probing.suffix,
    probe_tokens: Annotated[
        int, typer.Option(min=1, help="Most tokens of a probe.", rich_help_panel=PROMPTS)
    ] = DEFAULTS.probing.max_tokens,
    answers: Annotated[
        str | None,
        typer.Option(
            help="How answers are found: auto, boxed, final-answer, choice, regex:PATTERN or the name of a benchmark; "
            "auto by default, and for a task of reasoning-gym its own rule.",
            rich_help_panel=PROMPTS,
        ),
    ] = None,
    id_column: Annotated[str, typer.Option(help="Column of QUESTIONS with the ids.", rich_help_panel=NAMES)] = "id",
    question_column: Annotated[
        str, typer.Option(help="Column of QUESTIONS with the texts.", rich_help_panel=NAMES)
    ] = "question",
    gold_column: Annotated[
        str, typer.Option(help="Column of QUESTIONS with the correct answers.", rich_help_panel=NAMES)
    ] = "gold",
    name: Annotated[
        str | None, typer.Option(help="Name of the store; MODEL/BENCHMARK by default.", rich_help_panel=NAMES)
    ] = None,
    benchmark: Annotated[
        str | None, typer.Option(help="Name of the questions; that of the file by default.", rich_help_panel=NAMES)
    ] = None,
    license_name: Annotated[
        str, typer.Option("--license", help="Licence of the data.", rich_help_panel=NAMES)
    ] = "unknown",
    concurrency: Annotated[
        int, typer.Option(min=1, help="Sequences that the backend is given at a time.", rich_help_panel=MACHINES)
    ] = 256,
    tensor_parallel_size: Annotated[
        int | None,
        typer.Option(min=1, help="GPUs that vLLM spreads a model over.", rich_help_panel=MACHINES),
    ] = None,
    request_timeout: Annotated[
        float | None,
        typer.Option(
            min=0.001,
            help="With --backend openai: seconds that the server may be silent, 120 by default.",
            rich_help_panel=MACHINES,
        ),
    ] = None,
    executor: Annotated[
        Executor,
        typer.Option(help="This process, or actors on a Ray cluster (extra distributed).", rich_help_panel=MACHINES),
    ] = Executor.local,
    address: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="With --executor ray: a running cluster; else one starts here.",
            rich_help_panel=MACHINES,
        ),
    ] = None,
    actors: Annotated[
        int,
        typer.Option(min=1, help="With --executor ray: actors, each with the whole model.", rich_help_panel=MACHINES),
    ] = 1,
    gpus: Annotated[
        float, typer.Option(min=0, help="With --executor ray: GPUs of an actor.", rich_help_panel=MACHINES)
    ] = 0,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only estimate what it takes.", rich_help_panel=ESTIMATE)
    ] = False,
    branch_tokens: Annotated[
        int | None,
        typer.Option(min=1, help="Tokens of a typical branch; --max-tokens by default.", rich_help_panel=ESTIMATE),
    ] = None,
    tokens_per_second: Annotated[
        float | None,
        typer.Option(min=0.001, help="Tokens that the backend generates a second.", rich_help_panel=ESTIMATE),
    ] = None,
    prices: Annotated[
        str | None, typer.Option(metavar="FILE", help="JSON with the prices of models.", rich_help_panel=ESTIMATE)
    ] = None,
) -> None:
    """Fill a replay store from a language model: branches, probes, answers and confidences."""
    BACKENDS.check(backend)
    columns = Columns(id_column, question_column, gold_column)
    asked = read_questions(questions, columns)
    worked = read_questions(examples, columns) if examples else []
    settings = CollectionSettings(
        backend=backend,
        model=model,
        branches=branches,
        interval=interval,
        temperature=temperature,
        top_p=top_p,
        top_k=top_k,
        max_tokens=max_tokens,
        stop=tuple(stop or ()),
        seed=seed,
        block=block,
        top_logprobs=top_logprobs,
        answers=answers or usual_rule(questions),
        keep_text=keep_text,
        prompting=Prompting(template, system, tuple((example.question, example.gold) for example in worked), chat),
        probing=Probing(suffix=probe_suffix, max_tokens=probe_tokens, stop=_probe_stop(asked)),
    )
    if dry_run:
        costs = read_prices(prices, model) if prices else None
        expected = min(branch_tokens or max_tokens, max_tokens)
        _print_estimate(asdict(estimate(asked, settings, expected, tokens_per_second, costs)))
        return
    on_ray = executor == Executor.ray
    if not on_ray and (address is not None or actors > 1 or gpus):
        raise typer.BadParameter(
            "they are those of a Ray cluster and need --executor ray", param_hint="--address, --actors, --gpus"
        )
    options = dict(map(read_option, option or ()))
    if request_timeout is not None:
        if backend != "openai":
            raise typer.BadParameter("it is that of --backend openai", param_hint="--request-timeout")
        options["timeout"] = request_timeout
    if tensor_parallel_size is not None:
        options["tensor_parallel_size"] = tensor_parallel_size
    runner = (
        ray_runner(Actors(actors, max(gpus, tensor_parallel_size or 0), options, concurrency), address)
        if on_ray
        else local_runner(options, concurrency)
    )
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    asked_from = benchmark or Path(questions.partition("?")[0]).stem
    with progress_shown("units", _read) as watch:
        progress = run_collection(asked, settings, out, asked_from, license_name, runner, watch, name, not resume)
    facts = summarise(load_store(out))
    print(f"Wrote {out}: {facts.questions:,} questions with {branches:,} branches each. {_told(progress)}")
    for shortfall in filter(None, (progress.grouping.shortfall, progress.scoring.shortfall)):
        print(shortfall)
    if facts.branch_accuracy == 0:
        print(
            f"Warning: no branch of any question is right: see the answers with tts-gym stores explain {out} QUESTION, "
            f"and whether --answers {settings.answers} fits.",
            file=sys.stderr,
        )


def _probe_stop(asked: Sequence[Question]) -> tuple[str, ...]:
    """What ends a forced answer: the end of its line, unless answers have several."""
    return () if any("\n" in question.gold.strip() for question in asked) else DEFAULTS.probing.stop


def _print_estimate(facts: dict[str, Any]) -> None:
    table = Table(show_header=False)
    for name, value in facts.items():
        if value is not None:
            table.add_row(name.replace("_", " "), f"{value:,.2f}" if isinstance(value, float) else f"{value:,}")
    print_table(table)


def _told(progress: CollectionProgress) -> str:
    usage = progress.usage
    spent = f"{usage.generated + usage.probe:,} tokens, {progress.tokens_per_second:,.0f} a second"
    share = progress.cache_hit_rate
    return f"{spent}." if share is None else f"{spent}, {100 * share:.0f} % of the prefixes of probes from the cache."


def _read(progress: CollectionProgress) -> tuple[int, int, str]:
    return progress.kept + progress.done + progress.failed, progress.units, _line(progress)


def _line(progress: CollectionProgress) -> str:
    left = progress.seconds_left
    rest = "" if left is None else f", {left / 60:,.0f} min left"
    failed = f", {progress.failed} failed" if progress.failed else ""
    damaged = f", {progress.damaged} damaged shards are drawn again" if progress.damaged else ""
    share = progress.cache_hit_rate
    cached = "" if share is None else f", {100 * share:.0f} % of prefixes cached"
    return f"{progress.tokens_per_second:,.0f} tokens/s{cached}{rest}{failed}{damaged}"
