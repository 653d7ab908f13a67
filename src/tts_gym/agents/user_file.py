"""A Python file of somebody's, with the modules that lie beside it."""

from __future__ import annotations

import hashlib
import importlib.util
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

from tts_gym.episode.sources import is_installed
from tts_gym.errors import ControllerError


@dataclass
class _Session:
    """What the process has beside files that are at work.

    Attributes:
        files: how many are.
        modules: those that were there before the first of them.
        writes_no_bytecode: whether it wrote none before.
    """

    files: int = 0
    modules: dict[str, ModuleType] = field(default_factory=dict)
    writes_no_bytecode: bool = False


_session = _Session()
_exchanging = threading.RLock()


class UserFile:
    """A file that was run as a module of its own, which no other file replaces.

    The modules that it imports from its folder are its own as well: another file, and the same one read again, gets its
    own, whatever they are called.
    """

    def __init__(self, file: Path) -> None:
        """Run ``file``.

        Raises:
            ControllerError: it is missing, or fails.
        """
        if not file.is_file():
            raise ControllerError(f"There is no file {file}: check the path.")
        path = file.resolve()
        spec = importlib.util.spec_from_file_location(_module_name(path), path)
        assert spec is not None and spec.loader is not None
        self._file = file
        self._folder = path.parent
        self._module = importlib.util.module_from_spec(spec)
        self._beside: dict[str, ModuleType] = {}
        self._within = 0
        try:
            with self.importing():
                spec.loader.exec_module(self._module)
        except Exception as error:
            del sys.modules[spec.name]
            line = f", line {error.lineno}" if isinstance(error, SyntaxError) and error.lineno else ""
            raise ControllerError(f"File {file} cannot be imported{line}: {type(error).__name__}: {error}") from error

    def get(self, name: str) -> Any:
        """What the file calls ``name``.

        Raises:
            ControllerError: it does not define that.
        """
        if name not in vars(self._module):
            raise ControllerError(f"File {self._file} does not define {name!r}.")
        return vars(self._module)[name]

    @contextmanager
    def importing(self) -> Iterator[None]:
        """Let the modules beside the file be imported, by it alone.

        Several threads may be within, of files whose modules have the same names only where these are the same modules.
        """
        with _exchanging:
            if not self._within:
                self._lend()
            self._within += 1
        try:
            yield
        finally:
            with _exchanging:
                self._within -= 1
                if not self._within:
                    self._take_back()

    def _lend(self) -> None:
        """Give the session the modules beside the file."""
        if not _session.files:
            # Bytecode tells changes by the second only.
            _session.writes_no_bytecode, sys.dont_write_bytecode = sys.dont_write_bytecode, True
            _session.modules = dict(sys.modules)
        _session.files += 1
        _session.modules[self._module.__name__] = sys.modules[self._module.__name__] = self._module
        sys.modules.update(self._beside)
        sys.path.insert(0, str(self._folder))

    def _take_back(self) -> None:
        """Keep the modules beside the file, and leave those that the session had."""
        sys.path.remove(str(self._folder))
        known = _session.modules
        for name, module in list(sys.modules.items()):
            if module is not known.get(name) and self._is_beside(module):
                self._beside[name] = module
                if name in known:
                    sys.modules[name] = known[name]
                else:
                    del sys.modules[name]
        _session.files -= 1
        if not _session.files:
            sys.dont_write_bytecode = _session.writes_no_bytecode

    def _is_beside(self, module: ModuleType) -> bool:
        """Whether a module, or a package without a file of its own, lies in the folder and was not installed there."""
        place = getattr(module, "__file__", None) or next(iter(getattr(module, "__path__", ())), None)
        return place is not None and Path(place).is_relative_to(self._folder) and not is_installed(Path(place))


def _module_name(path: Path) -> str:
    """A name that no other path gives."""
    place = hashlib.sha256(str(path).encode(errors="surrogateescape")).hexdigest()[:8]
    return f"tts_gym_user_{path.stem}_{place}"
