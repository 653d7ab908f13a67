"""``tts-gym collect``."""

from __future__ import annotations

import sys
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from tts_gym.cli import drawing as options
from tts_gym.cli.drawing import DEFAULTS
from tts_gym.cli.ending import end_on_sigterm
from tts_gym.cli.options import Resume, read_option
from tts_gym.cli.output import print_table
from tts_gym.cli.progress import progress_shown
from tts_gym.cli.sources import read_source
from tts_gym.collectors.collect import CollectionProgress, local_runner
from tts_gym.collectors.collect import collect as run_collection
from tts_gym.collectors.distributed import Actors, ray_runner
from tts_gym.collectors.estimate import estimate
from tts_gym.collectors.questions import Columns
from tts_gym.collectors.settings import CollectionSettings
from tts_gym.collectors.shown import shown_prompt
from tts_gym.datasets import StoreSummary, load_store, summarise
from tts_gym.llm.prices import read_prices
from tts_gym.llm.tokenizer import Tokenizer
from tts_gym.registry import BACKENDS

ESTIMATE = "Estimating"
"""Panel of the help."""


class Executor(StrEnum):
    """Where the model runs."""

    local = "local"
    ray = "ray"


def collect(
    context: typer.Context,
    model: options.Model,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Directory of the store.")],
    questions: options.QuestionsToo = None,
    probe: options.Probe = None,
    confidences: options.Confidences = False,
    backend: options.Backend = DEFAULTS.backend,
    option: options.BackendOptions = None,
    resume: Resume = True,
    branches: Annotated[
        int, typer.Option("-n", "--branches", min=1, help="Branches a question.", rich_help_panel=options.DRAWS)
    ] = DEFAULTS.branches,
    interval: options.Interval = DEFAULTS.interval,
    max_tokens: options.MaxTokens = DEFAULTS.max_tokens,
    temperature: options.Temperature = DEFAULTS.temperature,
    top_p: options.TopP = DEFAULTS.top_p,
    top_k: options.TopK = DEFAULTS.top_k,
    stop: options.Stop = None,
    seed: options.Seed = None,
    block: Annotated[
        int, typer.Option(min=1, help="Branches of a question in a file.", rich_help_panel=options.DRAWS)
    ] = DEFAULTS.block,
    top_logprobs: options.TopLogprobs = DEFAULTS.top_logprobs,
    keep_text: options.KeepText = False,
    template: options.Template = DEFAULTS.prompting.template,
    system: options.System = None,
    examples: options.Examples = None,
    chat: options.Chat = True,
    enable_thinking: options.EnableThinking = None,
    reasoning_effort: options.ReasoningEffort = None,
    template_arg: options.TemplateArguments = None,
    marks: options.Marks = None,
    closing: options.Closing = None,
    probe_suffix: options.ProbeSuffix = DEFAULTS.probing.suffix,
    probe_tokens: options.ProbeTokens = DEFAULTS.probing.max_tokens,
    answers: options.Answers = None,
    id_column: options.IdColumn = "id",
    question_column: options.QuestionColumn = "question",
    gold_column: options.GoldColumn = "gold",
    name: Annotated[
        str | None, typer.Option(help="Name of the store; MODEL/BENCHMARK by default.", rich_help_panel=options.NAMES)
    ] = None,
    benchmark: Annotated[
        str | None,
        typer.Option(help="Name of the questions; that of the file by default.", rich_help_panel=options.NAMES),
    ] = None,
    license_name: Annotated[
        str | None,
        typer.Option("--license", help="Licence of the data; unknown by default.", rich_help_panel=options.NAMES),
    ] = None,
    concurrency: Annotated[
        int,
        typer.Option(min=1, help="Sequences that the backend is given at a time.", rich_help_panel=options.MACHINES),
    ] = 256,
    tensor_parallel_size: options.TensorParallelSize = None,
    request_timeout: options.RequestTimeout = None,
    executor: Annotated[
        Executor,
        typer.Option(
            help="This process, or actors on a Ray cluster (extra distributed).", rich_help_panel=options.MACHINES
        ),
    ] = Executor.local,
    address: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="With --executor ray: a running cluster; else one starts here.",
            rich_help_panel=options.MACHINES,
        ),
    ] = None,
    actors: Annotated[
        int,
        typer.Option(
            min=1, help="With --executor ray: actors, each with the whole model.", rich_help_panel=options.MACHINES
        ),
    ] = 1,
    gpus: Annotated[
        float, typer.Option(min=0, help="With --executor ray: GPUs of an actor.", rich_help_panel=options.MACHINES)
    ] = 0,
    show_prompt: Annotated[
        bool,
        typer.Option(
            "--show-prompt",
            help="Only print a prompt and its probes; the tokenizer alone is loaded.",
            rich_help_panel=options.PROMPTS,
        ),
    ] = False,
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
    source = read_source(context, questions, columns, probe, confidences)
    asked = source.questions
    arguments = options.template_arguments(enable_thinking, reasoning_effort, template_arg)
    drawn = CollectionSettings(
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
        answers=answers or source.rule,
        keep_text=keep_text,
        prompting=options.prompting(template, system, examples, columns, chat, arguments),
        probing=options.probing(probe_suffix, probe_tokens, marks, closing, asked),
    )
    settings = source.settings(drawn, confidences)
    if show_prompt:
        print(shown_prompt(asked[0], settings, Tokenizer(dict(map(read_option, option or ())).get("tokenizer", model))))
        return
    if dry_run:
        costs = read_prices(prices, model) if prices else None
        lengths = source.lengths(branches, min(branch_tokens or max_tokens, max_tokens))
        _print_estimate(asdict(estimate(asked, settings, lengths, tokens_per_second, costs)))
        return
    on_ray = executor == Executor.ray
    if not on_ray and (address is not None or actors > 1 or gpus):
        raise typer.BadParameter(
            "they are those of a Ray cluster and need --executor ray", param_hint="--address, --actors, --gpus"
        )
    told = options.backend_options(backend, option, request_timeout, tensor_parallel_size)
    runner = (
        ray_runner(Actors(actors, max(gpus, tensor_parallel_size or 0), told, concurrency), address)
        if on_ray
        else local_runner(told, concurrency)
    )
    end_on_sigterm()
    names = benchmark or source.benchmark, license_name or source.license_name
    with progress_shown("branches", _read) as watch:
        progress = run_collection(
            asked, settings, out, *names, runner, watch, name or source.name, not resume, source.given
        )
    store = load_store(out)
    facts = summarise(store)
    print(f"Wrote {out}: {facts.questions:,} questions with {_branches(facts)}. {_told(progress)}")
    for shortfall in filter(None, (progress.grouping.shortfall, progress.scoring.shortfall, *source.shortfall(store))):
        print(shortfall)
    if facts.branch_accuracy == 0:
        print(
            f"Warning: no branch of any question is right: see the answers with tts-gym stores explain {out} QUESTION, "
            f"and whether --answers {settings.answers} fits.",
            file=sys.stderr,
        )


