"""Which store it is, whatever it is called and wherever it lies."""

from __future__ import annotations

from typing import Any

import joblib

from tts_gym.datasets.store import ReplayStore


def store_digest(store: ReplayStore) -> str:
    """Hash of what a store holds that replay and grading depend on."""
    right = (store.gold, store.also_right)
    content: Any = (tuple(store.tables), right, store.question_ids, store.class_texts, store.interval)
    return str(joblib.hash(content))
