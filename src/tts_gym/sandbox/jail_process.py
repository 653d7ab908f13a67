"""One jail as its parent sees it: started, listened to with bounds, and ended at its deadline."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import selectors
import signal
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import IO, Any

import numpy as np

from tts_gym.datasets.store import Tables
from tts_gym.errors import TTSGymError
from tts_gym.sandbox.boundary import LONGEST_FAILURE, printable
from tts_gym.sandbox.fork_server import ForkServer, a_fork_server
from tts_gym.sandbox.messages import FailedError, Read

SHUT_SECONDS = 60.0
"""How long a jail may take to read its request and be shut, before a candidate's time begins."""

MOST_PRINTED = 2**20
"""Bytes that a candidate may print before it is stopped."""

TRIES = 2
"""Fork servers that are tried, as an idle one may have been killed."""

LONGEST_LINE = 2**11
"""Bytes of a line that is replied to."""

CALL_SECONDS = 0.001
"""Time that a jail has more for each reply that it waits for."""

_READ = 2**20

Reply = Callable[[bytes], bytes | None]
"""What is replied to a line, in at most 4,096 bytes; None where nothing more is to be said."""


@dataclass(frozen=True)
class Answers:
    """What a jail sent.

    Attributes:
        layers: of its isolation.
        heard: what was made of what came after them.
        failure: why nothing was.
    """

    layers: list[str]
    heard: Any
    failure: str | None


class _CutShortError(Exception):
    """A jail is not listened to any longer, and why."""


class _EndedError(Exception):
    """A jail sends nothing more."""


@contextlib.contextmanager
def request_file(request: Mapping[str, Any], tables: Iterable[Tables]) -> Iterator[IO[bytes]]:
    """A file with a request and the branch tables that it tells of, as ``fork_server_main`` reads it.

    Args:
        request: what JSON holds; it tells the shapes of the tables.
        tables: in the order in which it tells of them.
    """
    with tempfile.TemporaryFile() as file:
        file.write(json.dumps(request).encode() + b"\n")
        for one in tables:
            for array in one:
                file.write(np.ascontiguousarray(array).data)
        file.seek(0)
        yield file


def run_jail(request: IO[bytes], hear: Callable[[Read], Any], seconds: float) -> Answers:
    """Start a jail, let it have its time, and end it with all that it may have started.

    Args:
        request: what is asked of it, as ``fork_server_main`` tells.
        hear: makes something of what it sends, which may be anything.
        seconds: time from when it is shut.

    Raises:
        TTSGymError: if it does not get as far as being shut.
    """
    return _run(request, lambda listener: listener.hear_rest(hear, seconds), ends=True)


def serve_jail(request: IO[bytes], reply: Reply, seconds: float, most_seconds: float) -> Answers:
    """Do the same with a jail that sends lines and waits for a reply to each; nothing is made of them.

    Args:
        request: as in ``run_jail``.
        reply: given a line without its end; once it has returned None, the jail is ended.
        seconds: time from when it is shut, to which each reply adds ``CALL_SECONDS``.
        most_seconds: time from when it is shut that it has at most.

    Raises:
        TTSGymError: as in ``run_jail``.
    """
    return _run(request, lambda listener: listener.converse(reply, seconds, most_seconds), ends=False)


def _run(request: IO[bytes], hear: Hear, ends: bool) -> Answers:
    """Start a jail and ``hear`` it, after which it ends by itself or does not."""
    for _ in range(TRIES - 1):
        try:
            return _run_jail(request, hear, ends)
        except OSError:
            request.seek(0)
    try:
        return _run_jail(request, hear, ends)
    except OSError as error:
        raise TTSGymError(f"No jail for candidates starts on this machine: {error}") from error


def _run_jail(request: IO[bytes], hear: Hear, ends: bool) -> Answers:
    with a_fork_server() as fork_server, _Listener() as listener:
        fork_server.start_jail([request.fileno(), *listener.their_ends])
        listener.close_their_ends()
        return _hear(listener, fork_server, hear, ends)


def _hear(listener: _Listener, fork_server: ForkServer, hear: Hear, ends: bool) -> Answers:
    layers = listener.hear_start()
    heard, error = None, None
    try:
        heard = hear(listener)
    except Exception as raised:
        error = raised
    try:
        status = fork_server.end_jail(wait=ends if error is None else isinstance(error, (_EndedError, FailedError)))
    except OSError:
        fork_server.close()
        return Answers(layers, None, "crashed: it took its fork server down")
    return Answers(layers, heard, None if error is None else _reason(error, status))


def _reason(error: Exception, status: int) -> str:
    """Why a jail that ended with ``status`` was heard no further than ``error``."""
    if isinstance(error, _EndedError):
        return _how_it_ended(status)
    if isinstance(error, (_CutShortError, FailedError)):
        return str(error)
    return printable(f"crashed: it returned no results: {error}", LONGEST_FAILURE)


