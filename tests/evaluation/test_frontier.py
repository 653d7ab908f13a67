import math

import pandas as pd
import pytest

from tts_gym.evaluation.frontier import frontier, pareto


def points(*rows):
    return pd.DataFrame(
        [
            {"controller": f"{family}:n={n}", "family": family, "tokens": t, "accuracy": a}
            for n, (family, t, a) in enumerate(rows)
        ]
    )


EXAMPLE = pareto(points(("a", 100, 50), ("a", 1000, 60), ("b", 200, 40), ("b", 1000, 55), ("b", 10000, 70)))


def test_the_pareto_set_has_no_point_that_another_beats():
    assert EXAMPLE.points["efficient"].tolist() == [True, False, True, False, True]
    assert EXAMPLE.efficient["accuracy"].tolist() == [50, 60, 70]


def test_of_equal_points_one_is_efficient():
    assert pareto(points(("a", 5, 5), ("b", 5, 5))).points["efficient"].sum() == 1


def test_area_is_the_mean_accuracy_of_a_log_uniform_budget():
    assert EXAMPLE.area() == pytest.approx((50 + 60) / 2)
    assert EXAMPLE.area(10, 10000) == pytest.approx((0 + 50 + 60) / 3)
    assert EXAMPLE.area(1000, 100000) == pytest.approx((60 + 70) / 2)


@pytest.mark.parametrize(("low", "high"), [(0, 10), (10, 10), (20, 10), (-1, 5)])
def test_an_empty_range_has_no_area(low, high):
    with pytest.raises(ValueError, match="range of tokens"):
        EXAMPLE.area(low, high)


def test_tokens_to_reach_interpolate_in_log_tokens():
    assert EXAMPLE.tokens_to_reach("a", 55) == pytest.approx(math.sqrt(100 * 1000))
    assert EXAMPLE.tokens_to_reach("a", 10) == pytest.approx(100)
    assert EXAMPLE.tokens_to_reach("b", 70) == pytest.approx(10000)
    assert math.isnan(EXAMPLE.tokens_to_reach("a", 61))
    with pytest.raises(KeyError, match="'c'"):
        EXAMPLE.tokens_to_reach("c", 50)


def test_tokens_to_match_has_a_row_for_each_family_and_a_column_for_each_controller():
    table = EXAMPLE.tokens_to_match()
    assert list(table.index) == ["a", "b"]
    assert table.loc["b", "a:n=0"] == EXAMPLE.tokens_to_reach("b", 50)
    assert math.isnan(table.loc["a", "b:n=4"])


def test_the_frontier_of_episode_rows_averages_over_questions():
    rows = pd.DataFrame(
        {
            "controller": ["sc:n=1"] * 3 + ["sc:n=2"] * 2,
            "store": "s",
            "question_id": ["a", "a", "b", "a", "b"],
            "tokens": [10, 20, 45, 100, 100],
            "correct": [True, False, False, True, True],
        }
    )
    found = frontier(rows).points
    assert found["family"].tolist() == ["sc", "sc"]
    assert found["tokens"].tolist() == [30, 100]
    assert found["accuracy"].tolist() == [25, 100]
