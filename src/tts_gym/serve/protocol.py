"""HTTP connections that do not wait for ever for a client to say what it wants."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol

from tts_gym.serve.errors import error_body


class PatientProtocol(H11Protocol):
    """A connection that is closed where the head of a request does not come in time.

    Attributes:
        patience: seconds from the opening of the connection, or from the first byte of a further request.
    """

    patience: float
    _late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """See ``asyncio.Protocol``."""
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        """See ``asyncio.Protocol``."""
        super().data_received(data)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """See ``asyncio.Protocol``."""
        super().connection_lost(exc)
        self._unwatch()

    @property
    def _is_at_work(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _watch(self) -> None:
        if self._is_at_work:
            self._unwatch()
        elif self._late is None:
            self._late = self.loop.call_later(self.patience, self._give_up)

    def _unwatch(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _give_up(self) -> None:
        self._late = None
        if self.transport.is_closing() or self._is_at_work:
            return
        self._refuse("408 Request Timeout", f"The request did not come within {self.patience:g} seconds.", 408)

    def send_400_response(self, msg: str) -> None:
        """See ``H11Protocol``: told as other errors are."""
        self._refuse("400 Bad Request", msg, 400)

    def _refuse(self, line: str, message: str, status: int) -> None:
        body = json.dumps(error_body(message, status)).encode()
        head = f"HTTP/1.1 {line}\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n"
        self.transport.write(f"{head}connection: close\r\n\r\n".encode() + body)
        self.transport.close()


def server_config(app: Any, patience: float) -> Config:
    """How the application is served.

    Args:
        app: the application.
        patience: seconds in which the head of a request must come.
    """
    return Config(
        app,
        http=type("Protocol", (PatientProtocol,), {"patience": patience}),
        ws="none",
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=5,
    )
