"""A filter of system calls (seccomp, Linux): what is not listed fails with EPERM.

What is listed serves computing: memory, time, and reading and writing the descriptors that are open. With it a process
opens no file and no socket, starts no process or thread, and signals nobody.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct

from tts_gym.sandbox.child.system import NO_NEW_PRIVILEGES, call, libc

_SET_SECCOMP, _FILTER = 22, 2
_LOAD, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_ALLOW, _REFUSE, _KILL = 0x7FFF0000, 0x00050000 | errno.EPERM, 0x80000000
_NUMBER, _ARCHITECTURE = 0, 4
_FOREIGN = 0x40000000
"""System calls from here on are those of another way of calling (x32)."""

_MACHINES = {
    "x86_64": (
        0xC000003E,
        {
            "read": 0, "write": 1, "close": 3, "fstat": 5, "lseek": 8, "mmap": 9, "mprotect": 10, "munmap": 11,
            "brk": 12, "rt_sigaction": 13, "rt_sigprocmask": 14, "rt_sigreturn": 15, "sched_yield": 24, "mremap": 25,
            "madvise": 28, "nanosleep": 35, "getpid": 39, "exit": 60, "uname": 63, "getcwd": 79, "gettimeofday": 96,
            "getrusage": 98, "sysinfo": 99, "getuid": 102, "sigaltstack": 131, "gettid": 186, "time": 201,
            "futex": 202, "sched_getaffinity": 204, "restart_syscall": 219, "clock_gettime": 228, "clock_getres": 229,
            "clock_nanosleep": 230, "exit_group": 231, "getrandom": 318,
        },
    ),
    "aarch64": (
        0xC00000B7,
        {
            "getcwd": 17, "close": 57, "lseek": 62, "read": 63, "write": 64, "fstat": 80, "exit": 93, "exit_group": 94,
            "futex": 98, "nanosleep": 101, "clock_gettime": 113, "clock_getres": 114, "clock_nanosleep": 115,
            "sched_getaffinity": 123, "sched_yield": 124, "restart_syscall": 128, "sigaltstack": 132,
            "rt_sigaction": 134, "rt_sigprocmask": 135, "rt_sigreturn": 139, "uname": 160, "getrusage": 165,
            "gettimeofday": 169, "getpid": 172, "getuid": 174, "gettid": 178, "sysinfo": 179, "brk": 214,
            "munmap": 215, "mremap": 216, "mmap": 222, "mprotect": 226, "madvise": 233, "getrandom": 278,
        },
    ),
}  # fmt: skip
"""Of each machine: how the kernel calls it, and the numbers of the system calls that are let through."""


def filter_system_calls() -> None:
    """Keep this process, for good, to the listed system calls.

    Raises:
        OSError: if the system offers no filter.
    """
    machine = os.uname().machine
    if machine not in _MACHINES:
        raise OSError(errno.ENOSYS, f"no list of system calls for {machine}")
    code = _program(*_MACHINES[machine])
    buffer = ctypes.create_string_buffer(code, len(code))
    header = struct.pack("@HP", len(code) // 8, ctypes.addressof(buffer))
    call(libc().prctl, NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    call(libc().prctl, _SET_SECCOMP, _FILTER, ctypes.create_string_buffer(header, len(header)), 0, 0)


def _program(architecture: int, listed: dict[str, int]) -> bytes:
    """The filter as instructions of the kernel's packet filter."""
    numbers = sorted(listed.values())
    steps = [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_EQUAL, 1, 0, architecture),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, _NUMBER),
        (_AT_LEAST, len(numbers), 0, _FOREIGN),
        *((_EQUAL, len(numbers) - place, 0, number) for place, number in enumerate(numbers)),
        (_RETURN, 0, 0, _REFUSE),
        (_RETURN, 0, 0, _ALLOW),
    ]
    return b"".join(struct.pack("=HBBI", *step) for step in steps)