def _how_it_ended(status: int) -> str:
    if status == -signal.SIGXCPU:
        return "timeout: it used up its processor time"
    if status == -signal.SIGSEGV:
        return "crashed: it went outside its memory, or recursed too deeply (SIGSEGV)"
    if status == -signal.SIGKILL:
        return "crashed: it was killed, or closed its answers and went on"
    if status < 0:
        return f"crashed: it was ended by {signal.Signals(-status).name}"
    return f"crashed: it ended its process with status {status} and gave no result"


class _Listener:
    """Listens to what a jail answers and to what a candidate prints, on two pipes, and replies on a third."""

    def __init__(self) -> None:
        self._answers, answers_end = os.pipe()
        with contextlib.suppress(PermissionError):
            fcntl.fcntl(self._answers, fcntl.F_SETPIPE_SZ, _READ)
        self._prints, prints_end = os.pipe()
        replies_end, self._replies = os.pipe()
        # Whoever does not take what is replied holds nobody up.
        os.set_blocking(self._replies, False)
        self.their_ends = [answers_end, prints_end, replies_end]
        self._heard = {self._answers: bytearray(), self._prints: bytearray()}
        self._selector = selectors.DefaultSelector()
        for descriptor in self._heard:
            self._selector.register(descriptor, selectors.EVENT_READ)

    def __enter__(self) -> _Listener:
        return self

    def __exit__(self, *_: object) -> None:
        self._selector.close()
        self.close_their_ends()
        for descriptor in (*self._heard, self._replies):
            os.close(descriptor)

    def close_their_ends(self) -> None:
        """Close what the jail has by now."""
        while self.their_ends:
            os.close(self.their_ends.pop())

    def hear_start(self) -> list[str]:
        """The layers of the jail, from its first line, sent before it looks at the candidate."""
        end = time.monotonic() + SHUT_SECONDS
        heard = self._heard[self._answers]
        while b"\n" not in heard:
            if not self._listen(end) or self._answers not in self._selector.get_map():
                said = self._heard[self._prints].decode(errors="replace").strip().splitlines()
                raise TTSGymError(
                    f"No jail for candidates can be shut on this machine: {(said or ['it is silent'])[-1]}"
                )
        line, _, rest = heard.partition(b"\n")
        heard[:] = rest
        return list(json.loads(line)["isolation"])

    def hear_rest(self, hear: Callable[[Read], Any], seconds: float) -> Any:
        """What ``hear`` makes of what comes until the answers end.

        Raises:
            _CutShortError: it takes too long, or more is printed or sent than may be.
            _EndedError: the answers end too early.
        """
        end = time.monotonic() + seconds
        made = hear(lambda size: self._read(size, end, seconds))
        while self._answers in self._selector.get_map():
            self._listen_until(end, seconds)
            if self._heard[self._answers]:
                raise _CutShortError("crashed: it sent more than results")
        return made

    def converse(self, reply: Reply, seconds: float, most_seconds: float) -> None:
        """Reply to each line until there is no reply to one.

        Raises:
            _CutShortError: it takes too long, more is printed than may be, a line is too long, or a reply is not taken.
            _EndedError: the answers end before that.
        """
        start = time.monotonic()
        heard = self._heard[self._answers]
        while True:
            *lines, rest = bytes(heard).split(b"\n")
            heard[:] = rest
            if max(map(len, (*lines, rest))) > LONGEST_LINE:
                raise _CutShortError(f"crashed: it sent a line of more than {LONGEST_LINE} bytes")
            for line in lines:
                replied = reply(line)
                if replied is None:
                    return
                try:
                    os.write(self._replies, replied)
                except OSError:
                    raise _CutShortError("crashed: it does not read what it asks for") from None
            if self._answers not in self._selector.get_map():
                raise _EndedError
            seconds = min(seconds + CALL_SECONDS * len(lines), most_seconds)
            self._listen_until(start + seconds, seconds)

    def _read(self, size: int, end: float, seconds: float) -> bytearray:
        heard = self._heard[self._answers]
        while len(heard) < size:
            if self._answers not in self._selector.get_map():
                raise _EndedError
            self._listen_until(end, seconds)
        part = heard[:size]
        del heard[:size]
        return part

    def _listen_until(self, end: float, seconds: float) -> None:
        if not self._listen(end):
            raise _CutShortError(f"timeout: it did not end within {seconds:.3g} seconds")
        if len(self._heard[self._prints]) > MOST_PRINTED:
            raise _CutShortError(f"output: it printed more than {MOST_PRINTED} bytes; print nothing")

    def _listen(self, end: float) -> bool:
        """Take in what there is; False if ``end`` comes."""
        left = end - time.monotonic()
        ready = self._selector.select(left) if left > 0 else []
        for key, _ in ready:
            part = os.read(key.fd, _READ)
            self._heard[key.fd].extend(part)
            if not part:
                self._selector.unregister(key.fd)
        return bool(ready)


Hear = Callable[[_Listener], Any]
"""Makes something of all that a jail sends."""
