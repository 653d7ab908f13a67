import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tts_gym.evaluation.statistics import bootstrap, estimates


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=20))
def test_the_interval_lies_within_the_values_and_holds_the_mean_of_equal_ones(values):
    (result,) = bootstrap(np.array(values)[:, np.newaxis])
    assert result.mean == pytest.approx(np.mean(values))
    slack = 1e-9 * max(map(abs, values))
    assert min(values) - slack <= result.low <= result.high <= max(values) + slack


def test_the_interval_is_the_normal_one_where_that_holds():
    values = np.random.default_rng(1).normal(50, 10, 400)
    (result,) = bootstrap(values[:, np.newaxis])
    error = 1.96 * values.std() / 20
    assert result.low == pytest.approx(values.mean() - error, abs=0.1)
    assert result.high == pytest.approx(values.mean() + error, abs=0.1)


def test_questions_are_resampled_not_episodes():
    once = pd.DataFrame({"store": "s", "question_id": ["a", "b", "c"], "correct": [True, False, True]})
    repeated = pd.concat([once] * 50)
    assert estimates(once, ["correct"]) == estimates(repeated, ["correct"])


def test_equal_question_ids_of_two_stores_stay_apart():
    rows = pd.DataFrame({"store": ["s", "t"], "question_id": ["0", "0"], "correct": [True, False]})
    (correct,) = estimates(rows, ["correct"])
    assert correct.low == 0.0
