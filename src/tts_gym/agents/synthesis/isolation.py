"""What shuts a process in, layer by layer, each where the system has it; run inside that process.

``nursery_main`` has left the system's namespaces long before, which only a process without threads can.

Isolation is strong where every layer in ``STRONG`` is reached. Whatever a candidate might want, files (empty root,
Landlock, seccomp), the network and other processes (namespaces, seccomp), then takes a fault in two of them. Where one
is missing it is weak.
"""

from __future__ import annotations

import math
import os
import resource
from collections.abc import Callable, Sequence

from tts_gym.agents.synthesis.landlock import deny_files
from tts_gym.agents.synthesis.seccomp import filter_system_calls
from tts_gym.agents.synthesis.system import give_up_capabilities

STRONG = ("namespaces", "empty root", "Landlock", "seccomp")
"""The layers that strong isolation consists of."""

_WEAK = "weak: without"

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


def lacking(layers: Sequence[str]) -> list[str]:
    """The layers that ``layers`` lack of strong isolation."""
    return [layer for layer in STRONG if layer not in layers]


def may_run(layers: Sequence[str], audited: bool, allow_weak: bool) -> bool:
    """Whether a candidate may run behind ``layers``: where they are weak, only an audited one and only if allowed."""
    return not lacking(layers) or (audited and allow_weak)


def described(layers: Sequence[str]) -> str:
    """``layers`` in words, with those that are missing."""
    missing = lacking(layers)
    return " + ".join(layers) + (f" ({_WEAK} {', '.join(missing)})" if missing else "")


def is_weak(description: str) -> bool:
    """Whether ``described`` said so of weak isolation."""
    return _WEAK in description


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
