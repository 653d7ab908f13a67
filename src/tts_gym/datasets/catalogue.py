"""Stores by name or path."""

from __future__ import annotations

import logging
import os
from os import PathLike
from pathlib import Path

from tts_gym.datasets.folds import select_fold
from tts_gym.datasets.parquet import BRANCHES_FILE, METADATA_FILE, open_store, read_store, write_store
from tts_gym.datasets.published import published_questions, read_published
from tts_gym.datasets.records import Grouping, Watch, exact_classes, watched
from tts_gym.datasets.store import ReplayStore
from tts_gym.errors import StoreError

_log = logging.getLogger(__name__)

BUNDLED = Path(__file__).parent / "bundled"


def catalogue() -> list[str]:
    """Names of the stores that come with the package, in alphabetical order."""
    return sorted(path.parent.name for path in BUNDLED.glob(f"*/{METADATA_FILE}"))


def load_store(name_or_path: str | PathLike[str], mapped: bool = True) -> ReplayStore:
    """Load a store.

    Args:
        name_or_path: a catalogue name, a store directory, or a published-format ``.json`` file. A name comes before a
            directory of the same spelling; write ``./name`` for the directory. ``?only=1/5`` behind it selects the
            first of five folds of the questions, ``?except=1/5`` the other four (see ``folds``).
        mapped: whether arrays that are kept beside a large store are used; without, its tables are read.

    Raises:
        StoreError: there is no such store, or it is refused.
    """
    spelling = os.fspath(name_or_path)
    whole, mark, selection = spelling.rpartition("?")
    if mark and not os.path.exists(spelling):
        return select_fold(load_store(whole, mapped), selection)
    _log.info("Loading %s", spelling)
    if spelling.endswith(".json"):
        store = read_published(spelling)
    else:
        directory = store_directory(spelling)
        store = open_store(directory) if mapped else read_store(directory)
    digest = store.metadata.get("sha256", {}).get(BRANCHES_FILE, "unknown")
    told = (store.label, len(store), len(store.tables.tokens), digest)
    _log.info("Loaded %s: %d questions, %d branches, SHA-256 %s", *told)
    return store


def store_directory(name_or_path: str | PathLike[str]) -> Path:
    """The directory of a store.

    Args:
        name_or_path: a catalogue name or a store directory.

    Raises:
        StoreError: there is no such store.
    """
    spelling = os.fspath(name_or_path)
    if spelling in catalogue():
        return BUNDLED / spelling
    if os.path.isdir(spelling):
        return Path(spelling)
    found = "it is a file without the suffix .json" if os.path.exists(spelling) else "no such path exists either"
    raise StoreError(
        f"there is no store {spelling!r} in the catalogue ({', '.join(catalogue())}) and {found}; "
        "give a catalogue name, a store directory, or a published-format .json file"
    )


def import_published(
    source: str | PathLike[str],
    out: str | PathLike[str],
    grouping: Grouping = exact_classes,
    watch: Watch = lambda progress: None,
) -> None:
    """Write the store of a published-format file to a new directory.

    Args:
        source: the ``.json`` file.
        out: where the store goes; it must not exist yet.
        grouping: which answers of a question are the same; as the texts are equal unless given.
        watch: is told how many questions are done, of how many.

    Raises:
        StoreError: the file is refused, or the directory exists or cannot be created.
    """
    store = read_published(source)
    write_store(out, watched(published_questions(source), len(store), watch), store.metadata, grouping)
