"""Processes that have loaded what candidates need, and fork a jail for each; one jail at a time each.

They end when this process does, however it does.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

from tts_gym.errors import TTSGymError
from tts_gym.sandbox.child import fork_server_main

START_SECONDS = 180.0
"""How long a fork server may take to load."""

REPLY_SECONDS = 30.0
"""How long a fork server may take to start or end a jail."""

END_SECONDS = 3.0
"""How long a fork server may take to end by itself."""

_PASSED_ON = ("NUMBA_CACHE_DIR", "NUMBA_DISABLE_JIT", "TMPDIR")


class ForkServer:
    """A process that runs ``fork_server_main``."""

    def __init__(self) -> None:
        """Start it.

        Raises:
            TTSGymError: if it does not start.
        """
        self.owner, self.environment = os.getpid(), _environment()
        self._socket, its_end = socket.socketpair()
        with tempfile.TemporaryFile() as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-I", fork_server_main.__file__, str(Path(__file__).parents[2]), str(os.getpid())],
                stdin=its_end.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=errors,
                env=self.environment,
                start_new_session=True,
            )
            its_end.close()
            try:
                self._receive(START_SECONDS)
            except OSError as error:
                self.close()
                errors.seek(0)
                said = errors.read().decode(errors="replace").strip().splitlines() or [str(error)]
                raise TTSGymError(f"No jail for candidates starts on this machine: {said[-1]}") from error

    def start_jail(self, descriptors: Sequence[int]) -> int:
        """Fork a jail with the descriptors that ``fork_server_main`` tells of; return its id.

        Raises:
            OSError: if the fork server is gone.
        """
        socket.send_fds(self._socket, [fork_server_main.JAIL], descriptors)
        return int(self._receive(REPLY_SECONDS))

    def end_jail(self, wait: bool) -> int:
        """End the jail, after it has had time to end by itself if ``wait``; return its status, as ``Popen`` does.

        Raises:
            OSError: if the fork server is gone.
        """
        self._socket.send(fork_server_main.WAIT if wait else fork_server_main.KILL)
        return int(self._receive(REPLY_SECONDS))

    def is_alive(self) -> bool:
        """Whether the process runs."""
        return self._process.poll() is None

    def close(self) -> None:
        """End the process, which first ends its jail."""
        self._socket.close()
        try:
            self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _receive(self, seconds: float) -> bytes:
        self._socket.settimeout(seconds)
        received = self._socket.recv(64)
        if not received:
            raise ConnectionResetError("it ended")
        return received


def _environment() -> dict[str, str]:
    kept = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    return {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "HOME": os.path.expanduser("~"), **kept}


_idle: list[ForkServer] = []
_lock = threading.Lock()


@contextlib.contextmanager
def a_fork_server() -> Iterator[ForkServer]:
    """A fork server with no jail and the environment of now, kept for the next unless something goes wrong with it."""
    fork_server = _take_idle() or ForkServer()
    try:
        yield fork_server
    except BaseException:
        fork_server.close()
        raise
    with _lock:
        _idle.append(fork_server)


def _take_idle() -> ForkServer | None:
    with _lock:
        ours = (os.getpid(), _environment())
        for fork_server in [one for one in _idle if (one.owner, one.environment) == ours]:
            _idle.remove(fork_server)
            if fork_server.is_alive():
                return fork_server
            fork_server.close()
    return None


@atexit.register
def close_idle() -> None:
    """End the fork servers that wait for candidates."""
    with _lock:
        for fork_server in _idle:
            if fork_server.owner == os.getpid():
                fork_server.close()
        _idle.clear()
