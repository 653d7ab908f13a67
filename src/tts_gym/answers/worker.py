"""A process for work that may hang or crash: it is killed at a deadline, and replaced when it is next needed."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any

from tts_gym.errors import TTSGymError

PROGRAM = Path(__file__).with_name("worker_main.py")

START_SECONDS = 60.0
"""Processor seconds that a new worker may take over its first request, in which it imports what it needs."""

SLOWEST = 10.0
"""How many times its processor seconds a request may take by the clock, on a busy machine or asleep."""

TRIES = 2
"""Processes that a request may crash before it is given up, as a process may be killed for no fault of its own."""


class Failure(StrEnum):
    """Why a worker gave no result."""

    TIMEOUT = "timeout"
    CRASH = "crash"


class WorkerError(Exception):
    """A request got no result."""

    def __init__(self, failure: Failure) -> None:
        """Say why."""
        super().__init__(failure)
        self.failure = failure


class Worker:
    """Runs the operations of ``worker_main`` in a process of its own, started by the first request.

    It uses no signals and no fork, so that it works in any thread, beside other threads; but in one at a time.

    Attributes:
        starts: processes started so far.
        requests: requests made so far.
    """

    def __init__(self, *first: str) -> None:
        """Start nothing yet.

        Args:
            first: an operation and its arguments, done by each new process before it is asked anything, so that the
                time that its imports take does not count.
        """
        self.starts = 0
        self.requests = 0
        self._first = first
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """Id of the process, if one runs."""
        return None if self._process is None else self._process.pid

    def ask(self, operation: str, *arguments: str, seconds: float) -> Any:
        """Have the process do ``operation``.

        Args:
            operation: a name in ``worker_main.OPERATIONS``.
            arguments: its arguments.
            seconds: processor time that it may take, so that the result does not depend on how busy the machine is.

        Raises:
            WorkerError: it took longer, or the process crashed.
            TTSGymError: a process does not start.
        """
        self.requests += 1
        for last in (*[False] * (TRIES - 1), True):
            if self._process is None or self._process.poll() is not None:
                self._start()
            try:
                return self._exchange(operation, arguments, seconds)
            except WorkerError as error:
                if last or error.failure == Failure.TIMEOUT:
                    raise

    def close(self) -> None:
        """Kill the process, if one runs; the next request starts another."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            for pipe in (self._process.stdin, self._process.stdout):
                assert pipe is not None
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()
            self._process = None

    def _start(self) -> None:
        self.close()
        self.starts += 1
        self._process = subprocess.Popen(
            [sys.executable, "-P", str(PROGRAM)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        if self._first:
            operation, *arguments = self._first
            try:
                self._exchange(operation, arguments, START_SECONDS)
            except WorkerError as error:
                raise TTSGymError(
                    f"A worker process does not start ({error.failure}): see that memory is free and that "
                    f"{sys.executable} has the packages of tts-gym[collect]."
                ) from error

    def _exchange(self, operation: str, arguments: Sequence[str], seconds: float) -> Any:
        process = self._process
        assert process is not None
        try:
            _send(process, json.dumps([operation, arguments, seconds]).encode() + b"\n")
            reply = _receive(process, seconds * SLOWEST)
        except BaseException:
            self.close()
            raise
        if reply:
            return json.loads(reply)
        self.close()
        raise WorkerError(Failure.TIMEOUT if process.returncode == -signal.SIGPROF else Failure.CRASH)


def _send(process: subprocess.Popen[bytes], request: bytes) -> None:
    """Send a request; a process that is gone gives no reply."""
    assert process.stdin is not None
    with contextlib.suppress(BrokenPipeError):
        process.stdin.write(request)
        process.stdin.flush()


def _receive(process: subprocess.Popen[bytes], seconds: float) -> bytes:
    """The reply of ``process``, empty if it ended without one.

    Raises:
        WorkerError: no reply came in time.
    """
    assert process.stdout is not None
    end = time.monotonic() + seconds
    reply = b""
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while not reply.endswith(b"\n"):
            if not selector.select(max(0.0, end - time.monotonic())):
                raise WorkerError(Failure.TIMEOUT)
            part = os.read(process.stdout.fileno(), 2**16)
            if not part:
                return b""
            reply += part
    return reply
