"""Compilation to machine code, cached on disk and never stale."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import FunctionType
from typing import Any

from numba import njit

from tts_gym.datasets import grading, store

_ENGINE = Path(__file__).parent


@cache
def kernel_fingerprint(folder: Path) -> str:
    """Hash of every source file that code of ``folder`` may contain when compiled: the engine's, and those there."""
    digest = hashlib.sha256()
    files = {file for place in (_ENGINE, folder) for file in place.glob("*.py")}
    for file in [Path(store.__file__), Path(grading.__file__), *sorted(files)]:
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
    folder = Path(function.__code__.co_filename).parent
    copy = FunctionType(function.__code__, {**function.__globals__, **names}, function.__name__, function.__defaults__)
    copy.__qualname__ = "_".join(filter(None, (function.__qualname__, fingerprint, kernel_fingerprint(folder))))
    copy.__module__ = function.__module__
    try:
        compiled: Callable[..., Any] = njit(copy, cache=True, nogil=nogil)
    except RuntimeError:
        compiled = njit(copy, nogil=nogil)
    return compiled
