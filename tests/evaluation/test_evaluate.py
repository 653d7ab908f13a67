import numpy as np
import pandas as pd
import pytest

from tts_gym.agents import PROGRAMS, make_controller
from tts_gym.datasets import load_store, synthetic_store
from tts_gym.errors import ControllerError
from tts_gym.evaluation import compare, evaluate

COLUMNS = [
    "controller", "store", "question_id", "seed", "answer", "correct",
    "tokens", "sequential_tokens", "width", "probes", "stop_step",
]  # fmt: skip


@pytest.fixture(scope="module")
def store():
    return synthetic_store(questions=6, branches=16, seed=3)


def test_rows_are_every_question_under_every_seed(store):
    rows, summary = evaluate("asc:max_samples=8", store, seeds=5)
    assert list(rows.columns) == COLUMNS
    assert rows["question_id"].tolist() == [question for question in store.question_ids for _ in range(5)]
    assert rows["seed"].tolist() == list(range(5)) * 6
    assert summary.accuracy.mean == pytest.approx(100 * rows["correct"].mean())
    assert summary.tokens.mean == pytest.approx(rows["tokens"].mean())
    assert (summary.questions, summary.seeds, summary.rules) == (6, 5, "exact")


@pytest.mark.parametrize("name", list(PROGRAMS))
def test_workers_do_not_change_a_bit(store, name):
    alone, together = (evaluate(name, store, seeds=5, jobs=jobs).rows for jobs in (1, 2))
    pd.testing.assert_frame_equal(alone, together)


def test_a_controller_may_be_a_function_a_program_a_class_or_a_controller(store):
    def program(episode):
        episode.read()
        return episode.leader(0)

    class Reader:
        def __init__(self, config):
            pass

        def solve(self, question):
            return question.get_new_branch_final_answer()

    expected = evaluate("single", store, seeds=2).summary.accuracy
    for controller in (program, PROGRAMS["single"], Reader, make_controller(PROGRAMS["single"])):
        assert evaluate(controller, store, seeds=2).summary.accuracy == expected


def test_whoever_looks_at_answers_on_the_way_pays_for_each(store):
    for name in ("cmc", "answer-consistency", "asc"):
        free, paid = (evaluate(name, store, seeds=3, probe_cost=cost) for cost in (0, 7))
        charged = 7 * free.rows["probes"] * PROGRAMS[name].probes
        assert (paid.rows["tokens"] - free.rows["tokens"] == charged).all()
        assert (charged > 0).any() == PROGRAMS[name].probes
        pd.testing.assert_frame_equal(paid.rows.drop(columns="tokens"), free.rows.drop(columns="tokens"))
        assert (free.summary.probe_cost, paid.summary.probe_cost) == (0, 7)


@pytest.mark.parametrize("cost", [-1, 2**60])
def test_a_wrong_price_of_a_probe_is_refused(store, cost):
    with pytest.raises(ValueError, match="A probe costs 0 to"):
        evaluate("single", store, seeds=1, probe_cost=cost)


def test_an_oracle_is_right_if_any_branch_is_right(store_file):
    rows, summary = evaluate("oracle:n=4", store_file, seeds=3)
    assert rows["correct"].all()
    assert rows["answer"].tolist() == ["2"] * 3 + ["11"] * 3
    assert summary.upper_bound
    assert not evaluate("sc:n=4", store_file, seeds=3).summary.upper_bound


def test_a_missing_signal_is_named_before_the_run(store_file):
    from dataclasses import replace

    program = replace(PROGRAMS["single"], signals=("mean_logprob",))
    with pytest.raises(ControllerError, match="needs the signal mean_logprob, but store model/tiny does not record it"):
        evaluate(program, store_file)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"seeds": 0}, "at least 1 seed"),
        ({"jobs": 0}, "at least 1 job"),
        ({"rules": "fair"}, "'fair'"),
        ({"timeout": 0}, "timeout"),
    ],
)
def test_an_argument_out_of_range_is_refused(store, arguments, words):
    with pytest.raises(ValueError, match=words):
        evaluate("single", store, **arguments)


def test_a_spec_of_many_controllers_is_refused(store):
    with pytest.raises(ControllerError, match=f"stands for {len(PROGRAMS)} controllers"):
        evaluate("zoo", store)


def test_compare_pairs_the_questions(store):
    few, many = (evaluate(f"sc:n={n}", store, seeds=4).rows for n in (1, 8))
    table = compare(many, few)
    assert table.loc["tokens", "difference"] == pytest.approx(many["tokens"].mean() - few["tokens"].mean())
    assert table.loc["accuracy", "difference"] == pytest.approx(100 * (many["correct"].mean() - few["correct"].mean()))
    assert (table["low"] <= table["difference"]).all() and (table["difference"] <= table["high"]).all()
    same = compare(few, few)
    assert np.allclose(same, 0)


def test_compare_refuses_different_questions(store, store_file):
    with pytest.raises(ValueError, match="same questions"):
        compare(evaluate("single", store, seeds=1).rows, evaluate("single", store_file, seeds=1).rows)


def test_branch_order_is_the_published_protocol(store_file):
    import random

    order = [0, 1, 2, 3]
    random.Random(5).shuffle(order)
    lengths = [250, 230, 340, 150]
    rows = evaluate("single", store_file, seeds=6).rows
    first = rows[(rows["question_id"] == load_store(store_file).question_ids[0]) & (rows["seed"] == 5)]
    assert first["tokens"].item() == lengths[order[0]]
