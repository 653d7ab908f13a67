from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rollouts import rollout

import first_version
from tts_gym.datasets import load_store
from tts_gym.datasets.signals import SIGNALS
from tts_gym.envs.observation import ALL_BRANCH_FEATURES, BRANCH_AT, BRANCH_FEATURES, SUMMARY_FEATURES
from tts_gym.envs.width_depth import TTSWidthDepthEnv
from tts_gym.envs.width_depth_vector import TTSWidthDepthVectorEnv
from tts_gym.episode.actions import encode_action

Named = dict[str, float]


def play(env: TTSWidthDepthEnv, question: str, order: list[int], *actions: str) -> tuple[list[Named], Named]:
    """Features by name after actions such as "branch" and "probe 0"."""
    observation, _ = env.reset(seed=0, options={"question": question, "order": order})
    for action in actions:
        kind, *branch = action.split()
        observation = env.step(encode_action(kind, *map(int, branch)))[0]
    rows = [dict(zip(BRANCH_FEATURES, map(float, row), strict=True)) for row in observation["branches"]]
    return rows, dict(zip(SUMMARY_FEATURES, map(float, observation["summary"]), strict=True))


def test_start(env: TTSWidthDepthEnv) -> None:
    branches, summary = play(env, "hard", [0, 1, 2])
    assert not any(any(row.values()) for row in branches)
    assert {name for name, value in summary.items() if value} == {"unopened", "remaining"}
    assert (summary["unopened"], summary["remaining"]) == (3 / 4, 1)


def test_by_hand(env: TTSWidthDepthEnv) -> None:
    # Branch 0 shows 3 and has moved on; 1 finishes with 2; 2 shows the invalid answer; 3 shows 2 and is pruned.
    actions = "branch", "probe 0", "continue 0", "branch", "continue 1", "branch", "probe 2", "branch", "prune 3"
    branches, summary = play(env, "sum", [0, 1, 2, 3], *actions)
    assert branches[0] == pytest.approx(
        dict(opened=1, active=1, finished=0, depth=2 / 4, relative_depth=1, tokens=1 / 2, hidden=1, answered=1, valid=1)
        | dict(leading=1, second=0, support=1 / 2, streak=1 / 9, age=1 / 9)
    )
    assert branches[1] == pytest.approx(
        dict(opened=1, active=1, finished=1, depth=2 / 4, relative_depth=1, tokens=3 / 7, hidden=0, answered=1, valid=1)
        | dict(leading=0, second=1, support=1 / 2, streak=1 / 9, age=0)
    )
    assert branches[2] == pytest.approx(
        dict(opened=1, active=1, finished=0, depth=1 / 4, relative_depth=1 / 2, tokens=1 / 3, hidden=0, answered=1)
        | dict(valid=0, leading=0, second=0, support=0, streak=1 / 9, age=0)
    )
    assert branches[3] == pytest.approx(
        dict(opened=1, active=0, finished=1, depth=1 / 4, relative_depth=1 / 2, tokens=9 / 29, hidden=0, answered=1)
        | dict(valid=1, leading=0, second=1, support=1 / 2, streak=1 / 9, age=0)
    )
    tokens = 200 + 150 + 100 + 90
    assert summary == pytest.approx(
        dict(width=1, unopened=0, active=3 / 4, finished=2 / 4, hidden=1 / 4, invalid=1 / 4, depth=6 / 16, voters=2 / 4)
        | dict(top1=1 / 2, top2=1 / 2, confidence=1 / 2, distinct=2 / 6, spent=tokens / (tokens + 800), remaining=1)
    )


@pytest.mark.parametrize(("aggregator", "voters"), [("active", 1), ("finished", 1), ("all", 2)])
def test_the_pool_votes(small: str, aggregator: str, voters: int) -> None:
    env = first_version.atomic(store=small, max_branches=4, aggregator=aggregator)
    _, summary = play(env, "sum", [3, 0, 1, 2], "branch", "branch", "probe 1", "prune 0")
    assert summary["voters"] * 4 == voters


