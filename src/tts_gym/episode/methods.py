"""The kernels behind the methods and properties of ``Episode``, the same on every substrate."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tts_gym.datasets.signals import SIGNALS
from tts_gym.episode import aggregation, costs, transitions, votes
from tts_gym.episode.state import BUDGET, COMPLETED, INTERVAL, MAX_WIDTH, RECORDED, SEQUENTIAL, TOKENS, WIDTH, kernel

_OF_THE_PROBE = SIGNALS.index("answer_logprob")
"""Place of the signal that comes with a probe; the others come with an interval's own tokens."""


@kernel
def _width(e: Any) -> int:
    return int(e.count[WIDTH])


@kernel
def _max_width(e: Any) -> int:
    return int(min(e.setup[MAX_WIDTH], e.setup[RECORDED]))


@kernel
def _completed(e: Any) -> int:
    return int(e.count[COMPLETED])


@kernel
def _tokens(e: Any) -> int:
    return int(e.count[TOKENS])


@kernel
def _sequential_tokens(e: Any) -> int:
    return int(e.count[SEQUENTIAL])


@kernel
def _budget(e: Any) -> int:
    return int(e.setup[BUDGET])


@kernel
def _depth(e: Any, i: int) -> int:
    transitions.check_branch(e, i)
    return int(e.depths[i])


@kernel
def _length(e: Any, i: int) -> int:
    transitions.check_branch(e, i)
    whole = int(e.tables.tokens[costs.row_of(e, i)])
    return whole if e.finished[i] else min(int(e.depths[i]) * int(e.setup[INTERVAL]), whole)


@kernel
def _answer(e: Any, i: int) -> int:
    transitions.check_branch(e, i)
    return int(e.codes[i])


@kernel
def _is_active(e: Any, i: int) -> bool:
    transitions.check_branch(e, i)
    return not e.pruned[i]


@kernel
def _is_finished(e: Any, i: int) -> bool:
    transitions.check_branch(e, i)
    return bool(e.finished[i])


@kernel
def _signal(e: Any, name: str, i: int, k: int = 0) -> float:
    transitions.check_branch(e, i)
    row = costs.row_of(e, i)
    generated = costs.recorded_intervals(e, i)
    if k < 0 or k > generated:
        raise IndexError("interval out of range: that branch has not generated it, or nothing is recorded for it")
    interval = k if k > 0 else generated
    for place in range(len(SIGNALS)):
        column = e.tables.signal_column[place]
        if SIGNALS[place] == name and column >= 0:
            if interval == 0 or (place == _OF_THE_PROBE and interval != e.shown[i]):
                return np.nan
            return float(e.tables.signals[costs.signal_place(e, row, interval), column])
    raise KeyError("this store does not record that signal")


@kernel
def _note(e: Any, name: str, value: float) -> None:
    pass


METHODS: dict[str, Callable[..., Any]] = {
    "branch": transitions.branch,
    "read": transitions.read,
    "advance": transitions.advance,
    "advance_all": transitions.advance_all,
    "advance_each": transitions.advance_each,
    "finish": transitions.finish,
    "probe": transitions.probe,
    "prune": transitions.prune,
    "depth": _depth,
    "length": _length,
    "answer": _answer,
    "is_active": _is_active,
    "is_finished": _is_finished,
    "is_valid": votes.is_valid,
    "leader": votes.leader,
    "votes": votes.votes,
    "confidence": votes.confidence,
    "aggregate": aggregation.aggregate,
    "weighted_votes": aggregation.weighted_votes,
    "signal": _signal,
    "note": _note,
}
"""The kernel behind each method of ``Episode``."""

PROPERTIES = {
    "width": _width,
    "max_width": _max_width,
    "completed": _completed,
    "tokens": _tokens,
    "sequential_tokens": _sequential_tokens,
    "budget": _budget,
}
"""The kernel behind each property of ``Episode``."""
