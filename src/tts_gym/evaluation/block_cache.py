"""Blocks that an evaluation has finished, kept in a directory so that a later one does not run them again."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
from pyarrow import ArrowInvalid

from tts_gym.datasets.digest import store_digest
from tts_gym.evaluation.blocks import Block, BlockResult
from tts_gym.files import write_whole


class BlockCache:
    """A directory with one Parquet file a block, named by a hash of all that its rows depend on.

    That is the identity of the controller, which tells its code or model and what runs it, the digest of the store, the
    seeds and the rules.

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
        # A block that a crash takes is run again.
        write_whole(self._file(block), rows.to_parquet(), lasting=False)

    def _file(self, block: Block) -> Path:
        parts = (
            self._known(block.store, store_digest),
            self._known(block.controller, lambda controller: controller.identity()),
            list(block.seeds),
            block.rules,
        )
        return self.directory / f"{hashlib.sha256(repr(parts).encode()).hexdigest()[:32]}.parquet"

    def _known(self, value: Any, identity: Callable[[Any], str]) -> str:
        """``identity(value)``, found out once: what was loaded stays the same, and files may change meanwhile."""
        if id(value) not in self._identities:
            self._identities[id(value)] = (value, identity(value))
        return self._identities[id(value)][1]
