"""Environments on a question with two right answers: both are paid for."""

import numpy as np
import pytest

import first_version
from agents.strategies import store_of
from tts_gym.datasets import RecordedBranch, RecordedQuestion
from tts_gym.envs.rounds import ACTION
from tts_gym.episode.actions import BRANCH, STOP

ANSWERS = ("gold", "other", "wrong", None)


@pytest.fixture(scope="module")
def stores():
    """A question with one right answer in the first store, one with two in the second."""
    branches = [RecordedBranch(10, [], answer) for answer in ANSWERS]
    sum_, queens = (
        RecordedQuestion("sum", "?", "gold", branches),
        RecordedQuestion("queens", "?", "gold", branches, ["other"]),
    )
    return [store_of(10, [sum_]), store_of(10, [sum_, queens])]


CASES = [
    (question, k, answer == "gold" or (question, answer) == ("queens", "other"))
    for question in ("sum", "queens")
    for k, answer in enumerate(ANSWERS)
]


def options(question, first):
    order = np.array([first, *(k for k in range(len(ANSWERS)) if k != first)])
    return {"store": 1, "question": question, "order": order}


@pytest.mark.parametrize(("question", "first", "right"), CASES)
def test_single_environments_pay_for_each_right_answer(stores, question, first, right):
    widen = ACTION.widen_1
    for env, open_one in (
        (first_version.atomic(stores, cost_weight=0), BRANCH),
        (first_version.rounds(stores, cost_weight=0), widen),
    ):
        env.reset(options=options(question, first))
        env.step(open_one)
        _, reward, terminated, _, info = env.step(STOP)
        assert (reward, terminated, info["correct"]) == (float(right), True, right)
        assert info["answer"] == (ANSWERS[first] or "")


@pytest.mark.parametrize("question", ["sum", "queens"])
def test_vector_environments_pay_for_each_right_answer(stores, question):
    widen = ACTION.widen_1
    for kind, open_one in ((first_version.atomic_vector, BRANCH), (first_version.rounds_vector, widen)):
        for first in range(len(ANSWERS)):
            right = (question, first, True) in CASES
            envs = kind(3, store=stores, cost_weight=0, autoreset_mode="Disabled")
            envs.reset(options=options(question, first))
            envs.step(np.full(3, open_one))
            _, rewards, _, _, infos = envs.step(np.full(3, STOP))
            assert rewards.tolist() == [float(right)] * 3 and infos["correct"].tolist() == [right] * 3


def test_shaped_rewards_follow_each_right_answer(stores):
    envs = first_version.rounds_vector(1, store=stores, cost_weight=0, reward_shaping=True, autoreset_mode="Disabled")
    for question, first, right in CASES:
        envs.reset(options=options(question, first))
        _, earned, _, _, _ = envs.step(np.array([ACTION.widen_1]))
        _, rest, _, _, infos = envs.step(np.array([STOP]))
        assert (earned[0], rest[0], bool(infos["correct"][0])) == (float(right), 0.0, right)
