"""A Python file of somebody's, with the modules that lie beside it."""

from __future__ import annotations

import hashlib
import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from tts_gym.episode.sources import is_installed
from tts_gym.errors import ControllerError


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
        self._file = file
        self._folder = file.resolve().parent
        self._beside: dict[str, ModuleType] = {}
        self._module = self._run(file.resolve())

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
        """Let the modules beside the file be imported, by it alone."""
        known = dict(sys.modules)
        sys.modules.update(self._beside)
        sys.path.insert(0, str(self._folder))
        # Bytecode tells changes by the second only.
        writes, sys.dont_write_bytecode = sys.dont_write_bytecode, True
        try:
            yield
        finally:
            sys.dont_write_bytecode = writes
            sys.path.remove(str(self._folder))
            self._take_back(known)

    def _run(self, path: Path) -> ModuleType:
        """The module of the file at ``path``, by a name that no other path gives."""
        place = hashlib.sha256(str(path).encode(errors="surrogateescape")).hexdigest()[:8]
        module_name = f"tts_gym_user_{path.stem}_{place}"
        spec = importlib.util.spec_from_file_location(module_name, path)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[module_name] = module
        try:
            with self.importing():
                spec.loader.exec_module(module)
        except Exception as error:
            del sys.modules[module_name]
            line = f", line {error.lineno}" if isinstance(error, SyntaxError) and error.lineno else ""
            raise ControllerError(
                f"File {self._file} cannot be imported{line}: {type(error).__name__}: {error}"
            ) from error
        return module

    def _take_back(self, known: dict[str, ModuleType]) -> None:
        """Keep the modules beside the file that were not ``known`` before, and leave those there were."""
        for name, module in list(sys.modules.items()):
            if module is not known.get(name) and self._is_beside(module):
                self._beside[name] = module
                if name in known:
                    sys.modules[name] = known[name]
                else:
                    del sys.modules[name]

    def _is_beside(self, module: ModuleType) -> bool:
        """Whether a module, or a package without a file of its own, lies in the folder and was not installed there."""
        place = getattr(module, "__file__", None) or next(iter(getattr(module, "__path__", ())), None)
        return place is not None and Path(place).is_relative_to(self._folder) and not is_installed(Path(place))