def test_invalid_answers_vote_under_the_published_rules(small: str) -> None:
    env = first_version.atomic(store=small, max_branches=4, rules="published")
    branches, summary = play(env, "sum", [2, 0, 1, 3], "branch", "probe 0")
    assert (branches[0]["valid"], branches[0]["leading"], summary["top1"], summary["invalid"]) == (0, 1, 1, 1)


def test_streak_and_age(env: TTSWidthDepthEnv) -> None:
    moves = "branch", "probe 0", "continue 0", "probe 0"
    branches, _ = play(env, "hard", [2, 0, 1], *moves)
    assert branches[0]["streak"] == pytest.approx(2 / 10)
    branches, _ = play(env, "hard", [2, 0, 1], *moves, "continue 0")
    assert branches[0]["age"] == pytest.approx(1 / 9)


def test_remaining_budget(small: str) -> None:
    env = first_version.atomic(store=small, budget=400)
    assert play(env, "sum", [0, 1, 2, 3], "branch")[1]["remaining"] == pytest.approx(3 / 4)
    env = first_version.atomic(store=small, budget=0)
    assert play(env, "sum", [0, 1, 2, 3])[1]["remaining"] == 0


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    max_branches=st.integers(1, 6),
    budget=st.none() | st.integers(0, 1500),
    probe_cost=st.integers(0, 30),
    rules=st.sampled_from(["exact", "published"]),
    aggregator=st.sampled_from(["active", "finished", "all"]),
    reveal=st.sampled_from(["probe", "advance"]),
    seed=st.integers(0, 1000),
    masked=st.booleans(),
)
def test_bounds(small: str, seed: int, masked: bool, **arguments: object) -> None:
    env = first_version.atomic(store=small, **arguments)
    for observation, *_ in rollout(env, 60, seed, masked):
        assert env.observation_space.contains(observation)


@pytest.mark.parametrize("vector", [False, True])
def test_signals_are_shown_as_far_as_a_branch_was_read(vector: bool) -> None:
    store = load_store("smollm2-arithmetic")
    column = store.tables.signal_column[SIGNALS.index("mean_logprob")]
    env = TTSWidthDepthVectorEnv(num_envs=1) if vector else TTSWidthDepthEnv()
    told = [store.tables.signals[store.tables.answer_start[i] - i :, column] for i in range(4)]
    options = {"question": store.question_ids[0], "order": list(range(64))}
    observation, _ = env.reset(seed=0, options=options)
    for row, values in zip(observation["branches"].reshape(-1, len(ALL_BRANCH_FEATURES)), told, strict=False):
        assert row[BRANCH_AT.recorded] == 1
        assert row[BRANCH_AT.doubt] == pytest.approx(-values[0] / (0.2 - values[0]), rel=1e-5)
    action = encode_action("continue", 2)
    observation = env.step(np.array([action]) if vector else action)[0]
    row = observation["branches"].reshape(-1, len(ALL_BRANCH_FEATURES))[2]
    probes = np.diff(store.tables.answer_start)[2] - 1
    mean = told[2][: min(17, probes)].mean()
    assert row[BRANCH_AT.doubt] == pytest.approx(-mean / (0.2 - mean), rel=1e-5)


def test_where_no_signal_is_recorded_none_is_shown(small: str) -> None:
    branches, _ = TTSWidthDepthEnv(store=small).reset(seed=0)[0].values()
    assert branches[:, BRANCH_AT.opened].any()
    assert not branches[:, BRANCH_AT.recorded :].any()


def test_hidden_answers_change_nothing(write: Callable[..., str]) -> None:
    seen = [
        play(
            first_version.atomic(store=path),
            "sum",
            [0, 1, 2, 3],
            "branch",
            "branch",
            "continue 0",
            "continue 0",
            "probe 1",
        )
        for path in (write("one"), write("two", probes=("7", None)))
    ]
    assert seen[0] == seen[1]
