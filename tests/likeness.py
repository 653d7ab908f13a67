"""Stores that say the same but for the rounding of their signals."""

import numpy as np


def assert_alike(store, reference):
    """The same questions, answers and lengths; signals that both record agree to 1e-4."""
    assert (store.question_ids, store.class_texts) == (reference.question_ids, reference.class_texts)
    for name in ("branch_start", "tokens", "answer_start", "answers"):
        assert np.array_equal(getattr(store.tables, name), getattr(reference.tables, name)), name
    shared = [name for name in store.signals if name in reference.signals]
    ours, theirs = (
        each.tables.signals[:, [each.signals.index(name) for name in shared]] for each in (store, reference)
    )
    np.testing.assert_allclose(ours, theirs, atol=1e-4)
