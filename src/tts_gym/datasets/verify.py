"""Checking a store from end to end."""

from __future__ import annotations

from os import PathLike

from tts_gym.datasets.cache import CACHE
from tts_gym.datasets.catalogue import load_store
from tts_gym.datasets.digest import same_recordings
from tts_gym.datasets.summary import StoreSummary, summarise
from tts_gym.errors import StoreError


def verify_store(name_or_path: str | PathLike[str]) -> StoreSummary:
    """Read the tables of a store with every check, compare them with what ``load_store`` gives, and summarise them.

    Args:
        name_or_path: as for ``load_store``.

    Raises:
        StoreError: the store is missing or refused, or the arrays kept beside it are not those of its tables.
    """
    store = load_store(name_or_path, mapped=False)
    if not same_recordings(store, load_store(name_or_path)):
        raise StoreError(
            f"{name_or_path}: two readings of it differ; wait until nothing writes to it, or delete the directory "
            f"{CACHE} in it"
        )
    return summarise(store)
