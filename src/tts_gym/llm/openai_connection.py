"""Requests to a server with the OpenAI interface: one attempt, and as many as it takes."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import openai

from tts_gym.llm.openai_answer import Answer, documents
from tts_gym.llm.openai_pulse import Pulse, SilenceError
from tts_gym.llm.tokenizer import in_a_line

_log = logging.getLogger(__name__)

BUSY = (408, 409, 429)
"""Statuses of a server that is there, and takes the same request later."""

LONGEST_DELAY = 120
"""Most seconds that a server may say to wait."""


class LostError(Exception):
    """A connection was lost within an answer."""


class Connection:
    """A server, of which a number of requests at a time are asked.

    Attributes:
        client: speaks its interface.
        pulse: whether it is alive.
    """

    def __init__(self, url: str, timeout: float, retries: int, concurrency: int, key: str | None) -> None:
        """Address a server; nothing is sent.

        Args:
            url: its address.
            timeout: seconds that it may be silent.
            retries: how often a request is tried again.
            concurrency: most requests at a time.
            key: its key; None for the one in the environment variable ``OPENAI_API_KEY``, if any.
        """
        self.client = _client(url, timeout, {} if key is None else {"api_key": key})
        self.pulse = Pulse(self.client, url, timeout)
        self._retries = retries
        self._slots = asyncio.Semaphore(concurrency)

    async def persist(self, attempt: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run ``attempt``, again where that may help, and not before the server is healthy.

        Args:
            attempt: sends a request with ``ask``.

        Raises:
            openai.OpenAIError: the server refuses it, or is not reached in all attempts.
            SilenceError: it said nothing in the last attempt.
            LostError: it left within the last answer.
            DownError: it is given up.
            UselessError: the answer is of no use.
        """
        for number in range(self._retries + 1):
            try:
                async with self._slots:
                    await self.pulse.within(attempt())
                return
            except (openai.APIConnectionError, openai.APIStatusError, SilenceError, LostError) as error:
                status = getattr(error, "status_code", None)
                if status is not None:
                    self.pulse.heard()
                if number == self._retries or not (status is None or status >= 500 or status in BUSY):
                    raise
                if status not in BUSY:
                    await self.pulse.check(isinstance(error, SilenceError))
                delay = _delay(number, error)
                told = (number + 1, self._retries + 1, delay, in_a_line(error))
                _log.info("Attempt %d of %d failed, the next is in %.1f s: %s", *told)
                await asyncio.sleep(delay)

    async def answer(self, create: Any, arguments: dict[str, Any]) -> Answer:
        """The whole answer to a request, see ``persist``.

        Args:
            create: what sends it, see ``ask``.
            arguments: of the request.
        """
        answer = Answer()

        async def attempt() -> None:
            nonlocal answer
            answer = Answer()
            await self.ask(create, arguments, answer.add)

        await self.persist(attempt)
        return answer

    async def ask(self, create: Any, arguments: dict[str, Any], take: Callable[[Any], None]) -> None:
        """Send a request once; if this is cancelled, the connection is closed, whatever has come.

        Args:
            create: method of the client that sends it, such as ``client.completions.with_streaming_response.create``.
            arguments: of the request.
            take: is given each document of the answer as it comes.
        """
        async with create(**arguments) as response:
            self.pulse.heard()
            async for document in documents(self._pieces(response)):
                take(document)

    async def _pieces(self, response: Any) -> AsyncIterator[bytes]:
        pieces = aiter(response.iter_bytes())
        while True:
            try:
                piece = await anext(pieces)
            except StopAsyncIteration:
                return
            except Exception as error:  # The client passes on what the library below it raises.
                raise LostError(f"the connection was lost ({in_a_line(error)})") from error
            self.pulse.heard()
            yield piece


def _delay(attempt: int, error: Exception) -> float:
    """Seconds until the next attempt: as the server says, or else twice as long each time, less a random part."""
    response = getattr(error, "response", None)
    said = "" if response is None else response.headers.get("retry-after", "")
    if said.isdigit() and int(said) <= LONGEST_DELAY:
        return float(said)
    return float(min(0.5 * 2**attempt, 8.0) * random.uniform(0.75, 1.0))


def _client(base_url: str, timeout: float, key: dict[str, str]) -> openai.AsyncOpenAI:
    """A client that leaves it to ``Pulse`` how long an answer may take."""
    limits = openai.Timeout(None, connect=min(timeout, 10.0))
    try:
        return openai.AsyncOpenAI(base_url=base_url, timeout=limits, max_retries=0, **key)
    except openai.OpenAIError:
        # Servers of one's own mostly want no key, but the client does.
        return openai.AsyncOpenAI(base_url=base_url, timeout=limits, max_retries=0, api_key="none")
