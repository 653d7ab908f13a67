"""Signals of a branch as it grows: what is known of its tokens is kept no longer than their interval takes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tts_gym.collectors.signals import interval_signals
from tts_gym.llm.backend import Completion, Delta

_NO_IDS = np.empty(0, np.int32)


class GrowingSignals:
    """The signals of a branch's whole intervals so far.

    Attributes:
        values: a value for each whole interval, by the name of the signal.
    """

    def __init__(self, interval: int) -> None:
        """Begin without tokens.

        Args:
            interval: tokens of an interval (Δ).
        """
        self.values: dict[str, list[float]] = {}
        self._interval = interval
        self._parts: list[Completion] = []
        self._tokens = 0

    def take(self, new: Completion | Delta, start: int, end: int) -> None:
        """Take what is known of the branch's next tokens.

        Args:
            new: what has come.
            start: the first of its tokens to take.
            end: one more than the last.
        """
        self._parts.append(_part(new, start, end))
        self._tokens += end - start
        whole, rest = divmod(self._tokens, self._interval)
        if whole:
            known = _joined(self._parts)
            for name, values in interval_signals(known, whole, self._interval).items():
                self.values.setdefault(name, []).extend(values)
            self._parts, self._tokens = [_part(known, whole * self._interval, self._tokens)], rest


def _part(whole: Completion | Delta, start: int, end: int) -> Completion:
    """A copy of what is known of some of the tokens, so that the rest of it can go."""
    told = whole.told if isinstance(whole, Completion) else 0
    here = slice(start - told, end - told)
    parts = (whole.logprobs, whole.top_logprobs, whole.self_certainty)
    logprobs, top_logprobs, certainty = (None if part is None else part[here].copy() for part in parts)
    return Completion(_NO_IDS, "", "", logprobs, top_logprobs, certainty)


def _joined(parts: list[Completion]) -> Completion:
    """What is known of consecutive tokens as one; what one part lacks is lacking."""

    def joined(pieces: list[NDArray[np.float32] | None]) -> NDArray[np.float32] | None:
        return None if any(piece is None for piece in pieces) else np.concatenate([p for p in pieces if p is not None])

    return Completion(
        _NO_IDS,
        "",
        "",
        joined([part.logprobs for part in parts]),
        joined([part.top_logprobs for part in parts]),
        joined([part.self_certainty for part in parts]),
    )
