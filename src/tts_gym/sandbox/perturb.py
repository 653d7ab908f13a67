"""Copies of recorded branches with other lengths and in another order, in which no branch can be recognised.

A copy stretches each branch: all by one random factor, and each by one of its own. It has the probes that a branch of
its new length has, each with what was recorded nearest to that share of the length; the final answer stays. The
recorded branches of a question come in a random order. What a question is like as a whole stays too: how its answers
are distributed, and how long its branches are within the few per cent of ``SCALE``.
"""

from __future__ import annotations

import numpy as np

from tts_gym.datasets.build import answer_starts
from tts_gym.datasets.store import Tables

SCALE = 0.03
"""By how much all lengths of a copy are longer or shorter at most; tokens that are measured on it vary as much."""

JITTER = 0.06
"""By how much each is beside that. It hides a length of a few thousand tokens among hundreds, and averages out."""


def perturbed(tables: Tables, interval: int, draw: np.random.Generator) -> Tables:
    """A copy of ``tables`` with perturbed lengths, probes and orders.

    A branch has K = floor((T - 1) / Δ) probes of T tokens, or some more or fewer than that, as its text was tokenised
    or cut off; the difference stays. A branch without probes stays without.

    Args:
        tables: of a store.
        interval: tokens between two probes (Δ).
        draw: what decides.
    """
    parts = zip(tables.branch_start[:-1], tables.branch_start[1:], strict=True)
    rows = np.concatenate([first + draw.permutation(last - first) for first, last in parts])
    lengths, probes = tables.tokens[rows], np.diff(tables.answer_start)[rows] - 1
    stretch = draw.uniform(1 - SCALE, 1 + SCALE) * draw.uniform(1 - JITTER, 1 + JITTER, len(rows))
    tokens = np.maximum(1, np.rint(lengths * stretch)).astype(np.int64)
    # Beyond two intervals a branch has probes.
    tokens = np.where(probes > 0, tokens, np.minimum(tokens, 2 * interval))
    more = (tokens - 1) // interval - (lengths - 1) // interval
    counts = np.where(probes > 0, np.maximum(1, probes + more), 0)

    answer_start = answer_starts(counts)
    branch = np.repeat(np.arange(len(rows)), counts + 1)
    place = np.arange(len(branch)) - answer_start[branch] + 1
    is_final = place > counts[branch]
    # What falls between two recorded probes is rounded up or down, the same way all along a branch.
    nearest = np.floor(place * (lengths / tokens)[branch] + draw.random(len(rows))[branch]).astype(np.int64)
    recorded = np.where(is_final, probes[branch] + 1, np.clip(nearest, 1, probes[branch])) - 1
    source = tables.answer_start[rows][branch] + recorded
    return Tables(
        branch_start=tables.branch_start,
        tokens=tokens,
        answer_start=answer_start,
        answers=tables.answers[source],
        signal_column=tables.signal_column,
        signals=tables.signals[(source - rows[branch])[~is_final]],
    )
