"""Whether a server is alive: by what it says to any request, and by its health where it says nothing."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

import openai

from tts_gym.llm.tokenizer import in_a_line

GRACE = 60.0
"""Most seconds that a server may take to be healthy again."""

CHECK = 10.0
"""Most seconds that a health check may take."""

TELL = 30.0
"""Seconds between two notes on what is waited for."""

SILENCES = 2
"""Time-outs in a row, without a word to any request, at which a server is given up though it is healthy."""

SICK = (500, 502, 503, 504)
"""Statuses of a health check that say that the server cannot work; with any other one it is there."""

_log = logging.getLogger(__name__)


class SilenceError(Exception):
    """A server said nothing, to any request, for the time that it is given."""


class DownError(Exception):
    """A server is given up."""


class Pulse:
    """Watches a server that many requests wait for.

    A request is not late while the server talks to another, as it may stand in a queue there.

    Attributes:
        timeout: seconds that it may be silent.
        down: why the server is given up; None while it is not.
    """

    def __init__(self, client: openai.AsyncOpenAI, url: str, timeout: float) -> None:
        """Watch a server.

        Args:
            client: asks it.
            url: its address.
            timeout: seconds that it may be silent.
        """
        self.down: str | None = None
        self.timeout = timeout
        self._client, self._url = client, url
        parts = urlsplit(url)
        self._health = f"{parts.scheme}://{parts.netloc}/health"
        self._lock = asyncio.Lock()
        self._waiting = 0
        self._silences = 0
        self._heard = self._checked = self._told = -float("inf")

    def heard(self) -> None:
        """The server said something."""
        self._heard = monotonic()
        self._silences = 0

    async def within(self, work: Coroutine[Any, Any, Any]) -> Any:
        """The result of ``work``, which waits for the server and tells when it is ``heard``.

        Raises:
            SilenceError: the server said nothing for too long.
        """
        task = asyncio.ensure_future(work)
        began = monotonic()
        self._waiting += 1
        try:
            while not task.done():
                silent = monotonic() - max(began, self._heard, self._checked)
                if silent >= self.timeout:
                    raise SilenceError(f"it said nothing for {self.timeout:g} seconds")
                if silent >= TELL:
                    self._tell(f"has said nothing for {silent:.0f} s ({self._waiting} requests wait)", self.timeout)
                await asyncio.wait({task}, timeout=min(self.timeout - silent, TELL))
            return task.result()
        finally:
            self._waiting -= 1
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def check(self, silent: bool) -> None:
        """Before a request is sent again: wait until the server is healthy.

        Args:
            silent: whether the request met silence.

        Raises:
            DownError: it is given up.
        """
        asked = monotonic()
        async with self._lock:
            if self.down is None and self._checked < asked:
                await self._wait_for_health()
                self._checked = monotonic()
                self._silences += silent
                if self._silences >= SILENCES:
                    spent = SILENCES * self.timeout
                    self.down = f"it generated nothing for {spent:g} seconds, though it answers health checks"
            if self.down is not None:
                raise DownError(self.down)

    async def _wait_for_health(self) -> None:
        start, grace = monotonic(), min(self.timeout, GRACE)
        delay = 0.25
        while (illness := await self._illness()) is not None:
            spent = monotonic() - start
            if spent >= grace:
                self.down = f"it did not answer health checks for {spent:.0f} seconds ({illness})"
                return
            self._tell(f"is not healthy ({illness})", grace - spent)
            await asyncio.sleep(min(delay, grace - spent))
            delay = min(2 * delay, 4.0)

    async def _illness(self) -> str | None:
        """Why the server is not there; None if it is."""
        try:
            client = self._client.with_options(max_retries=0, timeout=min(self.timeout, CHECK))
            await client.get(self._health, cast_to=type(None))
        except openai.APIStatusError as error:
            return f"status {error.status_code}" if error.status_code in SICK else None
        except openai.APIConnectionError as error:
            return in_a_line(error.__cause__ or error)
        return None

    def _tell(self, what: str, seconds: float) -> None:
        if monotonic() - self._told >= TELL:
            self._told = monotonic()
            _log.warning("The server at %s %s: waiting for it for up to %.0f s.", self._url, what, seconds)
