"""A server that has the OpenAI chat interface only, as most hosted ones have, as a backend (extra ``collect``)."""

from __future__ import annotations

import logging
from collections.abc import Callable
from itertools import product
from typing import Any

from tts_gym.errors import BackendError
from tts_gym.llm.backend import Delta, Request, Result, Sampling, Signals
from tts_gym.llm.chat_stream import ChatStream
from tts_gym.llm.openai_answer import UselessError
from tts_gym.llm.openai_backend import STREAMED, WHOLE_TIMEOUT, OpenAIBackend, together
from tts_gym.llm.pending import Pending
from tts_gym.llm.pieces import Pieces
from tts_gym.llm.tokenizer import Tokenizer

LIMITS = ("max_tokens", "max_completion_tokens")
"""What servers call the most tokens of an answer."""

ENOUGH = 16
"""Tokens of the first request; some servers refuse to answer with fewer."""

EFFORT = "reasoning_effort"
"""The argument of a chat template that the interface itself has."""

_log = logging.getLogger(__name__)


class ChatServer(OpenAIBackend):
    """A model behind ``/v1/chat/completions``, which takes conversations and no token ids.

    Nothing goes on from within an answer, so no answer can be forced. Reasoning that the server gives apart, as
    ``reasoning_content`` or ``reasoning``, is put back between ``<think>`` and ``</think>``. Tokens are read back from
    the text; a result has as many as the server says that it generated, those included that it does not show, unless
    more have been handed out. A streamed request whose connection is lost once something was handed out fails.

    Attributes:
        model: name of the model on the server.
        tokenizer: that of the model, if it was given, or a stand-in that counts about as many tokens.
        signals: what it can give beside text, found out by a short request.
        context: None.
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
            tokenizer: name or path of the model whose tokenizer counts tokens; None to estimate their number.
            api_key: key of the server; None for the one in the environment variable ``OPENAI_API_KEY``, if any.
            concurrency: most requests at a time.
            retries: how often a request is tried again.
            timeout: seconds until the next chunk of an answer, to whatever request, or until a whole one where the
                server does not stream; None for 120, or 600.
            seeds: whether the server takes seeds of requests.

        Raises:
            BackendError: the server is not reached or refuses a simple request, or there is no such tokenizer.
        """
        self.model, self.context = model, None
        self.tokenizer = Pieces() if tokenizer is None else Tokenizer(tokenizer)
        super().__init__(base_url, api_key, concurrency, retries, timeout)
        try:
            self.signals, self._told, self._limit, streams = self._wait(self._try(seeds))
        except BackendError:
            self._disconnect()
            raise
        if timeout is None and not streams:
            self._pulse.timeout = WHOLE_TIMEOUT
        if tokenizer is None:
            _log.warning(
                "The tokens of %s are estimated from its text until the server tells their number at the end of an "
                "answer: give a tokenizer with -o tokenizer=PATH.",
                model,
            )
        self._pending = Pending(model, self.signals, self.context)

    @property
    def _create(self) -> Any:
        return self._client.chat.completions.with_streaming_response.create

    async def _try(self, seeds: bool) -> tuple[Signals, dict[str, Any], str, bool]:
        """What the server can give, what to send it beside a request, what it calls the limit, whether it streams."""
        hello = Request(0, (), Sampling(ENOUGH), messages=({"role": "user", "content": "Hello"},))
        create = self._client.with_options(max_retries=1).chat.completions.with_streaming_response.create
        for streaming, limit in product((STREAMED, {}), LIMITS):
            stream = ChatStream(hello, self.tokenizer)
            arguments = {**streaming, "model": self.model, "messages": hello.messages, limit: ENOUGH}
            refusal = await self._first(create, arguments, stream.take)
            if refusal is None:
                break
        else:
            raise BackendError(f"The server at {self._url} refuses a conversation: {refusal}")
        answer = stream.answer
        if answer.parts[0].finish_reason is None:
            raise BackendError(f"The server at {self._url} does not answer a conversation: correct the address.")
        signals = Signals(
            token_ids=False,
            logprobs=False,
            top_logprobs=0,
            self_certainty=False,
            cached_tokens=answer.cached_tokens is not None,
            seeds=seeds,
            probes=False,
        )
        return signals, streaming, limit, answer.documents > 1

    async def _result(self, request: Request, give: Callable[[Delta], None]) -> Result:
        """See ``OpenAIBackend._result``."""
        streams = await together([self._answer(request, index, give) for index in range(request.n)])
        told = streams[0].answer.prompt_tokens
        prompt_tokens = len(self.tokenizer.chat(request.messages)) if told is None else told
        completions = tuple(stream.completion() for stream in streams)
        return Result(request.key, completions, prompt_tokens, streams[0].answer.cached_tokens)

    async def _answer(self, request: Request, index: int, give: Callable[[Delta], None]) -> ChatStream:
        """One answer to a conversation; what comes of a streamed one is given to ``give``."""
        stream = ChatStream(request, self.tokenizer)

        def take(document: Any) -> None:
            delta = stream.take(document)
            if request.stream and delta is not None:
                give(delta)

        async def attempt() -> None:
            nonlocal stream
            if request.stream and stream.has_begun:
                raise UselessError("the connection was lost within an answer, which nothing can go on from")
            stream = ChatStream(request, self.tokenizer)
            await self._connection.ask(self._create, self._arguments(request, index), take)

        await self._connection.persist(attempt)
        return stream

    def _arguments(self, request: Request, index: int) -> dict[str, Any]:
        """What is sent for answer ``index`` of a request."""
        sampling = request.sampling
        arguments = {
            **self._told,
            "model": self.model,
            "messages": list(request.messages),
            self._limit: sampling.max_tokens,
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
        }
        extra: dict[str, Any] = {"top_k": sampling.top_k} if sampling.top_k else {}
        template = dict(request.template_arguments)
        if EFFORT in template:
            arguments[EFFORT] = template.pop(EFFORT)
        if template:
            extra["chat_template_kwargs"] = template
        if extra:
            arguments["extra_body"] = extra
        if sampling.stop:
            arguments["stop"] = list(sampling.stop)
        if sampling.seed is not None:
            arguments["seed"] = sampling.seed + index
        return arguments
