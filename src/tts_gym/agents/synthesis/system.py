"""Calling the C library where Python has no function of its own."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable
from functools import cache
from typing import Any


@cache
def libc() -> Any:
    """The C library of this process."""
    return ctypes.CDLL(None, use_errno=True)


def call(function: Callable[..., int], *arguments: Any) -> int:
    """Call a function of the C library that returns a negative number on failure; integers are passed as longs.

    Raises:
        OSError: if it fails, or does not exist.
    """
    longs = [ctypes.c_long(argument) if isinstance(argument, int) else argument for argument in arguments]
    result = function(*longs)
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result
