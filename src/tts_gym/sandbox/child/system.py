"""Calling the C library where Python has no function of its own."""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Callable
from functools import cache
from typing import Any

NO_NEW_PRIVILEGES = 38
"""Option of ``prctl``: programs that are run from here on give no privileges."""

_CAPABILITIES_VERSION = 0x20080522


@cache
def libc() -> Any:
    """The C library of this process."""
    return ctypes.CDLL(None, use_errno=True)


def call(function: Callable[..., int], *arguments: Any) -> int:
    """Call a function of the C library that returns a negative number on failure; integers are passed as longs.

    Args:
        function: of a library that was loaded with ``use_errno``.
        *arguments: integers and what ctypes takes.

    Raises:
        OSError: if it fails, or does not exist.
    """
    longs = [ctypes.c_long(argument) if isinstance(argument, int) else argument for argument in arguments]
    result = function(*longs)
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result


def give_up_capabilities() -> None:
    """Take from this process, for good, the privileges of the superuser; Linux.

    Raises:
        OSError: if the system does not let it.
    """
    header = struct.pack("=Ii", _CAPABILITIES_VERSION, 0)
    call(libc().prctl, NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    call(libc().capset, ctypes.create_string_buffer(header, len(header)), ctypes.create_string_buffer(24))
