"""``tts-gym serve``."""

from __future__ import annotations

import os
from contextlib import ExitStack
from typing import Annotated

import typer

from tts_gym.cli import drawing as options
from tts_gym.cli.drawing import DEFAULTS
from tts_gym.cli.ending import end_on_sigterm
from tts_gym.cli.progress import working
from tts_gym.collectors.settings import CollectionSettings, Prompting
from tts_gym.episode.state import NO_BUDGET
from tts_gym.errors import LiveError
from tts_gym.live.api import MOST_BRANCHES
from tts_gym.live.settings import LiveSettings
from tts_gym.registry import BACKENDS
from tts_gym.sandbox.jailed_controller import check_live

LIMITS = "Limits of a request"
"""Panel of the help."""


def serve(
    controller: Annotated[
        list[str],
        typer.Option(
            "-c",
            "--controller",
            metavar="SPEC",
            help="Controller that requests may choose; may be repeated, and the first one is theirs by default.",
        ),
    ],
    upstream: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Server with the OpenAI interface that runs the model, up to and with /v1."),
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="Name or path of the model; with --upstream that of the server by default.")
    ] = None,
    backend: Annotated[
        str | None,
        typer.Option(help=f"What runs the model: {', '.join(BACKENDS)}; with --upstream openai by default, else vllm."),
    ] = None,
    option: options.BackendOptions = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 for a free one.")] = 8001,
    api_key: Annotated[
        str | None,
        typer.Option(envvar="TTS_GYM_API_KEY", help="What clients must give as their API key; anybody may by default."),
    ] = None,
    trust: Annotated[
        bool, typer.Option("--trust", help="Run candidates in files as your own code, without a jail.")
    ] = False,
    interval: options.Interval = DEFAULTS.interval,
    temperature: options.Temperature = DEFAULTS.temperature,
    top_p: options.TopP = DEFAULTS.top_p,
    top_k: options.TopK = DEFAULTS.top_k,
    top_logprobs: options.TopLogprobs = DEFAULTS.top_logprobs,
    concurrency: Annotated[
        int, typer.Option(min=1, help="Requests to the backend at a time.", rich_help_panel=options.MACHINES)
    ] = 256,
    enable_thinking: options.EnableThinking = None,
    reasoning_effort: options.ReasoningEffort = None,
    template_arg: options.TemplateArguments = None,
    marks: options.Marks = None,
    closing: options.Closing = None,
    probe_suffix: options.ProbeSuffix = DEFAULTS.probing.suffix,
    probe_tokens: options.ProbeTokens = DEFAULTS.probing.max_tokens,
    answers: options.Answers = None,
    tensor_parallel_size: options.TensorParallelSize = None,
    request_timeout: options.RequestTimeout = None,
    branches: Annotated[
        int, typer.Option("-n", "--branches", min=1, help="Most branches.", rich_help_panel=LIMITS)
    ] = MOST_BRANCHES,
    max_tokens: Annotated[
        int, typer.Option(min=1, help="Most tokens of a branch.", rich_help_panel=LIMITS)
    ] = DEFAULTS.max_tokens,
    budget: Annotated[
        int | None, typer.Option(min=1, help="Most tokens of all its branches.", rich_help_panel=LIMITS)
    ] = None,
    deadline: Annotated[
        float, typer.Option(min=0.001, help="Seconds until the best answer so far is given.", rich_help_panel=LIMITS)
    ] = 600.0,
    requests: Annotated[int, typer.Option(min=1, help="Requests at a time.", rich_help_panel=LIMITS)] = 256,
    body: Annotated[int, typer.Option(min=1, help="Most bytes of a request.", rich_help_panel=LIMITS)] = 4 << 20,
) -> None:
    """Serve controllers over a language model, with the OpenAI interface."""
    try:
        from tts_gym.serve.gateway import Gateway
        from tts_gym.serve.limits import Limits
        from tts_gym.serve.offer import Offer
        from tts_gym.serve.plain import Plain
        from tts_gym.serve.server import backend_maker, listening, only_model
        from tts_gym.serve.server import serve as run
        from tts_gym.serve.upstream import Upstream
    except ImportError as error:
        raise LiveError(f"The gateway needs {error.name}: install tts-gym with extra serve.") from error
    offer = Offer.of(controller, trust)
    for each in offer.controllers.values():
        check_live(each)
    if upstream is None and model is None:
        raise typer.BadParameter("give one of them, or both", param_hint="--upstream, --model")
    kind = backend or ("vllm" if upstream is None else "openai")
    BACKENDS.check(kind)
    told = options.backend_options(kind, option, request_timeout, tensor_parallel_size)
    key = told.get("api_key", os.environ.get("OPENAI_API_KEY"))
    if upstream is not None:
        told.setdefault("concurrency", concurrency)
    name = model or only_model(str(upstream), key)
    drawn = CollectionSettings(
        backend=kind,
        model=name,
        branches=branches,
        interval=interval,
        temperature=temperature,
        top_p=top_p,
        top_k=top_k,
        max_tokens=max_tokens,
        top_logprobs=top_logprobs,
        answers=answers or DEFAULTS.answers,
        prompting=Prompting(arguments=options.template_arguments(enable_thinking, reasoning_effort, template_arg)),
        probing=options.probing(probe_suffix, probe_tokens, marks, closing),
    )
    settings = LiveSettings(drawn)
    limits = Limits(NO_BUDGET if budget is None else budget, deadline, requests, body)
    plain = None if upstream is None else Plain(upstream, key)
    end_on_sigterm()
    with listening(host, port) as at, ExitStack() as stack:
        with working(f"Reaching {name}"):
            reached = stack.enter_context(Upstream(backend_maker(settings, upstream, told), settings, concurrency))
        run(Gateway(name, reached, plain, offer, limits), at, api_key)
