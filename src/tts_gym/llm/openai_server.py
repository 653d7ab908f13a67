"""A server with the OpenAI completions interface as a backend (extra ``collect``)."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import product
from typing import Any

import openai

from tts_gym.errors import BackendError
from tts_gym.llm.backend import Delta, Request, Result, Sampling, Signals
from tts_gym.llm.openai_answer import Answer, Part, UselessError, completion, scored
from tts_gym.llm.openai_backend import FIRST, STREAMED, WHOLE_TIMEOUT, OpenAIBackend, together
from tts_gym.llm.openai_stream import Stream
from tts_gym.llm.pending import Pending
from tts_gym.llm.tokenizer import Tokenizer

VLLM_OPTIONS = {
    "return_token_ids": True,
    "return_tokens_as_token_ids": True,
    "top_k": 0,
    "min_p": 0.0,
    "repetition_penalty": 1.0,
}
"""What vLLM takes beyond OpenAI's interface: token ids come back, and no defaults of the model change the sampling."""

TRIALS: tuple[tuple[dict[str, Any], int | None], ...] = (
    (VLLM_OPTIONS, 20),
    (VLLM_OPTIONS, 5),
    ({}, 20),
    ({}, 5),
    (VLLM_OPTIONS, None),
    ({}, None),
)
"""Further options and numbers of log-probabilities that a server is tried with, until it takes them."""

_log = logging.getLogger(__name__)


