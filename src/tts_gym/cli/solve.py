"""``tts-gym solve``."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from tts_gym.agents.controller import Controller
from tts_gym.agents.specs import one_controller
from tts_gym.cli import drawing as options
from tts_gym.cli.drawing import DEFAULTS
from tts_gym.cli.ending import end_on_sigterm
from tts_gym.cli.options import Resume
from tts_gym.cli.output import check_writable, figures, print_table, write
from tts_gym.cli.progress import progress_shown
from tts_gym.collectors.questions import Columns, read_questions, usual_rule
from tts_gym.episode.state import NO_BUDGET
from tts_gym.errors import LiveError
from tts_gym.live.answering import Solving
from tts_gym.live.api import MOST_BRANCHES, running_model
from tts_gym.live.run import RunProgress, run
from tts_gym.registry import BACKENDS
from tts_gym.sandbox.jailed_controller import check_live

EPISODES = "Episodes"
"""Panel of the help."""


def solve(
    questions: options.Questions,
    controller: Annotated[
        str, typer.Option("-c", "--controller", metavar="SPEC", help="name[:param=value,...], rl:MODEL, FILE.py:NAME.")
    ],
    model: options.Model,
    out: Annotated[Path, typer.Option(metavar="FILE", help="Where the answers go, a line of JSON each.")],
    backend: options.Backend = DEFAULTS.backend,
    option: options.BackendOptions = None,
    resume: Resume = True,
    trust: Annotated[
        bool, typer.Option("--trust", help="Run a candidate's file, such as winner.py, as your own code.")
    ] = False,
    json_file: Annotated[
        str | None, typer.Option("--json", metavar="FILE|-", help="Write the summary as JSON.")
    ] = None,
    budget: Annotated[
        int | None, typer.Option(min=1, help="Tokens that a question may spend.", rich_help_panel=EPISODES)
    ] = None,
    deadline: Annotated[
        float | None,
        typer.Option(min=0.001, help="Seconds after which the best answer so far counts.", rich_help_panel=EPISODES),
    ] = None,
    branches: Annotated[
        int, typer.Option("-n", "--branches", min=1, help="Most branches of a question.", rich_help_panel=EPISODES)
    ] = MOST_BRANCHES,
    ahead: Annotated[
        int,
        typer.Option(
            min=0,
            help="Intervals that a branch goes on for while the controller thinks; 0 asks for each by itself.",
            rich_help_panel=EPISODES,
        ),
    ] = 1,
    record: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write the run as a replay store.", rich_help_panel=EPISODES)
    ] = None,
    shadow: Annotated[
        str | None,
        typer.Option(
            metavar="SPEC",
            help="With --record: a controller that goes on with the same branches once the answer is out.",
            rich_help_panel=EPISODES,
        ),
    ] = None,
    interval: options.Interval = DEFAULTS.interval,
    max_tokens: options.MaxTokens = DEFAULTS.max_tokens,
    temperature: options.Temperature = DEFAULTS.temperature,
    top_p: options.TopP = DEFAULTS.top_p,
    top_k: options.TopK = DEFAULTS.top_k,
    stop: options.Stop = None,
    seed: options.Seed = None,
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
    at_once: Annotated[int, typer.Option(min=1, help="Questions at a time.", rich_help_panel=options.MACHINES)] = 64,
    concurrency: Annotated[
        int, typer.Option(min=1, help="Requests at a time.", rich_help_panel=options.MACHINES)
    ] = 256,
    tensor_parallel_size: options.TensorParallelSize = None,
    request_timeout: options.RequestTimeout = None,
) -> None:
    """Answer questions with a controller on a running model."""
    BACKENDS.check(backend)
    check_writable(out)
    if shadow is not None and record is None:
        raise typer.BadParameter("it needs --record, which keeps what it draws", param_hint="--shadow")
    columns = Columns(id_column, question_column, gold_column)
    asked = read_questions(questions, columns, gold_needed=False)
    arguments = options.template_arguments(enable_thinking, reasoning_effort, template_arg)
    solving = Solving(
        _live(controller, trust),
        budget or NO_BUDGET,
        deadline,
        _live(shadow, trust) if shadow else None,
        keep_text,
    )
    end_on_sigterm()
    with (
        progress_shown("questions", _read) as watch,
        running_model(
            model,
            backend,
            options.backend_options(backend, option, request_timeout, tensor_parallel_size),
            ahead,
            concurrency,
            branches=branches,
            interval=interval,
            max_tokens=max_tokens,
            temperature=temperature,
            top_p=top_p,
            top_k=top_k,
            stop=tuple(stop or ()),
            seed=seed,
            top_logprobs=top_logprobs,
            answers=answers or usual_rule(questions),
            prompting=options.prompting(template, system, examples, columns, chat, arguments),
            probing=options.probing(probe_suffix, probe_tokens, marks, closing, asked),
        ) as live,
    ):
        try:
            rows = run(asked, solving, live, out, record, at_once, not resume, watch)
        except KeyboardInterrupt:
            print(f"Interrupted: what is answered is in {out}, and the same command goes on.", file=sys.stderr)
            raise typer.Exit(130) from None
    summary = _summary(rows)
    if json_file:
        write(json_file, json.dumps(summary, indent=2) + "\n")
    if json_file != "-":
        _print(summary, out)
    _tell_failed(rows)


def _live(spec: str, trust: bool) -> Controller:
    controller = one_controller(spec, trust)
    check_live(controller)
    return controller


def _tell_failed(rows: Sequence[dict[str, Any]]) -> None:
    failed = [row for row in rows if row["error"] is not None]
    if failed:
        raise LiveError(
            f"{len(failed):,} of {len(rows):,} questions have no answer, {failed[0]['id']!r} because "
            f"{failed[0]['error'].rstrip('.')}: the same command tries them again."
        )


def _summary(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Counts and means; None where there is nothing to take the mean of."""
    answered = [row for row in rows if row["error"] is None]
    graded = [row["correct"] for row in answered if row["correct"] is not None]

    def mean(name: str) -> float | None:
        values = [row[name] for row in answered if row[name] is not None]
        return sum(values) / len(values) if values else None

    means = ("tokens", "sequential_tokens", "width", "generated", "overrun", "forced", "prompt", "cached", "seconds")
    return {
        "questions": len(rows),
        "failed": len(rows) - len(answered),
        "accuracy": 100 * sum(graded) / len(graded) if graded else None,
        **{name: mean(name) for name in means},
    }


def _print(summary: dict[str, Any], out: Path) -> None:
    table = Table("", *figures("mean"))
    for name, value in summary.items():
        if value is not None:
            table.add_row(name.replace("_", " "), f"{value:,}" if isinstance(value, int) else f"{value:,.1f}")
    print_table(table)
    print(f"Wrote {out}.")


def _read(progress: RunProgress) -> tuple[int, int, str]:
    failed = f", {progress.failed} failed" if progress.failed else ""
    rate = progress.generated / max(progress.seconds, 1e-9)
    return progress.kept + progress.done + progress.failed, progress.questions, f"{rate:,.0f} tokens/s{failed}"
