"""``tts-gym collect``."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

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


def collect(
    questions: Annotated[
        str,
        typer.Argument(
            metavar="QUESTIONS",
            help=".jsonl, .csv or .parquet file; reasoning-gym:TASK?size=50&seed=1; or OWNER/NAME?split=test (hub).",
        ),
    ],
    model: Annotated[str, typer.Option(help="Name or path of the model.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Directory of the store; an interrupted one goes on.")],
    backend: Annotated[str, typer.Option(help=f"What runs the model: {', '.join(BACKENDS)}.")] = DEFAULTS.backend,
    option: Annotated[
        list[str] | None,
        typer.Option("-o", "--option", metavar="NAME=VALUE", help="Option of the backend, such as dtype=float32."),
    ] = None,
    branches: Annotated[int, typer.Option("-n", "--branches", min=1, help="Branches a question.")] = DEFAULTS.branches,
    interval: Annotated[int, typer.Option(min=1, help="Tokens between two probes (Δ).")] = DEFAULTS.interval,
    max_tokens: Annotated[int, typer.Option(min=1, help="Most tokens of a branch.")] = DEFAULTS.max_tokens,
    temperature: Annotated[float, typer.Option(min=0, help="Of the branches.")] = DEFAULTS.temperature,
    top_p: Annotated[float, typer.Option(help="Of the branches.")] = DEFAULTS.top_p,
    top_k: Annotated[int, typer.Option(min=0, help="Of the branches; 0 for all tokens.")] = DEFAULTS.top_k,
    stop: Annotated[list[str] | None, typer.Option(help="Text that ends a branch; may be repeated.")] = None,
    seed: Annotated[int | None, typer.Option(help="Of the draws, where the backend supports it.")] = None,
    block: Annotated[int, typer.Option(min=1, help="Branches drawn and kept together.")] = DEFAULTS.block,
    top_logprobs: Annotated[
        int, typer.Option(min=0, help="Most likely tokens behind topk_confidence; 0 leaves it out.")
    ] = DEFAULTS.top_logprobs,
    answers: Annotated[
        str | None,
        typer.Option(
            help="How answers are found: auto, boxed, final-answer, choice, regex:PATTERN or the name of a benchmark; "
            "auto by default, and for a task of reasoning-gym its own rule."
        ),
    ] = None,
    keep_text: Annotated[bool, typer.Option("--keep-text", help="Keep the text of every branch.")] = False,
    template: Annotated[
        str, typer.Option(help="User's turn; {question} stands for the question.")
    ] = DEFAULTS.prompting.template,
    system: Annotated[str | None, typer.Option(help="System's turn.")] = None,
    examples: Annotated[
        str | None, typer.Option(metavar="FILE", help="Worked examples before every question, as QUESTIONS.")
    ] = None,
    chat: Annotated[bool, typer.Option(help="Use the model's chat template.")] = True,
    probe_suffix: Annotated[
        str, typer.Option(help="What the model is made to say before it answers.")
    ] = DEFAULTS.probing.suffix,
    probe_tokens: Annotated[int, typer.Option(min=1, help="Most tokens of a probe.")] = DEFAULTS.probing.max_tokens,
    id_column: Annotated[str, typer.Option(help="Column of QUESTIONS with the ids.")] = "id",
    question_column: Annotated[str, typer.Option(help="Column of QUESTIONS with the texts.")] = "question",
    gold_column: Annotated[str, typer.Option(help="Column of QUESTIONS with the correct answers.")] = "gold",
    name: Annotated[str | None, typer.Option(help="Name of the store; MODEL/BENCHMARK by default.")] = None,
    benchmark: Annotated[str | None, typer.Option(help="Name of the questions; that of the file by default.")] = None,
    license_name: Annotated[str, typer.Option("--license", help="Licence of the data.")] = "unknown",
    concurrency: Annotated[int, typer.Option(min=1, help="Sequences that the backend is given at a time.")] = 256,
    request_timeout: Annotated[
        float | None,
        typer.Option(min=0.001, help="With --backend openai: seconds that the server may be silent, 120 by default."),
    ] = None,
    ray: Annotated[bool, typer.Option("--ray", help="Run on a Ray cluster (extra distributed).")] = False,
    address: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="With --ray: a running cluster; else one starts here.")
    ] = None,
    actors: Annotated[int, typer.Option(min=1, help="With --ray: actors, each with the whole model.")] = 1,
    gpus: Annotated[float, typer.Option(min=0, help="With --ray: GPUs of an actor.")] = 0,
    tensor_parallel_size: Annotated[
        int | None, typer.Option(min=1, help="GPUs that vLLM spreads the model over; with --ray those of an actor.")
    ] = None,
    resume: Annotated[bool, typer.Option(help="Go on with what DIR holds; else DIR must be new.")] = True,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only estimate what it takes.")] = False,
    branch_tokens: Annotated[
        int | None, typer.Option(min=1, help="With --dry-run: tokens of a typical branch; --max-tokens by default.")
    ] = None,
    tokens_per_second: Annotated[
        float | None, typer.Option(min=0.001, help="With --dry-run: tokens that the backend generates a second.")
    ] = None,
    prices: Annotated[
        str | None, typer.Option(metavar="FILE", help="With --dry-run: JSON with the prices of models.")
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
    if not resume and out.exists():
        raise typer.BadParameter(f"{out} exists already", param_hint="--no-resume")
    if not ray and (address is not None or actors > 1 or gpus):
        raise typer.BadParameter(
            "they are those of a Ray cluster and need --ray", param_hint="--address, --actors, --gpus"
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
        if ray
        else local_runner(options, concurrency)
    )
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    asked_from = benchmark or Path(questions.partition("?")[0]).stem
    with progress_shown("units", _read) as watch:
        progress = run_collection(asked, settings, out, asked_from, license_name, runner, watch, name)
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


def read_option(text: str, hint: str = "--option") -> tuple[str, Any]:
    """Name and value of NAME=VALUE; the value is JSON, or else text."""
    name, equals, value = text.partition("=")
    if not equals:
        raise typer.BadParameter(f"{text!r} is not NAME=VALUE", param_hint=hint)
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


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
