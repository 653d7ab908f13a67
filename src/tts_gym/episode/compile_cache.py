"""Compilation to machine code, cached on disk and never stale, by one of the processes that need it at a time."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from types import FunctionType
from typing import Any

from filelock import FileLock
from numba import njit
from numba.core.caching import FunctionCache
from numba.core.dispatcher import Dispatcher

from tts_gym.datasets import grading, store

_ENGINE = Path(__file__).parent


class SharedCache(FunctionCache):  # type: ignore[misc]
    """What is compiled of one function, on disk; what is not there yet is compiled by one process, and others wait.

    The lock is taken while Numba holds the one of its own, so that threads take both in the same order.
    """

    def __init__(self, function: FunctionType) -> None:
        """Keep what is compiled of ``function`` where Numba would.

        Raises:
            RuntimeError: no cache directory is writable.
        """
        super().__init__(function)
        self._turn = FileLock(Path(self.cache_path) / f"{self._impl.filename_base}.lock")

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """What was compiled, if this process need not do it.

        Args:
            sig: types of the arguments.
            target_context: what it is compiled for.

        Returns:
            What was compiled; None where it is the turn of this process to compile it.
        """
        found = super().load_overload(sig, target_context)
        if found is None:
            # Where the file system has no locks, each process compiles for itself.
            with suppress(OSError, NotImplementedError):
                self._impl.locator.ensure_cache_path()
                self._turn.acquire()
            found = super().load_overload(sig, target_context)
        return found

    def serve(self, dispatcher: Any) -> None:
        """Be the cache of ``dispatcher``, and let others go on after each compilation, whether or not it succeeds."""
        alone = dispatcher.compile

        def in_turn(sig: Any) -> Any:
            try:
                return alone(sig)
            finally:
                self._turn.release()

        dispatcher._cache = self
        dispatcher.compile = in_turn


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
    unseen. Processes that need the same code at the same time wait for the one that compiles it. Where no cache
    directory is writable (see ``NUMBA_CACHE_DIR``), the code is compiled anew in each process.

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
    compiled: Callable[..., Any] = njit(copy, nogil=nogil)
    if isinstance(compiled, Dispatcher):
        with suppress(RuntimeError):
            SharedCache(copy).serve(compiled)
    return compiled
