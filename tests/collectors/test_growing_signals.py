"""Signals of a branch that comes in pieces are those of the whole, and nothing of past intervals is kept."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tts_gym.collectors.growing_signals import GrowingSignals
from tts_gym.collectors.signals import interval_signals
from tts_gym.llm import Completion, Delta

INTERVAL = 5


@given(st.lists(st.integers(1, 23), min_size=1, max_size=12), st.booleans())
def test_pieces_come_to_the_signals_of_the_whole(sizes, certain):
    total, rng = sum(sizes), np.random.default_rng(len(sizes))
    logprobs = -rng.exponential(size=total).astype(np.float32)
    top = -rng.exponential(size=(total, 4)).astype(np.float32)
    certainty = rng.gamma(2.0, size=total).astype(np.float32) if certain else None
    tokens = np.arange(total, dtype=np.int32)
    growing = GrowingSignals(INTERVAL)
    end = 0
    for size in sizes:
        start, end = end, end + size
        here = slice(start, end)
        given = None if certainty is None else certainty[here]
        growing.take(Delta(0, tokens[here], "", logprobs[here], top[here], given), 0, size)
        assert sum(len(part.logprobs) for part in growing._parts) < INTERVAL
        assert all(part.logprobs.base is None for part in growing._parts)
    whole = Completion(tokens, "", "stop", logprobs, top, certainty)
    assert growing.values == (interval_signals(whole, total // INTERVAL, INTERVAL) if total >= INTERVAL else {})


def test_a_result_is_taken_from_where_its_deltas_ended():
    logprobs = -np.arange(1, 12, dtype=np.float32)
    whole = Completion(np.arange(11, dtype=np.int32), "", "stop", logprobs)
    growing = GrowingSignals(INTERVAL)
    growing.take(Delta(0, whole.tokens[:7], "", logprobs[:7]), 0, 7)
    growing.take(whole, 7, 11)
    assert growing.values == interval_signals(whole, 2, INTERVAL)


def test_a_result_need_not_repeat_what_its_deltas_told():
    logprobs = -np.arange(1, 12, dtype=np.float32)
    tokens = np.arange(11, dtype=np.int32)
    growing = GrowingSignals(INTERVAL)
    growing.take(Delta(0, tokens[:7], "", logprobs[:7]), 0, 7)
    growing.take(Completion(tokens, "", "stop", logprobs[7:], told=7), 7, 11)
    assert growing.values == interval_signals(Completion(tokens, "", "stop", logprobs), 2, INTERVAL)
