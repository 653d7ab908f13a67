"""Blocks that an evaluation has finished, kept in a directory so that a later one does not run them again."""

from __future__ import annotations

import hashlib
import os
import platform
import uuid
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import pandas as pd
from pyarrow import ArrowInvalid

from tts_gym.agents.controller import Controller
from tts_gym.datasets.digest import store_digest
from tts_gym.episode.fingerprint import class_fingerprint, fingerprint
from tts_gym.episode.sources import package_digest, sources_digest
from tts_gym.errors import ControllerError
from tts_gym.evaluation.blocks import Block, BlockResult

TOOLS = ("tts-gym", "numba", "numpy", "torch", "stable-baselines3", "sb3-contrib")
"""Packages whose versions the rows depend on."""


class BlockCache:
    """A directory with one Parquet file a block, named by a hash of all that its rows depend on.

    That is the block itself (controller with its code or model, store, seeds, rules), the sources of this package, and
    the versions of Python and of ``TOOLS``.

    Any number of evaluations may use it at the same time. A damaged file counts as absent.
    """

    def __init__(self, directory: str | os.PathLike[str]) -> None:
        """Use ``directory``, which need not exist yet.

        Raises:
            OSError: it cannot be made.
        """
        self.directory = Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self._identities: dict[int, tuple[Any, str]] = {}
        self._code = (package_digest(), platform.python_version(), *map(_version, TOOLS))

    def find(self, block: Block) -> BlockResult | None:
        """The result of ``block`` if it was kept."""
        try:
            rows = pd.read_parquet(self._file(block))
            seconds, messages = rows.attrs.pop("seconds"), tuple(rows.attrs.pop("messages"))
        except (ArrowInvalid, KeyError, OSError):
            return None
        return BlockResult(rows, seconds, messages)

    def keep(self, block: Block, result: BlockResult) -> None:
        """Write the result of ``block``, whole or not at all."""
        rows = result.rows.copy(deep=False)
        rows.attrs |= {"seconds": result.seconds, "messages": list(result.messages)}
        file = self._file(block)
        part = file.with_suffix(f".{uuid.uuid4().hex}.part")
        try:
            rows.to_parquet(part)
            os.replace(part, file)
        finally:
            part.unlink(missing_ok=True)

    def _file(self, block: Block) -> Path:
        parts = (
            self._code,
            self._known(block.store, store_digest),
            self._known(block.controller, _identity),
            list(block.seeds),
            block.rules,
        )
        return self.directory / f"{hashlib.sha256(repr(parts).encode()).hexdigest()[:32]}.parquet"

    def _known(self, value: Any, identity: Callable[[Any], str]) -> str:
        """``identity(value)``, found out once: what was loaded stays the same, and files may change meanwhile."""
        if id(value) not in self._identities:
            self._identities[id(value)] = (value, identity(value))
        return self._identities[id(value)][1]


def _identity(controller: Controller) -> str:
    """What ``controller`` computes: its parameters and its code.

    Raises:
        ControllerError: its code is not to be had.
    """
    loaded: Any = getattr(controller, "loaded", controller)
    named = (loaded.name, sorted(loaded.parameters.items()), loaded.upper_bound)
    if hasattr(loaded, "digest"):
        return repr((*named, loaded.digest))
    try:
        if hasattr(loaded, "program"):
            function = loaded.program.function
            file = Path(function.__code__.co_filename)
            code = fingerprint(function), sources_digest(file) if file.is_file() else ""
            return repr((*named, loaded.program.arguments(loaded.parameters), code))
        return repr((*named, class_fingerprint(getattr(loaded, "solver", type(loaded)))))
    except OSError as error:
        raise ControllerError(
            f"The blocks of controller {loaded.name} cannot be kept because its code is not in a file: "
            "evaluate it without a cache."
        ) from error


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
