"""The figures of a report are those of ``tts_gym.compare`` and ``tts_gym.frontier``."""

import pandas as pd
import pytest

from tts_gym.evaluation import compare, frontier
from tts_gym.evaluation.kept import read_kept
from tts_gym.report.contents import contents
from tts_gym.report.figures import heat_map, scope_figures

BOUND = "oracle"


@pytest.fixture(scope="module")
def about(two_stores):
    return contents([read_kept(two_stores)])


@pytest.fixture(scope="module")
def figures(about):
    families = {key: entry.family for key, entry in about.controllers.items()}
    return scope_figures("both", about.rows, families, [BOUND])


def test_a_row_of_the_table_is_a_summary_on_one_store(about):
    own = about.rows[about.rows["store"] == "smollm2-arithmetic"]
    families = {key: entry.family for key, entry in about.controllers.items()}
    figures = scope_figures("one", own, families, [BOUND])
    for entry in about.entries:
        if entry.store == "smollm2-arithmetic":
            row = figures["table"][figures["controllers"].index(entry.controller)]
            for measure, values in row.items():
                told = [entry.record[name] for name in (measure, f"{measure}_low", f"{measure}_high")]
                assert values == pytest.approx(told, abs=1e-4)


def test_pairs_are_compared_as_compare_does(about, figures):
    assert len(figures["pairs"]) == 7 * 6 / 2
    rows = {key: group for key, group in about.rows.groupby("controller")}
    for first, second, differences in figures["pairs"][::4]:
        told = compare(rows[first], rows[second])
        for measure, values in differences.items():
            assert values == pytest.approx(list(told.loc[measure]), abs=1e-4)


def test_the_frontier_and_what_equal_accuracy_costs_leave_upper_bounds_out(about, figures):
    told = frontier(about.rows[about.rows["controller"] != BOUND])
    assert figures["frontier"]["tokens"] == list(told.efficient["controller"])
    matched = pd.DataFrame(figures["match"]["tokens"])
    assert BOUND not in matched.columns and BOUND not in matched.index
    pd.testing.assert_frame_equal(matched.astype(float), told.tokens_to_match(), check_exact=False, rtol=1e-3)


def test_the_heat_map_has_the_mean_over_the_seeds_of_each_question(about):
    ids = [question.id for question in about.questions["smollm2-arithmetic"]]
    own = about.rows[about.rows["store"] == "smollm2-arithmetic"]
    found = heat_map(own, ids)
    question = own[(own["controller"] == "cmc") & (own["question_id"] == ids[7])]
    assert found["cmc"]["accuracy"][7] == pytest.approx(100 * question["correct"].mean(), abs=0.01)
    assert found["cmc"]["tokens"][7] == pytest.approx(question["tokens"].mean(), abs=0.1)
