"""What a nursery runs: it loads what computing needs once, and forks a jail for each candidate.

Started by its path with the folder of the package, and with a socket as standard input. It sends ``READY`` when it has
loaded, and then works on one jail after another: it is sent the path of an empty directory and three descriptors, and
answers with the jail's process id; when it is sent ``WAIT`` or ``KILL`` it ends the jail, with all of its process
group, and answers with its exit status. When the socket ends, so does it, and a jail with it.

The descriptors are the request, a line of JSON and the bytes of the branch tables; where the jail answers; and where
what the candidate prints goes. A jail answers with a line of JSON once it is shut, which tells its layers; a line of
JSON with the outcome; and the bytes of the results.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import json
import os
import signal
import socket
import sys
import time
from collections.abc import Sequence

READY, WAIT, KILL = b"ready", b"wait", b"kill"

END_SECONDS = 2.0
"""How long a jail may take to end by itself when it is waited for."""

ANSWERS = 3
"""Descriptor of a jail's answers."""

LONGEST_PATH = 4096
PARENT_DEATH_SIGNAL = 1
NEW_USER, NEW_NET, NEW_IPC, NEW_UTS = 0x10000000, 0x40000000, 0x08000000, 0x04000000


def main() -> None:
    """Serve until the socket ends."""
    reached = ["process group", *leave_namespaces()]
    sys.path.insert(0, sys.argv[1])
    from tts_gym.agents.synthesis import trial

    trial.warm_up()
    os.environ.clear()
    orders = socket.socket(fileno=0)
    orders.send(READY)
    while True:
        room, descriptors, _, _ = socket.recv_fds(orders, LONGEST_PATH, 3)
        if not room:
            return
        jail = os.fork()
        if jail == 0:
            try:
                run_jail(os.fsdecode(room), descriptors, reached)
            finally:
                os._exit(1)
        for descriptor in descriptors:
            os.close(descriptor)
        with contextlib.suppress(BrokenPipeError):
            orders.send(str(jail).encode())
        order = orders.recv(16)
        status = end(jail, END_SECONDS if order == WAIT else 0.0)
        if not order:
            return
        orders.send(str(status).encode())


def leave_namespaces() -> list[str]:
    """Leave the network and the privileges of the system, which a process with threads cannot."""
    if not sys.platform.startswith("linux"):
        return []
    left = ctypes.CDLL(None).unshare(NEW_USER | NEW_NET | NEW_IPC | NEW_UTS) == 0
    return ["namespaces"] if left else []


def end(jail: int, seconds: float) -> int:
    """End a jail and its group, after ``seconds`` if it has not ended itself; its exit status, or minus a signal."""
    deadline = time.monotonic() + seconds
    ended = os.WEXITED | os.WNOWAIT | os.WNOHANG
    while time.monotonic() < deadline and os.waitid(os.P_PID, jail, ended) is None:
        time.sleep(0.005)
    # It keeps its id until it is waited for, so that nobody else is killed.
    for kill in (os.kill, os.killpg):
        with contextlib.suppress(ProcessLookupError):
            kill(jail, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(jail, 0)[1])


def run_jail(room: str, descriptors: Sequence[int], reached: Sequence[str]) -> None:
    """Be a jail: do what is asked and end the process."""
    from tts_gym.agents.synthesis import trial
    from tts_gym.agents.synthesis.isolation import lock_down

    os.setsid()
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(PARENT_DEATH_SIGNAL, *map(ctypes.c_long, (signal.SIGKILL, 0, 0, 0)))
    os.chdir(room)
    with open(descriptors[0], "rb") as file:
        line, _, data = file.read().partition(b"\n")
    answers, printed = (fcntl.fcntl(descriptor, fcntl.F_DUPFD, 16) for descriptor in descriptors[1:])
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for target in (1, 2):
        os.dup2(printed, target)
    os.dup2(answers, ANSWERS)
    os.closerange(ANSWERS + 1, os.sysconf("SC_OPEN_MAX"))
    request = json.loads(line)
    stores = trial.read_stores(request["stores"], data)
    layers = [*reached, *lock_down(**request["limits"])]
    answer(json.dumps({"isolation": layers}).encode() + b"\n")
    outcome, results = trial.attempt(request, stores)
    answer(json.dumps(outcome).encode() + b"\n" + results)
    os._exit(0)


def answer(message: bytes) -> None:
    """Send ``message``."""
    while message:
        message = message[os.write(ANSWERS, message) :]


if __name__ == "__main__":
    main()
