"""Compilation to machine code, cached on disk and never stale."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from types import FunctionType
from typing import Any

from numba import njit

from tts_gym.datasets import store


@lru_cache(maxsize=1)
def kernel_fingerprint() -> str:
    """Hash of every source file that compiled code may contain, whatever file called for it."""
    digest = hashlib.sha256()
    for file in [Path(store.__file__), *sorted(Path(__file__).parent.glob("*.py"))]:
        digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


def compile_cached(
    function: Callable[..., Any], fingerprint: str = "", nogil: bool = False, **names: Any
) -> Callable[..., Any]:
    """Compile a copy of ``function`` and cache it on disk under its name and the fingerprint of all it is made of.

    Numba's own cache looks only at the file that defines a function, so a change in a kernel that it calls would go
    unseen. Where no cache directory is writable (see ``NUMBA_CACHE_DIR``), the code is compiled anew in each process.

    Args:
        function: a function of this package.
        fingerprint: stands for the names passed below, if there are any.
        nogil: whether other threads may run meanwhile.
        **names: values for global names of the copy.
    """
    assert isinstance(function, FunctionType)
    copy = FunctionType(function.__code__, {**function.__globals__, **names}, function.__name__, function.__defaults__)
    copy.__qualname__ = "_".join(filter(None, (function.__qualname__, fingerprint, kernel_fingerprint())))
    copy.__module__ = function.__module__
    try:
        compiled: Callable[..., Any] = njit(copy, cache=True, nogil=nogil)
    except RuntimeError:
        compiled = njit(copy, nogil=nogil)
    return compiled