def _print_estimate(facts: dict[str, Any]) -> None:
    table = Table(show_header=False)
    for name, value in facts.items():
        if value is not None:
            table.add_row(name.replace("_", " "), f"{value:,.2f}" if isinstance(value, float) else f"{value:,}")
    print_table(table)


def _branches(facts: StoreSummary) -> str:
    each = facts.branches / facts.questions
    return f"{each:,.0f} branches each" if each.is_integer() else f"{facts.branches:,} branches"


def _told(progress: CollectionProgress) -> str:
    usage = progress.usage
    spent = f"{usage.generated + usage.probe:,} tokens, {progress.tokens_per_second:,.0f} a second"
    share = progress.cache_hit_rate
    return f"{spent}." if share is None else f"{spent}, {100 * share:.0f} % of the prefixes of probes from the cache."


def _read(progress: CollectionProgress) -> tuple[int, int, str]:
    return progress.kept + progress.done + progress.failed, progress.branches, _line(progress)


def _line(progress: CollectionProgress) -> str:
    failed = f", {progress.failed} failed" if progress.failed else ""
    damaged = f", {progress.damaged} damaged shards are drawn again" if progress.damaged else ""
    share = progress.cache_hit_rate
    cached = "" if share is None else f", {100 * share:.0f} % of prefixes cached"
    return f"{progress.tokens_per_second:,.0f} tokens/s{cached}{failed}{damaged}"
