"""Options of the commands that ask a language model: what runs it, what it is asked, and how branches are drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from tts_gym.cli.options import read_option
from tts_gym.collectors.questions import Columns, Question, read_questions
from tts_gym.collectors.settings import CollectionSettings, Probing, Prompting
from tts_gym.registry import BACKENDS

DEFAULTS = CollectionSettings(backend="vllm", model="")

DRAWS = "Branches"
PROMPTS = "Prompts, probes and answers"
NAMES = "Columns and names"
MACHINES = "Speed and machines"
"""Panels of the help."""


def _draws(words: str, *names: str, **settings: Any) -> Any:
    return typer.Option(*names, help=words, rich_help_panel=DRAWS, **settings)


def _prompts(words: str, *names: str, **settings: Any) -> Any:
    return typer.Option(*names, help=words, rich_help_panel=PROMPTS, **settings)


def _names(words: str) -> Any:
    return typer.Option(help=words, rich_help_panel=NAMES)


def _machines(words: str, **settings: Any) -> Any:
    return typer.Option(help=words, rich_help_panel=MACHINES, **settings)


Questions = Annotated[
    str,
    typer.Argument(
        metavar="QUESTIONS",
        help=".jsonl, .csv or .parquet file; reasoning-gym:TASK?size=50&seed=1; or OWNER/NAME?split=test (hub).",
    ),
]
QuestionsToo = Annotated[
    str | None,
    typer.Argument(
        metavar="[QUESTIONS]",
        help=".jsonl, .csv or .parquet file; reasoning-gym:TASK?size=50&seed=1; or OWNER/NAME?split=test (hub). "
        "With --probe: the questions of STORE with their worked examples, by id; all of them as they are by default.",
    ),
]
Probe = Annotated[
    str | None,
    typer.Option(metavar="STORE", help="Draw nothing: probe the branches of a store that keeps their texts."),
]
Confidences = Annotated[bool, typer.Option("--confidences", help="With --probe: score the tokens of the branches too.")]
Model = Annotated[str, typer.Option(help="Name or path of the model.")]
Backend = Annotated[str, typer.Option(help=f"What runs the model: {', '.join(BACKENDS)}.")]
BackendOptions = Annotated[
    list[str] | None,
    typer.Option("-o", "--option", metavar="NAME=VALUE", help="Option of the backend, such as dtype=float32."),
]

Interval = Annotated[int, _draws("Tokens between two probes (Δ).", min=1)]
MaxTokens = Annotated[int, _draws("Most tokens of a branch.", min=1)]
Temperature = Annotated[float, _draws("Of the branches.", min=0)]
TopP = Annotated[float, _draws("Of the branches.")]
TopK = Annotated[int, _draws("Of the branches; 0 for all tokens.", min=0)]
Stop = Annotated[list[str] | None, _draws("Text that ends a branch; may be repeated.")]
Seed = Annotated[int | None, _draws("Of the draws, where the backend supports it.")]
TopLogprobs = Annotated[int, _draws("Most likely tokens behind topk_confidence; 0 leaves it out.", min=0)]
KeepText = Annotated[bool, _draws("Keep the text of every branch.", "--keep-text")]

Template = Annotated[str, _prompts("User's turn; {question} stands for the question.")]
System = Annotated[str | None, _prompts("System's turn.")]
Examples = Annotated[str | None, _prompts("Worked examples before every question, as QUESTIONS.", metavar="FILE")]
Chat = Annotated[bool, _prompts("Use the model's chat template.")]
EnableThinking = Annotated[
    bool | None,
    _prompts(
        "Argument enable_thinking of the chat template; the model's own default where neither is given.",
        "--enable-thinking/--no-enable-thinking",
    ),
]
ReasoningEffort = Annotated[str | None, _prompts("Argument reasoning_effort of the chat template, such as high.")]
TemplateArguments = Annotated[
    list[str] | None,
    _prompts("Any argument of the chat template; may be repeated.", "--template-arg", metavar="NAME=VALUE"),
]
Marks = Annotated[
    tuple[str, str] | None,
    _prompts("What the reasoning begins and ends with; that of the model by default.", metavar="OPENING ENDING"),
]
Closing = Annotated[
    str | None, _prompts("What ends the reasoning before an answer is forced; that of the model by default.")
]
ProbeSuffix = Annotated[
    str,
    _prompts("What the model is made to say before it answers.", show_default=repr(DEFAULTS.probing.suffix)),
]
ProbeTokens = Annotated[int, _prompts("Most tokens of a probe.", min=1)]
Answers = Annotated[
    str | None,
    _prompts(
        "How answers are found: auto, boxed, final-answer, choice, regex:PATTERN or the name of a benchmark; "
        "auto by default, and for a task of reasoning-gym its own rule."
    ),
]

IdColumn = Annotated[str, _names("Column of QUESTIONS with the ids.")]
QuestionColumn = Annotated[str, _names("Column of QUESTIONS with the texts.")]
GoldColumn = Annotated[str, _names("Column of QUESTIONS with the correct answers.")]

TensorParallelSize = Annotated[int | None, _machines("GPUs that vLLM spreads a model over.", min=1)]
RequestTimeout = Annotated[
    float | None, _machines("With --backend openai: seconds that the server may be silent, 120 by default.", min=0.001)
]


def prompting(
    template: str,
    system: str | None,
    examples: str | None,
    columns: Columns,
    chat: bool,
    arguments: Mapping[str, Any],
) -> Prompting:
    """How a question is put, from the options.

    Args:
        template: user's turn.
        system: system's turn.
        examples: source of worked examples.
        columns: names of their columns.
        chat: whether to use the chat template.
        arguments: of the chat template.
    """
    worked = read_questions(examples, columns) if examples else []
    return Prompting(template, system, tuple((example.question, example.gold) for example in worked), chat, arguments)


def template_arguments(
    enable_thinking: bool | None, reasoning_effort: str | None, others: Sequence[str] | None
) -> dict[str, Any]:
    """Arguments of the chat template by name, from the options.

    Args:
        enable_thinking: that of its name, if it is given.
        reasoning_effort: as above.
        others: those given as NAME=VALUE.
    """
    named = {"enable_thinking": enable_thinking, "reasoning_effort": reasoning_effort}
    given = {name: value for name, value in named.items() if value is not None}
    return given | dict(read_option(each, "--template-arg") for each in others or ())


def probing(
    suffix: str, tokens: int, marks: tuple[str, str] | None, closing: str | None, asked: Sequence[Question] = ()
) -> Probing:
    """How an answer is forced, from the options; it ends with its line, unless answers have several.

    Args:
        suffix: what the model is made to say.
        tokens: most tokens of the answer.
        marks: what the reasoning begins and ends with.
        closing: what ends it.
        asked: the questions.
    """
    several = any("\n" in question.gold.strip() for question in asked)
    return Probing(suffix, closing, () if several else DEFAULTS.probing.stop, tokens, marks)


def backend_options(
    backend: str, options: Sequence[str] | None, request_timeout: float | None, tensor_parallel_size: int | None
) -> dict[str, Any]:
    """Options of the backend by name.

    Args:
        backend: its kind.
        options: those given as NAME=VALUE.
        request_timeout: seconds that a server may be silent.
        tensor_parallel_size: GPUs that share a model.
    """
    found = dict(map(read_option, options or ()))
    if request_timeout is not None:
        if backend != "openai":
            raise typer.BadParameter("it is that of --backend openai", param_hint="--request-timeout")
        found["timeout"] = request_timeout
    if tensor_parallel_size is not None:
        found["tensor_parallel_size"] = tensor_parallel_size
    return found
