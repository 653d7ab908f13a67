"""A fingerprint of a function: of its code and of everything that code refers to."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

import joblib
from numba.core.dispatcher import Dispatcher

from tts_gym.episode.sources import sources_digest


def fingerprint(function: FunctionType) -> str:
    """Hash of ``function``'s bytecode, constants and defaults, and of the functions, modules and values it refers to.

    Two functions with the same fingerprint compile to the same code. The names of their modules count, because code
    that Numba has cached asks for its module by name.
    """
    digest = hashlib.sha256()
    _add(digest, function, set())
    return digest.hexdigest()[:16]


def class_fingerprint(cls: type) -> str:
    """Hash of the methods of a class and of its bases, of what they close over, and of the files that they are in.

    Raises:
        OSError: there is no such file, or one cannot be read.
    """
    digest = hashlib.sha256(f"{cls.__module__}.{cls.__qualname__}".encode())
    methods = [value for base in cls.__mro__ for value in vars(base).values() if isinstance(value, FunctionType)]
    # Methods that dataclasses and their like make up are in no file.
    files = {method.__code__.co_filename for method in methods if not method.__code__.co_filename.startswith("<")}
    if not files:
        raise FileNotFoundError(f"no method of {cls.__qualname__} is in a file")
    for method in methods:
        _add_code(digest, method.__code__, {}, set())
        for cell in method.__closure__ or ():
            if not isinstance(cell.cell_contents, type):
                _add(digest, cell.cell_contents, set())
    for file in sorted(files):
        digest.update(sources_digest(Path(file)).encode())
    return digest.hexdigest()[:16]


def _add(digest: Any, value: Any, seen: set[int]) -> None:
    if isinstance(value, Dispatcher):
        value = value.py_func
    if isinstance(value, FunctionType):
        if id(value) not in seen:
            seen.add(id(value))
            digest.update(value.__module__.encode())
            _add_code(digest, value.__code__, value.__globals__, seen)
            for cell in value.__closure__ or ():
                _add(digest, cell.cell_contents, seen)
            digest.update(joblib.hash((value.__defaults__, value.__kwdefaults__)).encode())
    elif isinstance(value, ModuleType):
        digest.update(_content(value))
    else:
        digest.update(joblib.hash(value).encode())


@cache
def _content(module: ModuleType) -> bytes:
    """Hash of a module's file and of what that imports; its name where it has none."""
    file = getattr(module, "__file__", None)
    return sources_digest(Path(file)).encode() if file else module.__name__.encode()


def _add_code(digest: Any, code: CodeType, names: dict[str, Any], seen: set[int]) -> None:
    digest.update(code.co_code)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            _add_code(digest, constant, names, seen)
        else:
            # The order of a set differs from process to process.
            plain = sorted(map(repr, constant)) if isinstance(constant, frozenset) else constant
            digest.update(repr(plain).encode())
    for name in code.co_names:
        digest.update(name.encode())
        if name in names:
            _add(digest, names[name], seen)
