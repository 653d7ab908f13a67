"""Plain requests to the upstream server: what goes through untouched, and the sample that is left when all fails."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx

from tts_gym.llm.openai_connection import BUSY
from tts_gym.llm.tokenizer import in_a_line
from tts_gym.serve.asked import Endpoint
from tts_gym.serve.errors import RequestError

TRIES = 3
"""How often a request is sent."""

DELAY = 0.5
"""Seconds until the second attempt; twice as many until the next."""

CONNECT = 5.0
"""Seconds in which the server takes a connection."""


class Plain:
    """A server with the OpenAI interface that is asked as a client would."""

    def __init__(self, url: str, key: str | None) -> None:
        """Address it; nothing is sent.

        Args:
            url: its address, up to and with the version.
            key: its key; None where it wants none.
        """
        self._client = httpx.AsyncClient(
            base_url=url,
            headers=authorization(key),
            timeout=httpx.Timeout(None, connect=CONNECT),
            limits=httpx.Limits(max_connections=None),
        )

    async def close(self) -> None:
        """Close its connections."""
        await self._client.aclose()

    async def whole(self, endpoint: Endpoint, document: Mapping[str, Any]) -> httpx.Response:
        """A response that has come to its end.

        Args:
            endpoint: what is asked.
            document: the request; it asks for no stream.

        Raises:
            RequestError: there is none of use, or the server refuses the request.
        """
        for attempt in range(TRIES):
            async with self._attempt(endpoint, document, attempt) as response:
                if response is not None:
                    try:
                        await response.aread()
                        return response
                    except httpx.HTTPError as error:
                        if attempt == TRIES - 1:
                            raise _lost(error) from error
        raise AssertionError("the last attempt ends in a response or an error")

    @asynccontextmanager
    async def stream(self, endpoint: Endpoint, document: Mapping[str, Any]) -> AsyncIterator[AsyncIterator[bytes]]:
        """The pieces of a response as they come.

        Args:
            endpoint: what is asked.
            document: the request; it asks for a stream.

        Raises:
            RequestError: the server does not begin an answer, or refuses the request, or leaves within the answer.
        """
        for attempt in range(TRIES):
            async with self._attempt(endpoint, document, attempt) as response:
                if response is not None:
                    yield _pieces(response)
                    return

    @asynccontextmanager
    async def _attempt(
        self, endpoint: Endpoint, document: Mapping[str, Any], attempt: int
    ) -> AsyncIterator[httpx.Response | None]:
        """A response that has begun; None where another attempt may help, after a pause."""
        request = self._client.build_request("POST", endpoint.value, json=document)
        try:
            response = await self._client.send(request, stream=True)
        except httpx.HTTPError as error:
            if attempt == TRIES - 1:
                raise _lost(error) from error
            await asyncio.sleep(DELAY * 2**attempt)
            yield None
            return
        try:
            if response.status_code < 400:
                yield response
                return
            refusal = await _refusal(response)
        finally:
            await response.aclose()
        if attempt == TRIES - 1 or not (response.status_code >= 500 or response.status_code in BUSY):
            raise refusal
        await asyncio.sleep(DELAY * 2**attempt)
        yield None


def authorization(key: str | None) -> dict[str, str]:
    """Headers that tell a server its key.

    Args:
        key: the key; None where it wants none.
    """
    return {} if key is None else {"authorization": f"Bearer {key}"}


async def _pieces(response: httpx.Response) -> AsyncIterator[bytes]:
    try:
        async for piece in response.aiter_bytes():
            yield piece
    except httpx.HTTPError as error:
        raise _lost(error) from error


def _lost(error: httpx.HTTPError) -> RequestError:
    return RequestError(f"The upstream server gives no answer: {in_a_line(error)}.", 502)


async def _refusal(response: httpx.Response) -> RequestError:
    """What a server says that does not answer."""
    status = response.status_code
    try:
        await response.aread()
        said = response.json()
        inner = said.get("error", said)
        message = str(inner["message"] if isinstance(inner, dict) else inner)
    except (httpx.HTTPError, ValueError, AttributeError, KeyError, TypeError):
        message = "it says nothing of use"
    message = " ".join(message.split())[:500]
    if status >= 500 or status in (401, 403):
        return RequestError(f"The upstream server answers with status {status}: {message}", 502)
    return RequestError(message, status)
