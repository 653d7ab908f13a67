"""How sure the model was of its own words, where a store records it (``mean_logprob``, see ``datasets.signals``)."""

from __future__ import annotations

import math
from typing import Any

from tts_gym.datasets.signals import SIGNALS
from tts_gym.episode import costs
from tts_gym.episode.state import kernel

_MEAN_LOGPROB = SIGNALS.index("mean_logprob")


@kernel
def is_recorded(e: Any) -> bool:
    """Whether the store records log-probabilities.

    Args:
        e: the episode.
    """
    return bool(e.tables.signal_column[_MEAN_LOGPROB] >= 0)


@kernel
def mean_log_probability(e: Any, i: int) -> float:
    """Mean over the generated intervals of a branch of the mean log-probability of a token, in nats.

    Args:
        e: the episode.
        i: index of an opened branch.

    Returns:
        It, or NaN if no interval has one. The tokens after the last probe have none.
    """
    if not is_recorded(e):
        return math.nan
    column, row, total, told = e.tables.signal_column[_MEAN_LOGPROB], costs.row_of(e, i), 0.0, 0
    for interval in range(1, costs.recorded_intervals(e, i) + 1):
        value = float(e.tables.signals[costs.signal_place(e, row, interval), column])
        if not math.isnan(value):
            total, told = total + value, told + 1
    return total / told if told > 0 else math.nan
