"""The signals of ``datasets.signals``, from the log-probabilities of the tokens that a backend generated."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tts_gym.datasets.signals import DEFINITIONS
from tts_gym.llm.backend import Completion, Signals

LOWEST = -100.0
"""Log-probability, in nats, that stands for any lower or missing one, so that every recorded value is finite."""


def recordable_signals(available: Signals, top_logprobs: int) -> tuple[str, ...]:
    """Names of the signals that a backend lets one record.

    There are none where it does not tell which tokens it generated, as log-probabilities need not fit tokens that are
    read back from the text.

    Args:
        available: what the backend gives.
        top_logprobs: most likely tokens that it is asked for.
    """
    if not available.token_ids:
        return ()
    given = {
        "logprobs": available.logprobs,
        "top_logprobs": min(available.top_logprobs, top_logprobs) > 0,
        "self_certainty": available.self_certainty,
    }
    return tuple(name for name, signal in DEFINITIONS.items() if given[signal.source])


def interval_signals(branch: Completion, probes: int, interval: int) -> dict[str, list[float]]:
    """The signals of the first ``probes`` intervals of a branch, by name; those of the answers are not among them.

    Args:
        branch: the whole branch; a signal is left out where it lacks what the signal is made of.
        probes: intervals that end in a probe.
        interval: tokens between two probes (Δ).
    """
    known = _of_tokens(branch)
    signals = {}
    for name, signal in DEFINITIONS.items():
        if signal.source in known and not signal.of_answer:
            values = known[signal.source][: probes * interval].astype(np.float64)
            signals[name] = signal.over_tokens(values.reshape(probes, interval)).tolist()
    return signals


def answer_logprob(logprobs: NDArray[np.float32]) -> float:
    """Mean log-probability of the tokens of an answer; 0 of no tokens."""
    return float(DEFINITIONS["answer_logprob"].over_tokens(_floored(logprobs))) if len(logprobs) else 0.0


def _of_tokens(branch: Completion) -> dict[str, NDArray[np.floating]]:
    """What ``branch`` tells of its tokens, by the sources of signals: floats [tokens], all finite."""
    known: dict[str, NDArray[np.floating]] = {}
    if branch.logprobs is not None:
        known["logprobs"] = _floored(branch.logprobs)
    if branch.top_logprobs is not None:
        given = ~np.isnan(branch.top_logprobs)
        total = np.where(given, _floored(branch.top_logprobs), 0.0).sum(1)
        known["top_logprobs"] = -total / np.maximum(given.sum(1), 1)
    if branch.self_certainty is not None:
        known["self_certainty"] = np.nan_to_num(branch.self_certainty, nan=0.0, posinf=-LOWEST)
    return known


def _floored(logprobs: NDArray[np.floating]) -> NDArray[np.floating]:
    floored: NDArray[np.floating] = np.maximum(np.nan_to_num(logprobs, nan=LOWEST, neginf=LOWEST), LOWEST)
    return floored
