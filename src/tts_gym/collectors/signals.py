"""What is recorded of each interval beside its answer, from the log-probabilities of its tokens."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tts_gym.llm.backend import Completion, Signals

LOWEST = -100.0
"""Log-probability, in nats, that stands for any lower or missing one, so that every recorded value is finite."""

TAIL = 4
"""The tail of an interval is its last quarter."""


def recordable_signals(available: Signals, top_logprobs: int) -> tuple[str, ...]:
    """Names of the signals that a backend lets one record with ``top_logprobs`` most likely tokens.

    There are none where it does not tell which tokens it generated, as log-probabilities need not fit tokens that are
    read back from the text.

    Args:
        available: what the backend gives.
        top_logprobs: most likely tokens asked for at each place; 0 for none.
    """
    if not available.token_ids:
        return ()
    wanted = {
        "mean_logprob": available.logprobs,
        "min_logprob": available.logprobs,
        "tail_logprob": available.logprobs,
        "topk_confidence": min(available.top_logprobs, top_logprobs) > 0,
        "answer_logprob": available.logprobs,
        "self_certainty": available.self_certainty,
    }
    return tuple(name for name, given in wanted.items() if given)


def interval_signals(branch: Completion, probes: int, interval: int) -> dict[str, list[float]]:
    """The signals of the first intervals of a branch, by name; those of the answers are not among them.

    Args:
        branch: the branch, with what the backend gave of its tokens: logprobs float32 [length], in nats,
            top_logprobs float32 [length, k], self_certainty float32 [length], each None where it gave none.
        probes: number of intervals, each of them whole.
        interval: tokens of an interval (Δ).

    Returns:
        One value an interval for each signal.
    """
    signals: dict[str, NDArray[np.floating]] = {}
    if branch.logprobs is not None:
        logprobs = _by_interval(_floored(branch.logprobs), probes, interval)
        tail = max(1, interval // TAIL)
        signals |= {
            "mean_logprob": logprobs.mean(1),
            "min_logprob": logprobs.min(1),
            "tail_logprob": logprobs[:, -tail:].mean(1),
        }
    if branch.top_logprobs is not None:
        given = ~np.isnan(branch.top_logprobs)
        total = np.where(given, _floored(branch.top_logprobs), 0.0).sum(1)
        signals["topk_confidence"] = _by_interval(-total / np.maximum(given.sum(1), 1), probes, interval).mean(1)
    if branch.self_certainty is not None:
        certainty = np.nan_to_num(branch.self_certainty, nan=0.0, posinf=-LOWEST)
        signals["self_certainty"] = _by_interval(certainty, probes, interval).mean(1)
    return {name: values.tolist() for name, values in signals.items()}


def answer_logprob(logprobs: NDArray[np.float32]) -> float:
    """Mean log-probability of the tokens of an answer; 0 of no tokens."""
    return float(_floored(logprobs).mean()) if len(logprobs) else 0.0


def _by_interval(values: NDArray[np.floating], probes: int, interval: int) -> NDArray[np.floating]:
    return values[: probes * interval].astype(np.float64).reshape(probes, interval)


def _floored(logprobs: NDArray[np.floating]) -> NDArray[np.floating]:
    floored: NDArray[np.floating] = np.maximum(np.nan_to_num(logprobs, nan=LOWEST, neginf=LOWEST), LOWEST)
    return floored
