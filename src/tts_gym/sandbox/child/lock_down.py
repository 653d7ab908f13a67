"""What shuts a process in, layer by layer, each where the system has it; run inside that process.

``fork_server_main`` has left the system's namespaces long before, which only a process without threads can.
"""

from __future__ import annotations

import math
import os
import resource
from collections.abc import Callable

from tts_gym.sandbox.child.landlock import deny_files
from tts_gym.sandbox.child.seccomp import filter_system_calls
from tts_gym.sandbox.child.system import give_up_capabilities

SPARE_SECONDS = 5
"""Processor seconds after the deadline at which a process dies even if its parent has not seen to it."""


def lock_down(seconds: float, memory: int, file_size: int, processes: int) -> list[str]:
    """Give up what computing does not need: files, sockets, processes, signals, and more than the limits.

    Args:
        seconds: processor time from here on.
        memory: bytes of address space.
        file_size: bytes that a file may have.
        processes: processes that the user may have, where the user is not the superuser.

    Returns:
        The layers reached.
    """
    used = resource.getrusage(resource.RUSAGE_SELF)
    processor = math.ceil(used.ru_utime + used.ru_stime + seconds) + SPARE_SECONDS
    limits = {
        resource.RLIMIT_AS: memory,
        resource.RLIMIT_CPU: processor,
        resource.RLIMIT_FSIZE: file_size,
        resource.RLIMIT_NPROC: processes,
        resource.RLIMIT_CORE: 0,
    }
    reached = ["rlimits"]
    if _done(_empty_root):
        reached.append("empty root")
    if _done(deny_files):
        reached.append("Landlock")
    limits[resource.RLIMIT_NOFILE] = _open_descriptors()
    for limit, value in limits.items():
        hard = resource.getrlimit(limit)[1]
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(limit, (value, value))
    if _done(filter_system_calls):
        reached.append("seccomp")
    return reached


def _empty_root() -> None:
    """Make the current directory all there is, and give up what it takes to change that."""
    os.chroot(".")
    os.chdir("/")
    give_up_capabilities()


def _open_descriptors() -> int:
    """Number of the first descriptor that is free; those below are in use."""
    free = os.dup(0)
    os.close(free)
    return free


def _done(step: Callable[[], object]) -> bool:
    try:
        step()
    except (OSError, AttributeError):
        return False
    return True
