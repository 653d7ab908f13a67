"""A question with two right answers, as n-queens has them: both count, and votes stay between the two."""

from dataclasses import replace

import numba
import numpy as np
import pytest

from agents.strategies import store_of
from tts_gym.agents.programs import PROGRAMS
from tts_gym.agents.replay import branch_order, replay
from tts_gym.datasets import RecordedBranch, RecordedQuestion
from tts_gym.episode.rules import EpisodeRules
from tts_gym.evaluation import evaluate
from tts_gym.sandbox.anonymise import anonymise, describe, rebuild

GOLD, OTHER, WRONG = "2 4 1 3", "3 1 4 2", "1 2 3 4"
FINALS = (OTHER, OTHER, GOLD, WRONG, WRONG, WRONG)
SEEDS = 6


@pytest.fixture
def store():
    branches = [RecordedBranch(15, [WRONG], final) for final in FINALS]
    return store_of(10, [RecordedQuestion("queens", "4 queens?", GOLD, branches, [OTHER])])


def read_in(seed):
    """The final answers in the order of ``seed``."""
    return [FINALS[k] for k in branch_order(len(FINALS), seed)]


def leader(finals):
    return max(finals, key=finals.count)


@pytest.mark.parametrize("n", [1, 3, 6])
def test_either_is_right_and_votes_for_one_are_none_for_the_other(store, n):
    rows = evaluate(f"sc:n={n}", store, SEEDS).rows
    expected = [leader(read_in(seed)[:n]) for seed in range(SEEDS)]
    assert rows["answer"].tolist() == expected
    assert rows["correct"].tolist() == [answer != WRONG for answer in expected]
    assert n < 6 or not rows["correct"].any()  # three votes for the wrong one, two and one for the right ones


def test_an_oracle_takes_any_of_them(store):
    rows = evaluate("oracle:n=2", store, SEEDS).rows
    assert rows["correct"].tolist() == [set(read_in(seed)[:2]) != {WRONG} for seed in range(SEEDS)]
    assert {GOLD, OTHER} <= set(rows["answer"][rows["correct"]])


@pytest.mark.parametrize("name", ["oracle", "sc", "cmc"])
def test_compiled_and_interpreted_replay_agree(store, name):
    if numba.config.DISABLE_JIT:
        pytest.skip("nothing is compiled")
    program = PROGRAMS[name]
    arguments = program.arguments(program.resolve({}))
    for rules in (EpisodeRules(), EpisodeRules(published=True)):
        one, other = (replay(program, arguments, store, range(SEEDS), rules, slow) for slow in (False, True))
        assert (one == other).all()


class First:
    def __init__(self, config):
        pass

    def solve(self, question):
        return question.get_new_branch_final_answer()


def test_a_class_with_the_published_interface_is_graded_alike(store):
    rows = evaluate(First, store, SEEDS).rows
    firsts = [read_in(seed)[0] for seed in range(SEEDS)]
    assert rows["answer"].tolist() == firsts and set(firsts) == {GOLD, OTHER, WRONG}
    assert rows["correct"].tolist() == [answer != WRONG for answer in firsts]


def test_one_right_answer_is_graded_as_ever(store):
    alone = replace(store, also_right=((),))
    rows = evaluate("single", alone, SEEDS).rows
    assert rows["correct"].tolist() == [answer == GOLD for answer in rows["answer"]]


def test_a_jail_is_not_told_what_is_right(store):
    anonymised = anonymise(store, np.random.default_rng(0))
    data = b"".join(np.ascontiguousarray(array).tobytes() for array in anonymised.tables)
    rebuilt, _ = rebuild(describe(anonymised.tables, 10), memoryview(data), 0, "store 0")
    assert rebuilt.right_classes(0) == set() and not len(rebuilt.grading.classes)
