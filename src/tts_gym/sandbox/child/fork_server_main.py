"""What a fork server runs: it loads what computing needs once, and forks a jail for each candidate.

Started by its path with the folder of the package and the id of its parent, and with a socket as standard input. It is
two processes. The first, which loads nothing and is never busy, leaves the namespaces of the system, forks the second,
and ends it when the parent has died, and with it whatever runs in its namespace. The second sends ``READY`` when it has
loaded, and then works on one jail after another: it is sent four descriptors, and answers with the jail's process id;
when it is sent ``WAIT`` or ``KILL`` it ends the jail, with all that it may have started, and answers with its exit
status. When the socket ends, so do both.

The descriptors are the request, a line of JSON and, for a program, the bytes of the branch tables; where the jail
answers; where what the candidate prints goes; and where replies come from. A jail answers with a line of JSON once it
is shut, which tells its layers, and ends there if they are too few for the candidate. For a program there follow the
``messages`` of what it does; a request that names episodes has these run in plain Python, as ``tracing`` tells. A class
is run as ``class_runner`` tells, without tables.
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
import tempfile
import time
from collections.abc import Sequence

READY, JAIL, WAIT, KILL = b"ready", b"jail", b"wait", b"kill"

END_SECONDS = 2.0
"""How long a process may take to end by itself when it is waited for."""

WATCH_SECONDS = 0.2
"""How long the death of the parent may go unnoticed."""

FIRST = 1
"""Id of the first process of a namespace."""

ANSWERS, REPLIES = 3, 4
"""Descriptors of a jail's answers, and of what is replied to them."""

PARENT_DEATH_SIGNAL = 1
NEW_USER = 0x10000000
NEW_PID, NEW_NET, NEW_IPC, NEW_UTS = 0x20000000, 0x40000000, 0x08000000, 0x04000000


def main() -> None:
    """Serve until the socket or the parent ends."""
    package, parent = sys.argv[1], int(sys.argv[2])
    reached = ["process group", *leave_namespaces()]
    room = empty_directory()
    server = os.fork()
    if server:
        watch(server, parent)
    else:
        die_with_parent()
        serve(package, room, reached)


def leave_namespaces() -> list[str]:
    """Leave the processes, the network and the privileges of the system, which a process with threads cannot.

    The next process to be forked is the first one of its namespace: when it ends, the system ends all others there.
    """
    if not sys.platform.startswith("linux"):
        return []
    unshare, others = ctypes.CDLL(None).unshare, NEW_PID | NEW_NET | NEW_IPC | NEW_UTS
    # The superuser may leave the others where nobody may leave that of users.
    left = unshare(NEW_USER | others) == 0 or unshare(others) == 0
    return ["namespaces"] if left else []


def empty_directory() -> int:
    """Descriptor of a directory that is removed already, so that nothing can be made in it and nothing be left."""
    room = tempfile.mkdtemp(prefix="tts_gym_jail_")
    try:
        return os.open(room, os.O_RDONLY | os.O_DIRECTORY)
    finally:
        os.rmdir(room)


def watch(server: int, parent: int) -> None:
    """Wait until the process ``server`` ends; end it when the parent does.

    Args:
        server: id of the process, a child of this one.
        parent: id of the process that this one watches for too.
    """
    while not os.waitpid(server, os.WNOHANG)[0]:
        if os.getppid() != parent:
            end(server, END_SECONDS)
            return
        time.sleep(WATCH_SECONDS)


def die_with_parent() -> None:
    """Have the system kill this process when its parent dies."""
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(PARENT_DEATH_SIGNAL, *map(ctypes.c_long, (signal.SIGKILL, 0, 0, 0)))


def serve(package: str, room: int, reached: Sequence[str]) -> None:
    """Load, and fork jails until the socket ends.

    Args:
        package: directory that ``tts_gym`` is imported from.
        room: descriptor of an empty directory.
        reached: layers of isolation that hold already.
    """
    sys.path.insert(0, package)
    from tts_gym.sandbox.child import runner

    runner.warm_up()
    os.environ.clear()
    orders = socket.socket(fileno=0)
    orders.send(READY)
    while True:
        order, descriptors, _, _ = socket.recv_fds(orders, len(JAIL), 4)
        if not order:
            return
        jail = os.fork()
        if jail == 0:
            try:
                run_jail(room, descriptors, reached)
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


def end(process: int, seconds: float) -> int:
    """End a process and its group, after ``seconds`` if it has not ended itself; its exit status, or minus a signal.

    Args:
        process: id of a child that leads its group.
        seconds: 0 ends it at once.
    """
    deadline = time.monotonic() + seconds
    ended = os.WEXITED | os.WNOWAIT | os.WNOHANG
    while time.monotonic() < deadline and os.waitid(os.P_PID, process, ended) is None:
        time.sleep(0.005)
    # It keeps its id until it is waited for, so that nobody else is killed.
    for kill in (os.kill, os.killpg):
        with contextlib.suppress(ProcessLookupError):
            kill(process, signal.SIGKILL)
    status = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    if os.getpid() == FIRST:
        end_all_others()
    return status


def end_all_others() -> None:
    """End every other process of the namespace of which this one is the first: somebody's that has left its group."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(-1, signal.SIGKILL)
    with contextlib.suppress(ChildProcessError):
        while True:
            os.waitpid(-1, 0)


def run_jail(room: int, descriptors: Sequence[int], reached: Sequence[str]) -> None:
    """Be a jail: do what is asked and end the process.

    Args:
        room: descriptor of an empty directory.
        descriptors: the request, and the ends of the pipes for answers, for what is printed and for replies.
        reached: layers of isolation that hold already.
    """
    from tts_gym.sandbox.child import class_runner, runner, tracing
    from tts_gym.sandbox.child.lock_down import lock_down
    from tts_gym.sandbox.isolation import may_run

    os.setsid()
    die_with_parent()
    os.fchdir(room)
    # A directory that is removed has no name, and compilers make paths of errors absolute.
    os.getcwd = lambda: "/"
    with open(descriptors[0], "rb") as file:
        line, _, data = file.read().partition(b"\n")
    answers, printed, replies = (fcntl.fcntl(descriptor, fcntl.F_DUPFD, 16) for descriptor in descriptors[1:])
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for target in (1, 2):
        os.dup2(printed, target)
    os.dup2(answers, ANSWERS)
    os.dup2(replies, REPLIES)
    os.closerange(REPLIES + 1, os.sysconf("SC_OPEN_MAX"))
    request = json.loads(line)
    allow_weak = request["limits"].pop("allow_weak")
    layers = [*reached, *lock_down(**request["limits"])]
    answer(json.dumps({"isolation": layers}).encode() + b"\n")
    if not may_run(layers, request["audited"], allow_weak):
        os._exit(0)
    if request["audited"]:
        attempt = tracing.trace if "episodes" in request else runner.attempt
        attempt(request, runner.read_stores(request["stores"], data), answer)
    else:
        with open(REPLIES, "rb") as replied:
            class_runner.play(request, answer, replied)
    os._exit(0)


def answer(message: bytes) -> None:
    """Send ``message``."""
    left = memoryview(message)
    while left:
        left = left[os.write(ANSWERS, left) :]


if __name__ == "__main__":
    main()
