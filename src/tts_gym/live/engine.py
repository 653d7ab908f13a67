"""One backend that many episodes share: a thread of its own calls it, whoever waits is told what comes."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from tts_gym.errors import BackendError
from tts_gym.llm.backend import Backend, Delta, Request, Result, Sampling

Listener = Callable[[Delta | Result], None]
"""Is told in the engine's thread what has come of a request: any number of deltas, then a result.

One that raises is told nothing more, and its request is cancelled; those of others go on.
"""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Conversation:
    """What a model with conversations only goes on with.

    Attributes:
        messages: turns with ``role`` and ``content``.
        arguments: of the model's chat template, by name.
    """

    messages: tuple[Mapping[str, Any], ...]
    arguments: Mapping[str, Any] = field(default_factory=dict)


Prompt = tuple[int, ...] | Conversation


@dataclass(eq=False)
class Ticket:
    """A request that was handed in, for cancelling it.

    Attributes:
        request: the request.
        listener: who is told.
    """

    request: Request
    listener: Listener


class Engine:
    """Hands requests to a backend, at most ``concurrency`` at a time, those with precedence first.

    Its methods may be called from any thread.
    """

    def __init__(self, backend: Backend, concurrency: int = 256) -> None:
        """Start the thread; from now on nobody else calls ``backend``.

        Args:
            backend: the model.
            concurrency: most requests at a time.
        """
        self.backend = backend
        self._concurrency = concurrency
        self._keys = count()
        self._changed = threading.Condition()
        self._waiting: deque[Ticket] = deque()
        self._running: dict[int, Ticket] = {}
        self._cancelled: list[int] = []
        self._closing = False
        self._down: str | None = None
        self._thread = threading.Thread(target=self._run, name=f"live {backend.model}", daemon=True)
        self._thread.start()

    def submit(
        self, prompt: Prompt, sampling: Sampling, listener: Listener, stream: bool = False, first: bool = False
    ) -> Ticket:
        """Hand in a request.

        Args:
            prompt: token ids, or a conversation where the backend has conversations only.
            sampling: how tokens are drawn.
            listener: is told what comes of it.
            stream: whether partial results are wanted.
            first: whether it takes precedence over those that wait.

        Raises:
            BackendError: the engine is closed, or its backend cannot go on.
        """
        key = next(self._keys)
        if isinstance(prompt, Conversation):
            request = Request(
                key, (), sampling, stream=stream, messages=prompt.messages, template_arguments=prompt.arguments
            )
        else:
            request = Request(key, prompt, sampling, stream=stream)
        ticket = Ticket(request, listener)
        with self._changed:
            if self._closing or self._down is not None:
                raise BackendError(self._down or f"the engine of {self.backend.model} is closed")
            (self._waiting.appendleft if first else self._waiting.append)(ticket)
            self._wake()
        return ticket

    def cancel(self, *tickets: Ticket) -> None:
        """Stop requests; their listeners are told nothing more, but for what is on its way to them already."""
        with self._changed:
            for ticket in tickets:
                if self._running.pop(ticket.request.key, None) is not None:
                    self._cancelled.append(ticket.request.key)
                    self._wake()
                elif ticket in self._waiting:
                    self._waiting.remove(ticket)

    @property
    def pending(self) -> int:
        """Requests that wait or run."""
        with self._changed:
            return len(self._waiting) + len(self._running)

    @property
    def down(self) -> str | None:
        """Why the backend cannot go on; None while it can."""
        return self._down

    def close(self) -> None:
        """Drop every request and end the thread; the backend stays open."""
        with self._changed:
            self._closing = True
            self._wake()
        self._thread.join()

    def _wake(self) -> None:
        """Have the thread look what it is to do; called under the lock, so that no call outlives the thread."""
        self._changed.notify()
        self.backend.wake()

    def _run(self) -> None:
        try:
            while self._take_orders():
                for event in self.backend.arrived():
                    self._tell(event)
            self.backend.cancel([*self._running, *self._cancelled])
            self.backend.arrived()  # Nothing is pending: whoever uses the backend next is not woken by what woke this.
            self._fail(f"the engine of {self.backend.model} is closed")
        except Exception as error:  # Whatever a backend raises, nobody must wait for it for ever.
            self._fail(f"{self.backend.model} cannot go on: {error or type(error).__name__}")

    def _take_orders(self) -> bool:
        """Wait for something to do, and hand it to the backend; return whether there will be more."""
        with self._changed:
            while not (self._waiting or self._running or self._cancelled or self._closing):
                self._changed.wait()
            if self._closing:
                return False
            cancelled, self._cancelled = self._cancelled, []
            added: list[Ticket] = []
            while self._waiting and len(self._running) < self._concurrency:
                ticket = self._waiting.popleft()
                self._running[ticket.request.key] = ticket
                added.append(ticket)
        if cancelled:
            self.backend.cancel(cancelled)
        if added:
            self.backend.submit([ticket.request for ticket in added])
        return True

    def _tell(self, event: Delta | Result) -> None:
        with self._changed:
            get = self._running.get if isinstance(event, Delta) else self._running.pop
            ticket = get(event.key, None)
        if ticket is not None:
            self._hear(ticket, event)

    def _hear(self, ticket: Ticket, event: Delta | Result) -> None:
        try:
            ticket.listener(event)
        except Exception:  # Whatever a listener raises, the others are told.
            _log.exception("What came of a request to %s cannot be taken in.", self.backend.model)
            self.cancel(ticket)

    def _fail(self, reason: str) -> None:
        """Let every request fail, and take no others, as the backend cannot go on."""
        with self._changed:
            self._down = reason
            failed = [*self._running.values(), *self._waiting]
            self._running.clear()
            self._waiting.clear()
        for ticket in failed:
            self._hear(ticket, Result(ticket.request.key, (), len(ticket.request.prompt), error=reason))
