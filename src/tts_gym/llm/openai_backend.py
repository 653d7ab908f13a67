"""What backends on servers with an OpenAI interface share: requests run at the same time, and can be cancelled."""

from __future__ import annotations

import asyncio
import queue
import threading
from abc import abstractmethod
from collections.abc import Callable, Coroutine, Iterable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

import openai

from tts_gym.errors import BackendError
from tts_gym.llm.backend import Backend, Delta, Request, Result
from tts_gym.llm.openai_connection import Connection, LostError
from tts_gym.llm.openai_pulse import DownError, SilenceError
from tts_gym.llm.pending import Pending
from tts_gym.llm.tokenizer import in_a_line

STREAM_TIMEOUT, WHOLE_TIMEOUT = 120.0, 600.0
"""Seconds that a server may be silent, where it streams and where it does not."""


@dataclass(eq=False)
class _Job:
    """A request at work: what comes of an earlier one with its key is not its own."""

    request: Request
    future: Future[None] | None = None


class OpenAIBackend(Backend):
    """A server whose requests run in the event loop of a thread.

    A subclass sets the attributes of ``Backend`` and ``_pending``, and says how a request comes to its result.
    """

    _pending: Pending

    def __init__(
        self,
        base_url: str,
        api_key: str | None = None,
        concurrency: int = 64,
        retries: int = 6,
        timeout: float | None = None,
    ) -> None:
        """Start the thread; nothing is sent.

        Args:
            base_url: address of the server, up to and with the version.
            api_key: key of the server; None for the one in the environment variable ``OPENAI_API_KEY``, if any.
            concurrency: most requests at a time.
            retries: how often a request is tried again.
            timeout: seconds that the server may be silent; None for 120.
        """
        self._url, self._retries = base_url, retries
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=f"requests to {base_url}", daemon=True)
        self._thread.start()
        self._connection = Connection(base_url, timeout or STREAM_TIMEOUT, retries, concurrency, api_key)
        self._client, self._pulse = self._connection.client, self._connection.pulse
        self._jobs: dict[int, _Job] = {}
        # None is a call of ``wake``.
        self._arrivals: queue.SimpleQueue[tuple[_Job, Delta | Result] | None] = queue.SimpleQueue()

    def submit(self, requests: Iterable[Request]) -> None:
        """See ``Backend.submit``."""
        if self._loop.is_closed():
            raise BackendError(f"The connection to {self._url} is closed: make a new backend.")
        if self._pulse.down is not None:
            raise BackendError(f"The server at {self._url} is given up: {self._pulse.down}.")
        for request in self._pending.add(requests):
            job = self._jobs[request.key] = _Job(request)
            job.future = asyncio.run_coroutine_threadsafe(self._run(job), self._loop)

    def arrived(self) -> list[Delta | Result]:
        """See ``Backend.arrived``."""
        arrived: list[Delta | Result] = [*self._pending.take_failed()]
        woken = False
        while not self._arrivals.empty() or (self._pending.requests and not arrived and not woken):
            arrival = self._arrivals.get()
            if arrival is None:
                woken = True
                continue
            job, come = arrival
            if self._jobs.get(come.key) is not job:
                continue
            if isinstance(come, Result):
                del self._jobs[come.key], self._pending.requests[come.key]
            arrived.append(come)
        return arrived

    def cancel(self, keys: Iterable[int]) -> None:
        """See ``Backend.cancel``: the connection of a request is closed."""
        for key in self._pending.drop(keys):
            future = self._jobs.pop(key).future
            assert future is not None
            future.cancel()

    def wake(self) -> None:
        """See ``Backend.wake``."""
        self._arrivals.put(None)

    def close(self) -> None:
        """See ``Backend.close``."""
        if not self._loop.is_closed():
            self._pending.requests.clear()
            self._jobs.clear()
            self._disconnect()

    @abstractmethod
    async def _result(self, request: Request, give: Callable[[Delta], None]) -> Result:
        """What a request comes to.

        Args:
            request: the request.
            give: takes the deltas of a streamed request.

        Raises:
            Exception: it failed.
        """

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

    async def _run(self, job: _Job) -> None:
        """Send a request and put what comes of it into the queue."""
        request = job.request
        try:
            result = await self._result(request, lambda delta: self._arrivals.put((job, delta)))
        except Exception as error:  # Whatever a server answers, the caller must not wait for ever.
            result = Result(request.key, (), len(request.prompt), error=self._reason(error))
        self._arrivals.put((job, result))

    def _reason(self, error: Exception) -> str:
        """Why a request failed."""
        if isinstance(error, (openai.APIConnectionError, SilenceError, LostError)):
            cause = in_a_line(error.__cause__ or error)
            return f"no answer from {self._url} in {self._retries + 1} attempts: {cause}"
        if isinstance(error, DownError):
            return f"the server at {self._url} is given up: {error}"
        return f"the server at {self._url} gave no usable answer: {in_a_line(error)}"
