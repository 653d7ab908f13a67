"""Requests to a server with the OpenAI interface: one attempt, and as many as it takes."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from typing import Any

import openai

from tts_gym.llm.openai_answer import Answer, documents
from tts_gym.llm.openai_pulse import Pulse, SilenceError
from tts_gym.llm.tokenizer import in_a_line

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

    async def answer(self, arguments: dict[str, Any]) -> Answer:
        """The answer to a request, which is sent again where that may help, and not before the server is healthy.

        Args:
            arguments: of ``completions.create``.

        Raises:
            openai.OpenAIError: the server refuses it, or is not reached in all attempts.
            SilenceError: it said nothing in the last attempt.
            LostError: it left within the last answer.
            DownError: it is given up.
            AnswerError: the answer is of no use.
        """
        for attempt in range(self._retries + 1):
            try:
                async with self._slots:
                    answer: Answer = await self.pulse.within(self.ask(self.client, arguments))
                return answer
            except (openai.APIConnectionError, openai.APIStatusError, SilenceError, LostError) as error:
                status = getattr(error, "status_code", None)
                if status is not None:
                    self.pulse.heard()
                if attempt == self._retries or not (status is None or status >= 500 or status in BUSY):
                    raise
                if status not in BUSY:
                    await self.pulse.check(isinstance(error, SilenceError))
                await asyncio.sleep(_delay(attempt, error))
        raise AssertionError

    async def ask(self, client: openai.AsyncOpenAI, arguments: dict[str, Any]) -> Answer:
        """The answer to a request that is sent once, see ``answer``."""
        answer = Answer()
        async with client.completions.with_streaming_response.create(**arguments) as response:
            self.pulse.heard()
            async for document in documents(self._pieces(response)):
                answer.add(document)
        return answer

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
