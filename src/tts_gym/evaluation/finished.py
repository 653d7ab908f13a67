"""Blocks that an evaluation has finished, kept in a directory so that a later one does not run them again."""

from __future__ import annotations

import hashlib
import os
import uuid
from pathlib import Path
from typing import Any

import pandas as pd
from pyarrow import ArrowInvalid

from tts_gym.agents.controller import Controller
from tts_gym.agents.fingerprint import fingerprint
from tts_gym.datasets.digest import store_digest
from tts_gym.datasets.store import ReplayStore
from tts_gym.envs.jit import kernel_fingerprint
from tts_gym.errors import ControllerError
from tts_gym.evaluation.blocks import Block, BlockResult


class FinishedBlocks:
    """A directory with one Parquet file a block, named by a hash of all that its rows depend on.

    Any number of evaluations may use it at the same time. A damaged file counts as absent.
    """

    def __init__(self, directory: str | os.PathLike[str]) -> None:
        """Use ``directory``, which need not exist yet.

        Raises:
            OSError: it cannot be made.
        """
        self.directory = Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self._stores: dict[int, str] = {}

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
        key = (self._store_identity(block.store), _identity(block.controller), list(block.seeds), block.rules)
        return self.directory / f"{hashlib.sha256(repr((kernel_fingerprint(), key)).encode()).hexdigest()[:32]}.parquet"

    def _store_identity(self, store: ReplayStore) -> str:
        if id(store) not in self._stores:
            self._stores[id(store)] = store_digest(store)
        return self._stores[id(store)]


def _identity(controller: Controller) -> tuple[str, ...]:
    """What ``controller`` computes: its parameters and its code.

    Raises:
        ControllerError: its code is not to be had.
    """
    loaded: Any = getattr(controller, "loaded", controller)
    named = (loaded.name, repr(sorted(loaded.parameters.items())))
    if hasattr(loaded, "digest"):
        return (*named, loaded.digest)
    if hasattr(loaded, "program"):
        arguments = loaded.program.arguments(loaded.parameters)
        return (*named, repr(arguments), fingerprint(loaded.program.function))
    try:
        return (*named, Path(loaded.solver.solve.__code__.co_filename).read_text(encoding="utf-8"))
    except (AttributeError, OSError) as error:
        raise ControllerError(
            f"The blocks of controller {loaded.name} cannot be kept because its code is not in a file: "
            "evaluate it without resuming."
        ) from error