class OpenAIServer(OpenAIBackend):
    """A model behind ``/v1/completions`` of a vLLM server or any other that takes prompts as token ids.

    Requests run concurrently, and their answers are streamed where the server can. One that meets a rate limit, a
    server error, a lost connection or silence is tried again once the server is healthy, after a delay that doubles
    from half a second to eight, less a random part of it. A server that does not get healthy is given up: what is
    pending fails, and nothing further is taken. One that gives fewer continuations than it is asked for is asked for
    them one by one. A streamed request whose connection is lost goes on from what has come.

    Attributes:
        model: name of the model on the server.
        tokenizer: its tokenizer.
        signals: what it can give beside text, found out by requests for one token.
        context: most tokens of a prompt with its continuation, where the server tells.
    """

    def __init__(
        self,
        model: str,
        base_url: str = "http://127.0.0.1:8000/v1",
        tokenizer: str | None = None,
        api_key: str | None = None,
        concurrency: int = 64,
        retries: int = 6,
        timeout: float | None = None,
        seeds: bool = False,
    ) -> None:
        """Reach the server and find out what it can give.

        Args:
            model: name of the model on the server.
            base_url: address of the server, up to and with the version.
            tokenizer: name or path of the model whose tokenizer to use; None for ``model``.
            api_key: key of the server; None for the one in the environment variable ``OPENAI_API_KEY``, if any.
            concurrency: most requests at a time.
            retries: how often a request is tried again.
            timeout: seconds until the next chunk of an answer, to whatever request, or until a whole one where the
                server does not stream; None for 120, or 600.
            seeds: whether seeds of requests may be sent; one can kill a vLLM server on the CPU.

        Raises:
            BackendError: the server is not reached or refuses a simple request, or there is no such tokenizer.
        """
        self.model = model
        self.tokenizer = _tokenizer(model, tokenizer)
        super().__init__(base_url, api_key, concurrency, retries, timeout)
        self._one_by_one = False
        self._warned = False
        try:
            self.signals, self._told, streams = self._wait(self._try(seeds))
            if timeout is None and not streams:
                self._pulse.timeout = WHOLE_TIMEOUT
            if self.signals.logprobs:
                self.signals = replace(self.signals, scores=self._wait(self._scores()))
            self.context: int | None = self._wait(self._context())
        except BackendError:
            self._disconnect()
            raise
        self._pending = Pending(model, self.signals, self.context)

    def submit(self, requests: Iterable[Request]) -> None:
        """See ``Backend.submit``."""
        requests = list(requests)
        super().submit(requests)
        if not self.signals.token_ids and not self._warned and any(request.stream for request in requests):
            self._warned = True
            _log.warning(
                "The server at %s does not say which tokens it generates. Streamed text is read back into tokens word "
                "by word: they may not be those that it chose, their number is a little off, and log-probabilities "
                "come at the end, where they fit. A vLLM server tells the tokens.",
                self._url,
            )

    @property
    def _create(self) -> Any:
        return self._client.completions.with_streaming_response.create

    async def _try(self, seeds: bool) -> tuple[Signals, dict[str, Any], bool]:
        """What the server can give, what to send it beside a request, and whether it streams."""
        prompt = self.tokenizer.encode_prompt("The answer is")
        create = self._client.with_options(max_retries=1).completions.with_streaming_response.create
        where = f"The server at {self._url}"
        for streaming, (options, top) in product((STREAMED, {}), TRIALS):
            told = {**streaming, "extra_body": options}
            wanted = told if top is None else {**told, "logprobs": top}
            request = {"model": self.model, "prompt": prompt, "max_tokens": 1, "temperature": 0, **wanted}
            answer = Answer()
            refusal = await self._first(create, request, answer.add)
            if refusal is None:
                break
        else:
            raise BackendError(f"{where} refuses a prompt of token ids: {refusal}")
        if not answer.parts:
            raise BackendError(f"{where} does not answer with completions: correct the address.")
        part = answer.parts[min(answer.parts)]
        given = len(part.top_logprobs[0] or ()) if part.logprobs and part.top_logprobs else 0
        signals = Signals(
            token_ids=part.token_ids is not None,
            logprobs=bool(part.logprobs),
            top_logprobs=min(given, top or 0),
            self_certainty=False,
            cached_tokens=answer.cached_tokens is not None,
            seeds=seeds,
        )
        return signals, told, answer.documents > 1

    async def _scores(self) -> bool:
        """Whether the server tells log-probabilities of a prompt."""
        prompt = self.tokenizer.encode_prompt("The answer is")
        request = Request(0, prompt, Sampling(1, 0.0), scored=len(prompt) - 1)
        answer = Answer()
        try:
            refusal = await self._first(self._create, self._scoring(request), answer.add)
            return refusal is None and bool(len(scored(answer, request).tokens))
        except (BackendError, UselessError):
            return False

    async def _context(self) -> int | None:
        try:
            listed = await self._client.with_options(max_retries=1, timeout=FIRST).models.list()
            return next((getattr(m, "max_model_len", None) for m in listed.data if m.id == self.model), None)
        except (openai.OpenAIError, AttributeError, TypeError, ValueError):
            return None

    async def _result(self, request: Request, give: Callable[[Delta], None]) -> Result:
        """See ``OpenAIBackend._result``."""
        if request.stream:
            return await self._streamed(request, give)
        if request.scored:
            answer = await self._connection.answer(self._create, self._scoring(request))
            return Result(request.key, (scored(answer, request),), len(request.prompt), answer.cached_tokens)
        parts, cached = await self._continuations(request)
        completions = tuple(completion(part, request, self.tokenizer, self.signals.logprobs) for part in parts)
        return Result(request.key, completions, len(request.prompt), cached)

    async def _streamed(self, request: Request, give: Callable[[Delta], None]) -> Result:
        """The result of a streamed request; what comes before it is given to ``give``."""
        stream = Stream(request, self.tokenizer, self.signals.token_ids, self.signals.logprobs)

        def take(document: Any) -> None:
            if (delta := stream.take(document)) is not None:
                give(delta)

        async def attempt() -> None:
            if (rest := stream.rest()) is not None:
                await self._connection.ask(self._create, self._arguments(rest, 1), take)

        await self._connection.persist(attempt)
        cached = stream.answer.cached_tokens
        # The last connection may have found more in the cache, as its prompt was longer.
        cached = None if cached is None else min(cached, len(request.prompt))
        return Result(request.key, (stream.completion(),), len(request.prompt), cached)

    async def _continuations(self, request: Request) -> tuple[list[Part], int | None]:
        """The continuations of a request, and how much of its prompt was cached; one by one where need be."""
        parts: list[Part] = []
        cached: int | None = None
        if request.n > 1 and not self._one_by_one:
            try:
                answer = await self._connection.answer(self._create, self._arguments(request, request.n))
                parts, cached = [answer.parts[index] for index in sorted(answer.parts)], answer.cached_tokens
            except (openai.BadRequestError, openai.UnprocessableEntityError):
                pass  # Asked for one, it tells whether that was the reason.
        missing = range(len(parts), request.n)
        asked = [self._connection.answer(self._create, self._arguments(request, 1, index)) for index in missing]
        for answer in await together(asked):
            if not answer.parts:
                raise UselessError(f"{len(parts)} continuations instead of {request.n}")
            parts += answer.parts.values()
            cached = cached or answer.cached_tokens
        if len(parts) != request.n:
            raise UselessError(f"{len(parts)} continuations instead of {request.n}")
        self._one_by_one |= request.n > 1 and len(missing) > 0
        return parts, cached

    def _scoring(self, request: Request) -> dict[str, Any]:
        """What is sent for log-probabilities of a prompt, which come with those of a token of the server's own."""
        return self._arguments(request, 1) | {"echo": True, "max_tokens": 1}

    def _arguments(self, request: Request, n: int, index: int = 0) -> dict[str, Any]:
        """What is sent for ``n`` continuations, of which ``index`` is the first."""
        sampling = request.sampling
        extra = self._told["extra_body"] | ({"top_k": sampling.top_k} if sampling.top_k else {})
        if self._told["extra_body"] and request.stream and request.piece > 1:
            extra["stream_interval"] = request.piece  # Servers of older versions ignore it.
        arguments: dict[str, Any] = {
            **self._told,
            "model": self.model,
            "prompt": request.prompt,
            "n": n,
            "max_tokens": sampling.max_tokens,
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "extra_body": extra,
        }
        if self.signals.logprobs:
            arguments["logprobs"] = sampling.top_logprobs
        if sampling.stop:
            arguments["stop"] = list(sampling.stop)
        if sampling.seed is not None:
            arguments["seed"] = sampling.seed + index
        return arguments


def _tokenizer(model: str, name: str | None) -> Tokenizer:
    try:
        return Tokenizer(name or model)
    except BackendError as error:
        hint = "" if name else " Where that is only the server's name of it, say whose it is with -o tokenizer=PATH."
        raise BackendError(f"{error}{hint}") from error
