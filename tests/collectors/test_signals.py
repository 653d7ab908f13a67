import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as nst

from tts_gym.collectors.signals import LOWEST, answer_logprob, interval_signals, recordable_signals
from tts_gym.datasets.signals import SIGNALS
from tts_gym.llm import Completion, Signals

WILD = st.floats(width=32, max_value=0) | st.sampled_from([math.nan, -math.inf, -1e30])


@st.composite
def branches(draw, elements=WILD):
    interval, probes, rest, k = (draw(st.integers(*bounds)) for bounds in ((1, 9), (0, 4), (1, 9), (1, 4)))
    length = probes * interval + min(rest, interval)
    values = draw(nst.arrays(np.float32, length, elements=elements))
    top = draw(nst.arrays(np.float32, (length, k), elements=elements))
    certainty = draw(nst.arrays(np.float32, length, elements=st.floats(0, 50, width=32)))
    tokens = np.ones(length, np.int32)
    return Completion(tokens, "", "stop", values, top, certainty), probes, interval


def floor(value):
    return LOWEST if math.isnan(value) or value < LOWEST else float(value)


def mean(values):
    return sum(values) / len(values)


@settings(deadline=None)
@given(branches())
def test_signals_are_those_of_a_plain_reference(case):
    branch, probes, interval = case
    found = interval_signals(branch, probes, interval)
    assert set(found) == set(SIGNALS) - {"answer_logprob"}
    for number in range(probes):
        here = slice(number * interval, (number + 1) * interval)
        logprobs = [floor(value) for value in branch.logprobs[here]]
        top = [mean([floor(value) for value in row if value == value] or [0.0]) for row in branch.top_logprobs[here]]
        expected = {
            "mean_logprob": mean(logprobs),
            "min_logprob": min(logprobs),
            "tail_logprob": mean(logprobs[-max(1, interval // 4) :]),
            "topk_confidence": -mean(top),
            "self_certainty": mean(branch.self_certainty[here].tolist()),
        }
        for name, value in expected.items():
            assert found[name][number] == pytest.approx(value, rel=1e-5, abs=1e-5)
    assert all(len(values) == probes for values in found.values())


@settings(deadline=None)
@given(branches())
def test_what_an_engine_gives_becomes_finite_float32(case):
    branch, probes, interval = case
    wild = np.where(np.arange(len(branch.tokens)) % 2, np.inf, np.nan).astype(np.float32)
    branch = Completion(branch.tokens, "", "stop", branch.logprobs, branch.top_logprobs, wild)
    for values in interval_signals(branch, probes, interval).values():
        assert np.isfinite(np.array(values, np.float32)).all()
    assert math.isfinite(answer_logprob(branch.logprobs))


def test_the_signal_of_an_answer():
    assert answer_logprob(np.array([-1, -3], np.float32)) == -2
    assert answer_logprob(np.array([-1, -np.inf], np.float32)) == (LOWEST - 1) / 2
    assert answer_logprob(np.array([], np.float32)) == 0


def test_signals_that_were_not_given_are_left_out():
    branch = Completion(np.ones(5, np.int32), "", "stop")
    assert interval_signals(branch, 2, 2) == {}


@pytest.mark.parametrize(
    ("given_", "top", "names"),
    [
        (Signals(True, True, 20, True, True, True), 20, SIGNALS),
        (Signals(True, True, 20, False, True, True), 0, (*SIGNALS[:3], "answer_logprob")),
        (Signals(True, True, 0, False, True, True), 20, (*SIGNALS[:3], "answer_logprob")),
        (Signals(True, False, 0, False, True, True), 20, ()),
        (Signals(False, True, 20, False, True, True), 20, ()),
    ],
)
def test_recordable_signals(given_, top, names):
    """Nothing is recorded of tokens that are only read back from the text, as log-probabilities do not fit them."""
    assert recordable_signals(given_, top) == names
