"""Requests are answered: by a controller over live episodes, by a plain sample where that fails, or by the server."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from tts_gym.collectors.questions import Question
from tts_gym.errors import BackendError, LiveError, TTSGymError
from tts_gym.live.answering import Answer, Solving, answer_question
from tts_gym.live.engine import Conversation, Prompt
from tts_gym.live.question import LiveQuestion
from tts_gym.llm.openai_answer import UselessError, documents
from tts_gym.llm.tokenizer import in_a_line
from tts_gym.serve.asked import Asked
from tts_gym.serve.errors import RequestError
from tts_gym.serve.limits import Limits
from tts_gym.serve.metrics import Metrics
from tts_gym.serve.offer import Offer
from tts_gym.serve.plain import Plain
from tts_gym.serve.reply import Sender
from tts_gym.serve.told import Told, chunks, headers, told, usage, whole
from tts_gym.serve.upstream import Upstream

T = TypeVar("T")

THROUGH, FALLBACK = "x-tts-through", "x-tts-fallback"
"""Response headers that say why no controller decided."""


@dataclass
class Gateway:
    """Answers requests.

    Attributes:
        name: name of the model.
        upstream: the model.
        plain: its server, for plain requests; None for a model of this process.
        offer: the controllers to choose from.
        limits: what a request may take.
        metrics: what is counted.
    """

    name: str
    upstream: Upstream
    plain: Plain | None
    offer: Offer
    limits: Limits
    metrics: Metrics = field(init=False)

    def __post_init__(self) -> None:
        """Make room for the requests that may be answered at the same time."""
        self.metrics = Metrics(lambda: self.upstream.pending)
        self._threads = ThreadPoolExecutor(self.limits.requests, "request")
        self._in_flight = 0

    async def close(self) -> None:
        """Leave the threads, and the server for plain requests."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        if self.plain is not None:
            await self.plain.close()

    async def reply(self, asked: Asked, sender: Sender) -> None:
        """Answer a request.

        Args:
            asked: the request.
            sender: takes the response.

        Raises:
            RequestError: there is no answer.
        """
        decider = "none" if asked.through is not None else asked.choice.controller.name
        start = time.monotonic()
        status = 500
        with self._slot():
            try:
                await (self._go_through(asked, sender) if asked.through is not None else self._answer(asked, sender))
                status = sender.status or status
            except RequestError as error:
                status = error.status
                raise
            except asyncio.CancelledError:
                status = 499
                self.metrics.left.inc()
                raise
            finally:
                self.metrics.answered(asked.endpoint.name, decider, status, time.monotonic() - start)

    @contextmanager
    def _slot(self) -> Iterator[None]:
        if self._in_flight >= self.limits.requests:
            message = f"{self.limits.requests} requests are being answered, and no more are taken: try again later."
            raise RequestError(message, 429, headers={"retry-after": "1"})
        self._in_flight += 1
        try:
            with self.metrics.in_flight.track_inprogress():
                yield
        finally:
            self._in_flight -= 1

    async def _answer(self, asked: Asked, sender: Sender) -> None:
        """Have a controller decide; a stream that waits gives signs of life."""
        deciding = asyncio.ensure_future(self._decide(asked))
        try:
            while asked.stream and not deciding.done():
                await asyncio.wait({deciding}, timeout=self.limits.keep_alive)
                if not deciding.done():
                    if sender.status is None:
                        await sender.begin(headers(asked.choice.told()))
                    await sender.piece(b": keep-alive\n\n")
            said = await deciding
        finally:
            deciding.cancel()
            await asyncio.gather(deciding, return_exceptions=True)
        if not asked.stream:
            await sender.document(whole(asked, said), headers=headers(said.facts))
            return
        if sender.status is None:
            await sender.begin(headers(said.facts))
        for chunk in chunks(asked, said):
            await sender.event(chunk)
        await sender.event("[DONE]")
        await sender.end()

    async def _decide(self, asked: Asked) -> Told:
        """The controller's answer, or a plain sample where the model fails."""
        start = time.monotonic()
        live: LiveQuestion | None = None
        try:
            live = await self._in_thread(lambda: self._begin(asked))
            answer = await self._in_thread(lambda: self._solve(asked, live))
        except (LiveError, BackendError) as error:
            left = asked.choice.deadline - (time.monotonic() - start)
            return await self._sample(asked, live, in_a_line(error), left)
        except TTSGymError as error:
            raise RequestError(f"The controller fails: {in_a_line(error)}", 500) from error
        finally:
            if live is not None:
                live.end("left")
                self.metrics.spent(usage(live))
        said = told(asked, live, answer)
        if said is None:
            raise RequestError(f"The model wrote nothing within {asked.choice.deadline:g} seconds.", 504)
        return said

    def _begin(self, asked: Asked) -> LiveQuestion:
        """Put the question of a request to the model; nothing is drawn yet."""
        model = self.upstream.model()
        drawn = model.settings.drawn
        sampling = {
            **asked.sampling,
            "max_tokens": min(asked.sampling.get("max_tokens", drawn.max_tokens), drawn.max_tokens),
        }
        if sampling.get("seed") is not None and not model.engine.backend.signals.seeds:
            raise RequestError(
                "seed would be dropped, as this model's draws cannot be seeded: leave it out.", param="seed"
            )
        if isinstance(asked.conversation, str) and not model.has_probes:
            raise RequestError("This model has conversations only: use /v1/chat/completions.")
        tokenizer = model.engine.backend.tokenizer
        prompt: Prompt
        try:
            if isinstance(asked.conversation, str):
                prompt = tokenizer.encode_prompt(asked.conversation)
            elif model.has_probes:
                prompt = tokenizer.chat(asked.conversation, arguments=drawn.prompting.arguments)
            else:
                prompt = Conversation(tuple(asked.conversation), drawn.prompting.arguments)
            asked_so = replace(model, settings=replace(model.settings, drawn=replace(drawn, **sampling)))
            question = Question(uuid.uuid4().hex, asked.question, "")
            return asked_so.begin(question, prompt, asked.choice.deadline)
        except TTSGymError as error:
            raise RequestError(in_a_line(error)) from error

    def _solve(self, asked: Asked, live: LiveQuestion) -> Answer:
        return answer_question(live, Solving(asked.choice.controller, asked.choice.budget))

    async def _sample(self, asked: Asked, live: LiveQuestion | None, reason: str, left: float) -> Told:
        """A plain sample, as the model fails."""
        if self.plain is None:
            raise RequestError(f"The model fails: {reason}", 502)
        document = {name: value for name, value in asked.document.items() if name not in ("stream", "stream_options")}
        try:
            async with asyncio.timeout(max(left, 1.0)):
                response = await self.plain.whole(asked.endpoint, document)
            answered = response.json()
            (choice, *_) = answered["choices"]
            message = choice.get("message") or {}
            text = str(message.get("content") or choice.get("text") or "")
            reasoning = message.get("reasoning_content") or message.get("reasoning")
        except TimeoutError as error:
            raise RequestError(
                f"The upstream server gives no answer within {asked.choice.deadline:g} seconds.", 504
            ) from error
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise RequestError("The upstream server gives no answer of use.", 502) from error
        self.metrics.fallbacks.inc()
        sampled = answered.get("usage") or {}
        self.metrics.spent(sampled)
        facts = {**asked.choice.told(), "fallback": "a plain sample, as the model failed"}
        total = _added(usage(live), sampled) if live is not None else sampled
        return Told(text, reasoning, choice.get("finish_reason") or "stop", total, facts)

    async def _go_through(self, asked: Asked, sender: Sender) -> None:
        """Pass a request on that no controller can vote on."""
        if self.plain is None:
            raise RequestError(f"{asked.through} needs a server behind the gateway, which has none: leave it out.")
        said = {THROUGH: str(asked.through)}
        try:
            async with asyncio.timeout(asked.choice.deadline):
                if not asked.stream:
                    response = await self.plain.whole(asked.endpoint, asked.document)
                    with suppress(ValueError):
                        self.metrics.spent(_usage_of(json.loads(response.content)))
                    await sender.document(response.content, headers=said)
                    return
                async with self.plain.stream(asked.endpoint, asked.document) as pieces:
                    await sender.begin(said)
                    await self._pass_on(pieces, sender)
                await sender.end()
        except TimeoutError as error:
            raise RequestError(
                f"The upstream server is not done within {asked.choice.deadline:g} seconds.", 504
            ) from error

    async def _pass_on(self, pieces: AsyncIterator[bytes], sender: Sender) -> None:
        """Send what comes as it comes, and count the usage that it tells last."""

        async def sent() -> AsyncIterator[bytes]:
            async for piece in pieces:
                await sender.piece(piece)
                yield piece

        passing = sent()
        told: dict[str, Any] = {}
        try:
            with suppress(UselessError):
                async for document in documents(passing):
                    told = _usage_of(document) or told
            async for _ in passing:
                pass  # What cannot be read is passed on all the same.
        finally:
            self.metrics.spent(told)

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)


def _added(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """The usage of both."""
    counts = ("prompt_tokens", "completion_tokens", "total_tokens")
    return {**one, **{name: one[name] + int(other.get(name) or 0) for name in counts}}


def _usage_of(document: Any) -> dict[str, Any]:
    """The usage that a document of a response tells; nothing where it tells none."""
    usage = document.get("usage") if isinstance(document, dict) else None
    return usage if isinstance(usage, dict) else {}
