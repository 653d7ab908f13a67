"""What a user's file computes: its own source and that of every module it imports, however deep."""

from __future__ import annotations

import ast
import hashlib
import sys
import sysconfig
from collections.abc import Iterator
from functools import cache
from importlib.machinery import ModuleSpec
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

import tts_gym
from tts_gym.files import sha256

PACKAGE = Path(tts_gym.__file__).resolve().parent
"""Directory of this package."""

_INSTALLED = {Path(sysconfig.get_path(name)).resolve() for name in ("stdlib", "platstdlib", "purelib", "platlib")}
"""Where Python and installed packages lie, whose versions count and not their files."""


def package_digest(directory: Path = PACKAGE) -> str:
    """Hash of every source file of this package, or of one in ``directory``."""
    digest = hashlib.sha256()
    for file in sorted(directory.rglob("*.py")):
        digest.update(f"{file.relative_to(directory)} {sha256(file)}\n".encode())
    return digest.hexdigest()


def sources_digest(file: Path) -> str:
    """Hash of a Python file and of the modules that it imports, wherever in it, and that they import.

    Modules that were installed count by their versions, and this package not at all (see ``package_digest``); a file of
    theirs counts alone. Imports by names that only a run makes up are not seen.

    Raises:
        OSError: it cannot be read.
    """
    if is_installed(file):
        return sha256(file)
    found: dict[Path, str] = {}
    others: set[str] = set()
    waiting = [file.resolve()]
    while waiting:
        source = waiting.pop()
        if source in found:
            continue
        found[source] = sha256(source)
        for relative, names in _imports(source):
            base = relative or _root(names[0], file.resolve().parent)
            if base is None:
                others.add(_installed(names[0]))
            else:
                waiting += _files(base, names)
    content = [*(f"{path.name} {found[path]}" for path in sorted(found)), *sorted(others)]
    return hashlib.sha256("\n".join(content).encode()).hexdigest()


def is_installed(file: Path) -> bool:
    """Whether ``file`` came with Python or with a package, this one included."""
    resolved = file.resolve()
    return any(resolved.is_relative_to(place) for place in (*_INSTALLED, PACKAGE))


def _imports(source: Path) -> Iterator[tuple[Path | None, list[str]]]:
    """The parts of the name of each module that a file may import, and where a relative one begins."""
    try:
        tree = ast.parse(source.read_bytes())
    except (SyntaxError, ValueError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield None, alias.name.split(".")
        elif isinstance(node, ast.ImportFrom):
            base = source.parents[node.level - 1] if node.level else None
            module = node.module.split(".") if node.module else []
            for alias in node.names:
                yield base, [*module, alias.name]


def _root(name: str, beside: Path) -> Path | None:
    """The directory that a user's module or package lies in; None for what is installed or is not there."""
    if _files(beside, [name]):
        return beside
    spec = _spec(name)
    if spec is None or name == tts_gym.__name__ or name in sys.stdlib_module_names:
        return beside if (beside / name).is_dir() else None
    places = list(spec.submodule_search_locations or filter(None, [spec.origin]))
    path = Path(places[0]).resolve() if places else None
    return None if path is None or not path.exists() or is_installed(path) else path.parent


def _files(base: Path, names: list[str]) -> list[Path]:
    """The files in ``base`` that importing a dotted name runs; its last part may be no module."""
    steps = [base.joinpath(*names[: end + 1]) for end in range(len(names))]
    files = [file for step in steps for file in (step / "__init__.py", step.with_name(f"{step.name}.py"))]
    return [file.resolve() for file in files if file.is_file()]


@cache
def _installed(name: str) -> str:
    """An installed module with its version, or else with its content."""
    try:
        return f"{name} {version(name)}"
    except PackageNotFoundError:
        spec = None if name in sys.stdlib_module_names or name == tts_gym.__name__ else _spec(name)
        origin = None if spec is None or spec.origin is None else Path(spec.origin)
        return f"{name} {sha256(origin)}" if origin is not None and origin.is_file() else name


def _spec(name: str) -> ModuleSpec | None:
    try:
        return find_spec(name)
    except (ImportError, ValueError):
        return None
