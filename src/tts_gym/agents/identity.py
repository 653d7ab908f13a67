"""What the results of a controller depend on, as one hash."""

from __future__ import annotations

import hashlib
import platform
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import FunctionType
from typing import TYPE_CHECKING

from tts_gym.episode.fingerprint import class_fingerprint, fingerprint
from tts_gym.episode.sources import package_digest, sources_digest
from tts_gym.errors import ControllerError

if TYPE_CHECKING:
    from tts_gym.agents.controller import Controller

TOOLS = ("tts-gym", "numba", "numpy", "torch", "stable-baselines3", "sb3-contrib")
"""Packages whose versions results depend on."""


def identity_of(controller: Controller, code: object) -> str:
    """Hash of a controller: of its name and parameters, of how it is graded, of its code, and of what runs it.

    Args:
        controller: the controller.
        code: what tells its code or its model from any other, as its ``repr`` says it.
    """
    named = (controller.name, sorted(controller.parameters.items()), controller.upper_bound)
    return hashlib.sha256(repr((named, code, runner())).encode()).hexdigest()


@cache
def runner() -> tuple[str, ...]:
    """What runs controllers in this process: the sources of this package, the versions of Python and of ``TOOLS``."""
    return package_digest(), platform.python_version(), *map(_version, TOOLS)


def function_code(function: FunctionType, name: str) -> tuple[str, str]:
    """Hashes of a program: of its compiled form, and of its file with what that imports, if it is in one.

    Args:
        function: the program.
        name: the controller, as an error names it.

    Raises:
        ControllerError: a file of it cannot be read.
    """
    file = Path(function.__code__.co_filename)
    try:
        return fingerprint(function), sources_digest(file) if file.is_file() else ""
    except OSError as error:
        raise _unknown(name) from error


def class_code(cls: type, name: str) -> str:
    """Hash of the methods of a class, and of their files with what those import.

    Args:
        cls: the class.
        name: the controller, as an error names it.

    Raises:
        ControllerError: it is in no file, or one cannot be read.
    """
    try:
        return class_fingerprint(cls)
    except OSError as error:
        raise _unknown(name) from error


def _unknown(name: str) -> ControllerError:
    return ControllerError(
        f"What controller {name} computes cannot be told because its code is not in a file: evaluate it without "
        "resuming."
    )


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
