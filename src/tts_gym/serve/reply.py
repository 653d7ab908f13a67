"""A response that is made while its client waits, and given up when the client leaves."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from tts_gym.serve.errors import RequestError

_log = logging.getLogger(__name__)


class Sender:
    """Sends one response: a JSON document, or a stream of events.

    Attributes:
        status: what was sent; None before.
    """

    def __init__(self, send: Send) -> None:
        """Begin with nothing sent.

        Args:
            send: of ASGI.
        """
        self.status: int | None = None
        self._send = send

    async def document(self, body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> None:
        """Send a whole response.

        Args:
            body: JSON, or bytes of it.
            status: of the response.
            headers: of the response.
        """
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        sized = {**(headers or {}), "content-length": str(len(content))}
        await self._start(status, "application/json", sized)
        await self._send({"type": "http.response.body", "body": content})

    async def begin(self, headers: Mapping[str, str]) -> None:
        """Begin a stream of events.

        Args:
            headers: of the response.
        """
        await self._start(200, "text/event-stream; charset=utf-8", {**headers, "cache-control": "no-cache"})

    async def event(self, document: Any) -> None:
        """Send an event.

        Args:
            document: JSON, or a text as it is.
        """
        text = document if isinstance(document, str) else json.dumps(document)
        await self.piece(f"data: {text}\n\n".encode())

    async def piece(self, content: bytes) -> None:
        """Send part of a stream as it is."""
        await self._send({"type": "http.response.body", "body": content, "more_body": True})

    async def end(self) -> None:
        """End a stream."""
        await self._send({"type": "http.response.body", "body": b""})

    async def refuse(self, error: RequestError) -> None:
        """Send an error, as the response or within the stream that has begun."""
        if self.status is None:
            await self.document(error.body(), error.status, error.headers)
        else:
            await self.event(error.body())
            await self.end()

    async def _start(self, status: int, kind: str, headers: Mapping[str, str]) -> None:
        self.status = status
        pairs = {"content-type": kind, **headers}.items()
        encoded = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in pairs]
        await self._send({"type": "http.response.start", "status": status, "headers": encoded})


class Reply(Response):
    """A response whose work is cancelled when the client leaves."""

    def __init__(self, work: Callable[[Sender], Awaitable[None]]) -> None:
        """Begin nothing yet.

        Args:
            work: makes and sends the response.
        """
        super().__init__()
        self._work = work

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Make the response, as ASGI has it."""
        working = asyncio.ensure_future(self._run(Sender(send)))
        leaving = asyncio.ensure_future(_left(receive))
        try:
            await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            working.cancel()
            leaving.cancel()
            await asyncio.gather(working, leaving, return_exceptions=True)

    async def _run(self, sender: Sender) -> None:
        try:
            await self._work(sender)
        except RequestError as error:
            await sender.refuse(error)
        except Exception:
            _log.exception("A request fails.")
            await sender.refuse(RequestError("The gateway has a fault, which its log tells.", 500))


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
