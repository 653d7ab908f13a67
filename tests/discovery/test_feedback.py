import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tts_gym.discovery.assess import clearly_dominated
from tts_gym.discovery.diagnosis import Diagnosis, Kind
from tts_gym.discovery.feedback import (
    LESSONS_TOKENS,
    SOURCE_TOKENS,
    Findings,
    lessons,
    questions_table,
    sources_page,
    worst_cases,
)
from tts_gym.discovery.proposers.proposer import tokens_of
from tts_gym.discovery.records import Assessment, Scale, Tried


def table(points, questions=4, store="a store"):
    """A table of questions: for each (beta, tokens, share) so many questions with about that share right."""
    rows = [
        {"store": store, "question_id": f"q{q}", "beta": beta, "correct": share, "tokens": tokens, "width": 1.0}
        for beta, tokens, share in points
        for q in range(questions)
    ]
    return pd.DataFrame(rows).assign(sequential_tokens=1.0)


def tried(number, slot, points=None, failure=None, source="x = 1\n", **options):
    assessed = Assessment("all", failure, table=None if points is None else table(points, **options))
    return Tried(number, slot, f"r{number:02d}-{slot}", source, assessed)


SEED = tried(0, 1, [(0.0, 100, 0.4), (1.0, 1600, 0.6)])
SCALE = Scale.of([SEED])


def test_a_score_is_the_mean_over_the_logarithm_of_the_budget():
    assert SCALE.score(SEED) == pytest.approx(40)
    middle = tried(1, 1, [(0.5, 400, 0.8)])
    assert SCALE.score(middle) == pytest.approx((40 + 80) / 2)
    assert SCALE.score(tried(1, 1, [(0.5, 400, 0.2)])) == pytest.approx(40)
    assert SCALE.score(tried(1, 1, [(0.5, 3200, 1.0)])) == pytest.approx(40)
    assert SCALE.score(tried(1, 1, failure="no")) is None
    lone = Scale.of([tried(0, 1, [(0.5, 400, 0.8)])])
    assert (lone.low, lone.high) == (200, 800)


def test_a_score_of_some_questions_is_of_these_alone():
    rows = table([(0.5, 100, 1.0)], questions=2)
    rows.loc[rows["question_id"] == "q1", "correct"] = 0.0
    assert SCALE.area(rows, {("a store", "q0")}) == pytest.approx(100)
    assert SCALE.area(rows, {("a store", "q1")}) == pytest.approx(40)


@pytest.mark.parametrize(
    ("points", "dominated"),
    [
        ([(0.0, 200, 0.1), (1.0, 1700, 0.2)], True),
        ([(0.0, 200, 0.1), (1.0, 1700, 0.9)], False),
        ([(0.0, 50, 0.1)], False),
        ([(0.0, 200, 0.4)], False),
    ],
)
def test_dominated_means_beaten_everywhere_for_no_more(points, dominated):
    rivals = SEED.table.assign(controller="seed:" + SEED.table["beta"].astype(str))
    assert clearly_dominated(table(points), rivals) == dominated


def case(number, kind=Kind.STOPPED, line="1 tokens: +1 branches", tokens=100):
    return Diagnosis(f"store {number % 5}", f"question {number}", 0, 0.5, kind, tokens + number, number, 1, (line,) * 8)


@settings(max_examples=15, deadline=None)
@given(
    rounds=st.integers(1, 25),
    slots=st.integers(1, 4),
    name=st.text(min_size=1, max_size=400),
    failing=st.booleans(),
    line=st.integers(1, 2000),
    cases=st.integers(0, 400),
    questions=st.integers(1, 60),
)
def test_the_lessons_stay_under_their_bound(rounds, slots, name, failing, line, cases, questions):
    points = [(k / 10, 100 * 2**k, 0.3 + k / 20) for k in range(11)]
    everything = [SEED] + [
        tried(number, slot, None, name) if failing and slot % 2 else tried(number, slot, points, questions=questions)
        for number in range(1, rounds + 1)
        for slot in range(1, slots + 1)
    ]
    found = [case(k, list(Kind)[k % len(Kind)], "x" * line) for k in range(cases)]
    page = lessons(Findings(rounds, everything, SCALE, found))
    assert tokens_of(page) <= LESSONS_TOKENS
    assert page.startswith(f"## After round {rounds}")
    assert "The frontier of everything so far" in page


def test_the_lessons_tell_the_totals_and_the_worst_case_of_each_kind():
    cases = [case(1, Kind.STOPPED), case(5, Kind.STOPPED), case(2, Kind.WENT_ON), case(3, Kind.HOPELESS)]
    now = tried(1, 1, [(0.5, 400, 0.8)])
    page = lessons(Findings(1, [SEED, now], SCALE, cases))
    assert f"| 0.5 | {Kind.STOPPED} | 2 |" in page
    assert f"{Kind.HOPELESS}: store 3, question 3" in page
    assert page.index("question 5, seed") < page.index("question 1, seed")
    assert "| 0.5 | 400 | 80.00 | +40.00 |" in page


def test_worst_cases_are_of_different_questions():
    same = [case(1, tokens=1000), case(1, tokens=900), case(2, tokens=10)]
    assert [each.tokens for each in worst_cases(same, Kind.STOPPED, 2)] == [1001, 12]


def test_a_failure_is_told_with_its_reason():
    page = lessons(Findings(2, [SEED, tried(1, 1, failure="line 7: no"), tried(2, 1, failure="too slow")], SCALE, []))
    assert "r02-1 failed at all: `too slow`" in page
    assert "r01-1: failed at all: `line 7: no`" in page


def test_questions_are_those_furthest_from_the_best_anybody_reached():
    now = tried(1, 1, [(0.0, 100, 0.4), (0.5, 200, 0.5), (1.0, 400, 0.6)])
    other = SEED.table.copy()
    other.loc[other["question_id"] == "q2", "correct"] = 1.0
    best = questions_table([Tried(0, 1, "s", None, Assessment("all", table=other)), now], now).iloc[0]
    assert (best["question_id"], best["middle"], best["best"], best["tokens"]) == ("q2", 50, 100, 200)


def test_sources_fill_their_page_and_no_more():
    many = [tried(1, slot, source="x = 1\n" * 2000) for slot in range(1, 5)]
    page = sources_page(many)
    assert tokens_of(page) <= SOURCE_TOKENS
    assert page.count("```python") == 1
