"""One jail as its parent sees it: started, listened to with bounds, and ended at its deadline."""

from __future__ import annotations

import json
import os
import selectors
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO

from tts_gym.agents.synthesis.nursery import Nursery, a_nursery
from tts_gym.errors import TTSGymError

SHUT_SECONDS = 60.0
"""How long a jail may take to read its request and be shut, before a candidate's time begins."""

MOST_PRINTED = 2**20
"""Bytes that a candidate may print before it is stopped."""

TRIES = 2
"""Nurseries that are tried, as an idle one may have been killed."""

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
        message: what came after them; where it is replied to, the line that there was no reply to.
        failure: why there is no message, in one line.
    """

    layers: list[str]
    message: bytes
    failure: str | None


def run_jail(request: IO[bytes], longest: int, seconds: float) -> Answers:
    """Start a jail, let it have its time, and end it with all that it may have started.

    Args:
        request: what is asked of it, as ``nursery_main`` tells.
        longest: bytes that it may send.
        seconds: time from when it is shut.

    Raises:
        TTSGymError: if it does not get as far as being shut.
    """
    return _run(request, lambda ears: ears.hear_rest(longest, seconds))


def serve_jail(request: IO[bytes], reply: Reply, seconds: float, most_seconds: float) -> Answers:
    """Do the same with a jail that sends lines and waits for a reply to each.

    Args:
        request: as in ``run_jail``.
        reply: given a line without its end; once it has returned None, the jail is ended.
        seconds: time from when it is shut, to which each reply adds ``CALL_SECONDS``.
        most_seconds: time from when it is shut that it has at most.

    Raises:
        TTSGymError: as in ``run_jail``.
    """
    return _run(request, lambda ears: ears.converse(reply, seconds, most_seconds))


def _run(request: IO[bytes], hear: Hear) -> Answers:
    for _ in range(TRIES - 1):
        try:
            return _run_jail(request, hear)
        except OSError:
            request.seek(0)
    try:
        return _run_jail(request, hear)
    except OSError as error:
        raise TTSGymError(f"No jail for candidates starts on this machine: {error}") from error


def _run_jail(request: IO[bytes], hear: Hear) -> Answers:
    with a_nursery() as nursery, _Ears() as ears:
        nursery.start_jail([request.fileno(), *ears.their_ends])
        ears.close_their_ends()
        return _hear(ears, nursery, hear)


def _hear(ears: _Ears, nursery: Nursery, hear: Hear) -> Answers:
    layers = ears.hear_start()
    message, failure = hear(ears)
    try:
        status = nursery.end_jail(wait=not (message or failure))
    except OSError:
        nursery.close()
        return Answers(layers, b"", "crashed: it took its nursery down")
    return Answers(layers, message, failure or (None if message else _how_it_ended(status)))


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


class _Ears:
    """Listens to what a jail answers and to what a candidate prints, on two pipes, and replies on a third."""

    def __init__(self) -> None:
        self._answers, answers_end = os.pipe()
        self._prints, prints_end = os.pipe()
        replies_end, self._replies = os.pipe()
        # Whoever does not take what is replied holds nobody up.
        os.set_blocking(self._replies, False)
        self.their_ends = [answers_end, prints_end, replies_end]
        self._heard = {self._answers: bytearray(), self._prints: bytearray()}
        self._selector = selectors.DefaultSelector()
        for descriptor in self._heard:
            self._selector.register(descriptor, selectors.EVENT_READ)

    def __enter__(self) -> _Ears:
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

    def hear_rest(self, longest: int, seconds: float) -> tuple[bytes, str | None]:
        """What comes until the answers end, and why it is cut short."""
        start = time.monotonic()
        while self._answers in self._selector.get_map():
            if failure := self._attend(start, seconds):
                return b"", failure
            if len(self._heard[self._answers]) > longest:
                return b"", "crashed: it sent more than results"
        return bytes(self._heard[self._answers]), None

    def converse(self, reply: Reply, seconds: float, most_seconds: float) -> tuple[bytes, str | None]:
        """Reply to each line until there is no reply to one; that line, and why it does not come to that."""
        start = time.monotonic()
        heard = self._heard[self._answers]
        while True:
            *lines, rest = bytes(heard).split(b"\n")
            heard[:] = rest
            if max(map(len, (*lines, rest))) > LONGEST_LINE:
                return b"", f"crashed: it sent a line of more than {LONGEST_LINE} bytes"
            for line in lines:
                if (replied := reply(line)) is None:
                    return line + b"\n", None
                try:
                    os.write(self._replies, replied)
                except OSError:
                    return b"", "crashed: it does not read what it asks for"
            if self._answers not in self._selector.get_map():
                return b"", None
            seconds = min(seconds + CALL_SECONDS * len(lines), most_seconds)
            if failure := self._attend(start, seconds):
                return b"", failure

    def _attend(self, start: float, seconds: float) -> str | None:
        """Take in what there is; why the jail has to be ended, if it has."""
        if not self._listen(start + seconds):
            return f"timeout: it did not end within {seconds:.3g} seconds"
        if len(self._heard[self._prints]) > MOST_PRINTED:
            return f"output: it printed more than {MOST_PRINTED} bytes; print nothing"
        return None

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


Hear = Callable[[_Ears], tuple[bytes, str | None]]
"""What takes in all that a jail sends: the message, and why it is cut short."""
