"""A fingerprint of a function: of its code and of everything that code refers to."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

import joblib


def fingerprint(function: FunctionType) -> str:
    """Hash of ``function``'s bytecode, constants and defaults, and of the functions, modules and values it refers to.

    Two functions with the same fingerprint compile to the same code. The names of their modules count, because code
    that Numba has cached asks for its module by name.
    """
    digest = hashlib.sha256()
    _add(digest, function, set())
    return digest.hexdigest()[:16]


def _add(digest: Any, value: Any, seen: set[int]) -> None:
    value = getattr(value, "py_func", value)
    if isinstance(value, FunctionType):
        if id(value) not in seen:
            seen.add(id(value))
            digest.update(value.__module__.encode())
            _add_code(digest, value.__code__, value.__globals__, seen)
            for cell in value.__closure__ or ():
                _add(digest, cell.cell_contents, seen)
            digest.update(joblib.hash(value.__defaults__).encode())
    elif isinstance(value, ModuleType):
        digest.update(_content(value))
    else:
        digest.update(joblib.hash(value).encode())


@cache
def _content(module: ModuleType) -> bytes:
    """Hash of a module's file; its name where it has none."""
    file = getattr(module, "__file__", None)
    return hashlib.sha256(Path(file).read_bytes()).digest() if file else module.__name__.encode()


def _add_code(digest: Any, code: CodeType, names: dict[str, Any], seen: set[int]) -> None:
    digest.update(code.co_code)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            _add_code(digest, constant, names, seen)
        else:
            digest.update(repr(constant).encode())
    for name in code.co_names:
        digest.update(name.encode())
        if name in names:
            _add(digest, names[name], seen)
