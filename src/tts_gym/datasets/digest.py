"""Which store it is, whatever it is called and wherever it lies."""

from __future__ import annotations

import hashlib
import json

import numpy as np

from tts_gym.datasets.store import ReplayStore


def store_digest(store: ReplayStore) -> str:
    """SHA-256, in hexadecimal, of what a store records, whether it was read, imported or mapped into memory.

    What is hashed, one after another, is

    1. a line of JSON: the interval, the ids and texts of the questions, the texts of their answer classes, the gold
       class and the further right classes of each, and the names of the signals with their columns;
    2. ``branch_start``, ``tokens``, ``answer_start``, ``answers`` and ``signals`` of its tables: of each a line with
       its name, type and shape, then its values, row by row and little-endian.
    """
    columns = dict(zip(store.signals, _recorded(store), strict=True))
    texts = [store.interval, store.question_ids, store.questions, store.class_texts]
    right = [store.gold.tolist(), store.also_right]
    digest = hashlib.sha256(f"{json.dumps([*texts, *right, columns])}\n".encode())
    for name, array in store.tables._asdict().items():
        if name != "signal_column":
            values = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
            digest.update(f"{name} {values.dtype.str} {values.shape}\n".encode())
            digest.update(values.data)
    return digest.hexdigest()


def _recorded(store: ReplayStore) -> list[int]:
    """The columns of the signals that are recorded, in the order of their names."""
    return [column for column in store.tables.signal_column.tolist() if column >= 0]


def same_recordings(one: ReplayStore, other: ReplayStore) -> bool:
    """Whether two stores record the same questions, answers, lengths and signals, whatever their provenance says."""
    return store_digest(one) == store_digest(other)
