"""A server with the OpenAI completions interface as a backend (extra ``collect``)."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Coroutine, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import openai
from numpy.typing import NDArray

from tts_gym.errors import BackendError
from tts_gym.llm.backend import Completion, Pending, Request, Result, Signals
from tts_gym.llm.tokenizer import Tokenizer, in_a_line

VLLM_OPTIONS = {
    "return_token_ids": True,
    "return_tokens_as_token_ids": True,
    "top_k": 0,
    "min_p": 0.0,
    "repetition_penalty": 1.0,
}
"""What vLLM takes beyond OpenAI's interface: token ids come back, and no defaults of the model change the sampling."""

PROBES: tuple[tuple[dict[str, Any], int | None], ...] = (
    (VLLM_OPTIONS, 20),
    (VLLM_OPTIONS, 5),
    ({}, 20),
    ({}, 5),
    (VLLM_OPTIONS, None),
    ({}, None),
)
"""Further options and numbers of log-probabilities that a server is tried with, until it takes them."""


class OpenAIServer:
    """A model behind ``/v1/completions`` of a vLLM server or any other that takes prompts as token ids.

    Requests run concurrently. One that meets a rate limit, a server error, a lost connection or a time-out is tried
    again after a delay that doubles from half a second to eight, less a random part of it.

    Attributes:
        model: name of the model on the server.
        tokenizer: its tokenizer.
        signals: what it can give beside text, found out by a request for one token.
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
        timeout: float = 600.0,
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
            timeout: seconds until an attempt is given up.
            seeds: whether seeds of requests may be sent; one can kill a vLLM server on the CPU.

        Raises:
            BackendError: the server is not reached or refuses a simple request, or there is no such tokenizer.
        """
        self.model = model
        self.tokenizer = Tokenizer(tokenizer or model)
        self._url = base_url
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=f"requests to {base_url}", daemon=True)
        self._thread.start()
        key = {} if api_key is None else {"api_key": api_key}
        self._client = _client(base_url, timeout, retries, key)
        self._slots = asyncio.Semaphore(concurrency)
        self._outcomes: queue.SimpleQueue[_Outcome] = queue.SimpleQueue()
        try:
            self.signals, self._options = self._wait(self._probe(seeds))
            self.context: int | None = self._wait(self._context())
        except BackendError:
            self._disconnect()
            raise
        self._pending = Pending(model, self.signals, self.context)

    def submit(self, requests: Iterable[Request]) -> None:
        """See ``Backend.submit``."""
        if self._loop.is_closed():
            raise BackendError(f"The connection to {self._url} is closed: make a new backend.")
        for request in self._pending.add(requests):
            asyncio.run_coroutine_threadsafe(self._run(request), self._loop)

    def finished(self) -> list[Result]:
        """See ``Backend.finished``."""
        results = self._pending.take_failed()
        while self._pending.requests and (not results or not self._outcomes.empty()):
            outcome = self._outcomes.get()
            if outcome.error is not None:
                results.append(self._pending.fail(outcome.key, outcome.error))
            else:
                length = len(self._pending.requests.pop(outcome.key).prompt)
                results.append(Result(outcome.key, outcome.completions, length, outcome.cached_tokens))
        return results

    def close(self) -> None:
        """See ``Backend.close``."""
        self._pending.requests.clear()
        if not self._loop.is_closed():
            self._disconnect()

    def _disconnect(self) -> None:
        self._wait(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _wait(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

    async def _stop(self) -> None:
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._client.close()

    async def _probe(self, seeds: bool) -> tuple[Signals, dict[str, Any]]:
        """What the server can give, and the options to send it."""
        prompt = self.tokenizer.encode_prompt("The answer is")
        refusal: Exception | None = None
        for options, top in PROBES:
            arguments = {} if top is None else {"logprobs": top}
            try:
                answer = await self._client.with_options(max_retries=1).completions.create(
                    model=self.model, prompt=prompt, max_tokens=1, temperature=0, extra_body=options, **arguments
                )
                break
            except (openai.BadRequestError, openai.UnprocessableEntityError) as error:
                refusal = error
            except openai.APIConnectionError as error:
                raise BackendError(f"No server answers at {self._url}: start it, or correct the address.") from error
            except openai.OpenAIError as error:
                raise BackendError(f"The server at {self._url} does not take requests: {in_a_line(error)}") from error
            except ValueError as error:
                raise BackendError(
                    f"The server at {self._url} does not answer in JSON: correct the address."
                ) from error
        else:
            assert refusal is not None
            raise BackendError(f"The server at {self._url} refuses a prompt of token ids: {in_a_line(refusal)}")
        if not getattr(answer, "choices", None):
            raise BackendError(f"The server at {self._url} does not answer with completions: correct the address.")
        choice = answer.choices[0]
        logprobs = choice.logprobs
        told = logprobs is not None and bool(logprobs.token_logprobs)
        given = len(logprobs.top_logprobs[0] or ()) if told and logprobs.top_logprobs else 0
        signals = Signals(
            token_ids=getattr(choice, "token_ids", None) is not None,
            logprobs=told,
            top_logprobs=min(given, top or 0),
            self_certainty=False,
            cached_tokens=_cached_tokens(answer) is not None,
            seeds=seeds,
        )
        return signals, options

    async def _context(self) -> int | None:
        try:
            listed = await self._client.with_options(max_retries=1).models.list()
        except openai.OpenAIError:
            return None
        return next((getattr(m, "max_model_len", None) for m in listed.data if m.id == self.model), None)

    async def _run(self, request: Request) -> None:
        """Send a request and put what it comes to into the queue."""
        try:
            async with self._slots:
                answer = await self._client.completions.create(**self._arguments(request))
            self._outcomes.put(self._outcome(request, answer))
        except openai.APIConnectionError as error:
            cause = in_a_line(error.__cause__ or error)
            reason = f"no answer from {self._url} in {self._client.max_retries + 1} attempts: {cause}"
            self._outcomes.put(_Outcome(request.key, error=reason))
        except Exception as error:  # Whatever a server answers, the caller must not wait for ever.
            reason = f"the server at {self._url} gave no usable answer: {in_a_line(error)}"
            self._outcomes.put(_Outcome(request.key, error=reason))

    def _arguments(self, request: Request) -> dict[str, Any]:
        sampling = request.sampling
        arguments: dict[str, Any] = {
            "model": self.model,
            "prompt": request.prompt,
            "n": request.n,
            "max_tokens": sampling.max_tokens,
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "extra_body": self._options | ({"top_k": sampling.top_k} if sampling.top_k else {}),
        }
        if self.signals.logprobs:
            arguments["logprobs"] = sampling.top_logprobs
        if sampling.stop:
            arguments["stop"] = list(sampling.stop)
        if sampling.seed is not None:
            arguments["seed"] = sampling.seed
        return arguments

    def _outcome(self, request: Request, answer: Any) -> _Outcome:
        choices = sorted(answer.choices, key=lambda choice: choice.index)
        if len(choices) != request.n:
            raise ValueError(f"{len(choices)} continuations instead of {request.n}")
        ends = {choice.finish_reason for choice in choices} - {"stop", "length"}
        if ends:
            raise ValueError(f"a continuation ended with {ends.pop()!r}")
        completions = tuple(self._completion(choice, request) for choice in choices)
        return _Outcome(request.key, completions, _cached_tokens(answer))

    def _completion(self, choice: Any, request: Request) -> Completion:
        sampling, text, reason = request.sampling, choice.text, choice.finish_reason
        ids = getattr(choice, "token_ids", None)
        # Ids read back from the text lack the token that ended it, and may be split in another way.
        spare = 0 if ids is not None else 1
        if ids is None:
            ids = self.tokenizer.encode(text)
        else:
            text = self.tokenizer.continuation(request.prompt, ids, reason, sampling.stop)
        logprobs: NDArray[np.float32] | None = None
        top: NDArray[np.float32] | None = None
        given = choice.logprobs.token_logprobs if self.signals.logprobs else []
        if self.signals.logprobs and 0 <= len(given) - len(ids) <= spare:
            logprobs = np.array(given[: len(ids)], np.float32)
            if sampling.top_logprobs:
                top = _largest(choice.logprobs.top_logprobs[: len(ids)], sampling.top_logprobs)
        return Completion(np.array(ids, np.int32), text, reason, logprobs, top)


@dataclass(frozen=True)
class _Outcome:
    key: int
    completions: tuple[Completion, ...] = ()
    cached_tokens: int | None = None
    error: str | None = None


def _client(base_url: str, timeout: float, retries: int, key: dict[str, str]) -> openai.AsyncOpenAI:
    limits = openai.Timeout(timeout, connect=min(timeout, 10.0))
    try:
        return openai.AsyncOpenAI(base_url=base_url, timeout=limits, max_retries=retries, **key)
    except openai.OpenAIError:
        # Servers of one's own mostly want no key, but the client does.
        return openai.AsyncOpenAI(base_url=base_url, timeout=limits, max_retries=retries, api_key="none")


def _cached_tokens(answer: Any) -> int | None:
    details = getattr(answer.usage, "prompt_tokens_details", None)
    return None if details is None else details.cached_tokens


def _largest(positions: Sequence[dict[str, float] | None], number: int) -> NDArray[np.float32]:
    """[length, number] float32, the largest values at each position, NaN where there are fewer."""
    rows = np.full((len(positions), number), np.nan, np.float32)
    for row, values in zip(rows, positions, strict=True):
        largest = sorted((values or {}).values(), reverse=True)[:number]
        row[: len(largest)] = largest
    return rows
