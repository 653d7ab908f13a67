"""Stores by name or path."""

from __future__ import annotations

import os
from os import PathLike
from pathlib import Path

from tts_gym.datasets.parquet import METADATA_FILE, read_store, write_store
from tts_gym.datasets.published import published_questions, read_published
from tts_gym.datasets.store import ReplayStore
from tts_gym.errors import StoreError

BUNDLED = Path(__file__).parent / "bundled"


def catalogue() -> list[str]:
    """Names of the stores that come with the package, in alphabetical order."""
    return sorted(path.parent.name for path in BUNDLED.glob(f"*/{METADATA_FILE}"))


def load_store(name_or_path: str | PathLike[str]) -> ReplayStore:
    """Load a store.

    Args:
        name_or_path: a catalogue name, a store directory, or a published-format ``.json`` file. A name comes before a
            directory of the same spelling; write ``./name`` for the directory.

    Raises:
        StoreError: there is no such store, or it is refused.
    """
    spelling = os.fspath(name_or_path)
    if spelling in catalogue():
        return read_store(BUNDLED / spelling)
    if spelling.endswith(".json"):
        return read_published(spelling)
    if os.path.isdir(spelling):
        return read_store(spelling)
    found = "it is a file without the suffix .json" if os.path.exists(spelling) else "no such path exists either"
    raise StoreError(
        f"there is no store {spelling!r} in the catalogue ({', '.join(catalogue())}) and {found}; "
        "give a catalogue name, a store directory, or a published-format .json file"
    )


def import_published(source: str | PathLike[str], out: str | PathLike[str]) -> None:
    """Write the store of a published-format file to a new directory.

    Args:
        source: the ``.json`` file.
        out: where the store goes; it must not exist yet.

    Raises:
        StoreError: the file is refused, or the directory exists or cannot be created.
    """
    write_store(out, published_questions(source), read_published(source).metadata)
