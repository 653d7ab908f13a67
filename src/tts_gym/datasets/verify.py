"""Checking a store from end to end."""

from __future__ import annotations

from os import PathLike

import numpy as np

from tts_gym.datasets.cache import CACHE
from tts_gym.datasets.catalogue import load_store
from tts_gym.datasets.store import ReplayStore, Tables
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


def same_recordings(one: ReplayStore, other: ReplayStore) -> bool:
    """Whether two stores record the same questions, answers, lengths and signals, whatever their provenance says.

    Args:
        one: a store.
        other: another, whose classes must have the same numbers too.
    """
    return (
        (one.interval, one.question_ids, one.questions, one.class_texts, one.also_right)
        == (other.interval, other.question_ids, other.questions, other.class_texts, other.also_right)
        and np.array_equal(one.gold, other.gold)
        and all(np.array_equal(getattr(one.tables, name), getattr(other.tables, name)) for name in Tables._fields)
    )
