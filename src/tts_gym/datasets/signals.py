"""The signals that a store may record, a value an interval: what each is made of, and how."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.floating]

TAIL = 4
"""The tail of an interval is its last quarter."""


class Signal(NamedTuple):
    """What a signal is made of.

    Attributes:
        source: what of each token, as ``llm.Completion`` names it. The log-probabilities of the k likeliest tokens come
            as −(1/k) Σ log p over them.
        over_tokens: makes floats [intervals, tokens] of it floats [intervals].
        of_answer: whether the tokens are those of the answer that is forced after the interval, not the interval's own.
    """

    source: Literal["logprobs", "top_logprobs", "self_certainty"]
    over_tokens: Callable[[Values], Values]
    of_answer: bool = False


def mean(values: Values) -> Values:
    """The mean over the tokens, floats [..., tokens], of each interval."""
    return np.asarray(values.mean(-1))


def smallest(values: Values) -> Values:
    """The smallest value over the tokens, floats [..., tokens], of each interval."""
    return np.asarray(values.min(-1))


def tail_mean(values: Values) -> Values:
    """The mean over the last of the tokens, floats [..., tokens], of each interval."""
    return mean(values[..., -max(1, values.shape[-1] // TAIL) :])


DEFINITIONS = {
    "mean_logprob": Signal("logprobs", mean),
    "min_logprob": Signal("logprobs", smallest),
    "tail_logprob": Signal("logprobs", tail_mean),
    "topk_confidence": Signal("top_logprobs", mean),
    "answer_logprob": Signal("logprobs", mean, of_answer=True),
    "self_certainty": Signal("self_certainty", mean),
}
"""The signals, in nats; a new one is an entry here.

- ``mean_logprob``, ``min_logprob``, ``tail_logprob``: the mean and the smallest log-probability of the interval's
  tokens, and the mean over the last of them.
- ``topk_confidence``: mean over the interval's tokens of −(1/k) Σ log p over the k likeliest next tokens (token
  confidence, arXiv 2508.15260).
- ``answer_logprob``: mean log-probability of the answer's tokens when the answer is forced after the interval; its
  exponential is the confidence of the trial answer (arXiv 2504.15895). It comes with the probe, the others without.
- ``self_certainty``: mean over the interval's tokens of KL(U ‖ p) = −(1/V) Σ log(V · p) over the vocabulary's V tokens,
  with the next-token distribution p and the uniform one U (arXiv 2502.18581).
"""

SIGNALS = tuple(DEFINITIONS)
"""Their names, in the order of ``Tables.signal_column``."""
