import copy
import doctest
import json
import pickle
import re
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium as gym
import numba
import numpy as np
import pytest
from gymnasium.envs.registration import EnvSpec
from gymnasium.error import ResetNeeded
from gymnasium.utils.env_checker import check_env
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rollouts import STEPS, assert_same, choose, rollout

import first_version
import tts_gym  # noqa: F401
from first_version import ATOMIC, MEANT
from tts_gym.envs import width_depth, width_depth_kernels
from tts_gym.envs.width_depth import TTSWidthDepthEnv
from tts_gym.episode import transitions
from tts_gym.episode.actions import STOP, decode_action, encode_action
from tts_gym.episode.state import WIDTH
from tts_gym.errors import StoreError

BRANCH = encode_action("branch")
pytestmark = MEANT
IDS = [name for name, spec in gym.registry.items() if str(spec.entry_point).startswith("tts_gym.")]
FLAT = ({"observation": "flat"}, {"observation": "flat_mask"})

SB3_WARNINGS = [
    # A policy needs to tell the branches apart; MultiInputPolicy flattens them itself.
    r"Your observation branches has an unconventional shape",
]


def moves(env: TTSWidthDepthEnv, *actions: str) -> list[tuple[Any, float, bool, bool, dict[str, Any]]]:
    """What each of actions such as "branch" and "probe 0" returns."""
    returned = []
    for action in actions:
        kind, *branch = action.split()
        returned.append(env.step(encode_action(kind, *map(int, branch))))
    return returned


def admitted(info: dict[str, Any]) -> set[str]:
    """The admissible actions by name."""
    decoded = (decode_action(int(action)) for action in np.flatnonzero(info["action_mask"]))
    return {kind if branch is None else f"{kind} {branch}" for kind, branch in decoded}


def rewards(returned: list[tuple[Any, float, bool, bool, dict[str, Any]]]) -> list[float]:
    return [step[1] for step in returned]


def begin(env: TTSWidthDepthEnv, question: str = "sum", order: tuple[int, ...] = (0, 1, 2, 3)) -> dict[str, Any]:
    return env.reset(options={"question": question, "order": order})[1]


# The rules of Gymnasium and of its users


def test_registered() -> None:
    assert "TTSWidthDepth-v0" in IDS


@pytest.mark.parametrize("name", IDS)
def test_gymnasium_has_no_complaint(name: str) -> None:
    env = gym.make(name).unwrapped
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(env)


@pytest.mark.parametrize("name", IDS)
def test_stable_baselines_has_no_other_complaint(name: str) -> None:
    checker = pytest.importorskip("stable_baselines3.common.env_checker")
    env = gym.make(name).unwrapped
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        checker.check_env(env)
    messages = [str(warning.message) for warning in caught]
    assert [text for text in messages if not any(re.search(known, text) for known in SB3_WARNINGS)] == []


@pytest.mark.parametrize("masked", [True, False])
def test_long_rollout(masked: bool) -> None:
    env = gym.make("TTSWidthDepth-v0", cost_weight=0.1)
    met = rollout(env, STEPS, masked=masked)
    assert all(env.observation_space.contains(observation) for observation, *_ in met[:: STEPS // 500])
    punished = sum(reward == ATOMIC["invalid_reward"] for _, reward, *_ in met)
    assert (punished == 0) == masked


def test_same_seed_same_trajectory() -> None:
    one, two = (rollout(gym.make("TTSWidthDepth-v0"), STEPS // 10, seed=5) for _ in range(2))
    assert_same(one, two)
    assert {info["question_id"] for *_, info in rollout(gym.make("TTSWidthDepth-v0"), 50, seed=6)} != {
        one[0][3]["question_id"]
    }


def test_types(env: TTSWidthDepthEnv) -> None:
    env.reset(seed=0)
    for action in (np.int64(BRANCH), np.array(BRANCH), STOP):
        _, reward, terminated, truncated, info = env.step(action)
        assert [type(value) for value in (reward, terminated, truncated)] == [float, bool, bool]
        assert type(info["tokens"]) is int
        assert info["action_mask"].dtype == np.int8
    assert type(info["correct"]) is bool
    with pytest.raises(TypeError):
        env.step(1.0)  # type: ignore[arg-type]


def test_nothing_returned_is_shared(env: TTSWidthDepthEnv) -> None:
    met = rollout(env, 20)
    arrays = [(*observation.values(), info["action_mask"]) for observation, *_, info in met]
    for k in range(3):
        assert len({part[k].__array_interface__["data"][0] for part in arrays}) == len(arrays)


def test_the_spec_survives_json(small: str) -> None:
    env = gym.make("tts_gym:TTSWidthDepth-v0", store=[small], max_branches=3, budget=500, reveal="advance")
    spec = EnvSpec.from_json(env.spec.to_json())
    assert spec.kwargs == ATOMIC | dict(store=[small], max_branches=3, budget=500, reveal="advance")
    assert_same(rollout(env, 100), rollout(gym.make(spec), 100))


DUPLICATES = [copy.deepcopy, lambda env: pickle.loads(pickle.dumps(env))]


@pytest.mark.parametrize("name", IDS)
@pytest.mark.parametrize("duplicate", DUPLICATES)
def test_copies_go_on_alike(name: str, small: str, duplicate: Callable[[Any], Any]) -> None:
    env = gym.make(name, store=["synthetic-small", small], render_mode="ansi").unwrapped
    rollout(env, 60, seed=3)
    env.action_space.seed(0)
    twin = duplicate(env)
    assert env.render() == twin.render()
    rng = np.random.default_rng(0)
    for _ in range(200):
        action = choose(env.action_masks(), rng)
        one, two = env.step(action), twin.step(action)
        if one[2]:
            assert env.action_space.sample() == twin.action_space.sample()
            one, two = (*one, env.reset()), (*two, twin.reset())
        np.testing.assert_equal(one, two)
    assert env.render() == twin.render()


@pytest.mark.parametrize("name", IDS)
@pytest.mark.parametrize("duplicate", DUPLICATES)
def test_copies_of_vectors_go_on_alike(name: str, small: str, duplicate: Callable[[Any], Any]) -> None:
    envs = gym.make_vec(name, num_envs=3, store=["synthetic-small", small], max_episode_steps=30)
    infos = envs.reset(seed=3)[1]
    rng = np.random.default_rng(0)
    for step in range(120):
        actions = np.array([choose(mask, rng) for mask in infos["action_mask"]])
        if step == 40:
            twin = duplicate(envs)
        met = envs.step(actions)
        infos = met[-1]
        if step >= 40:
            np.testing.assert_equal(twin.step(actions), met)


def test_copies_are_independent(env: TTSWidthDepthEnv) -> None:
    begin(env)
    twin = copy.deepcopy(env)
    twin.step(BRANCH)
    assert twin.step(STOP)[4]["tokens"] == 100
    assert env.step(STOP)[4]["tokens"] == 0


@pytest.mark.parametrize("name", IDS)
@pytest.mark.parametrize("make", [gym.make, gym.make_vec])
def test_any_arguments_give_a_spec_that_is_json(name: str, make: Callable[..., Any], small: str) -> None:
    weight = np.array([0.01, 0.02]) if "Rounds" in name else np.float32(0.5)
    env = make(name, store=[Path(small)], max_branches=np.int64(3), budget=np.uint16(500), cost_weight=weight)
    again = make(EnvSpec.from_json(env.spec.to_json()))
    for one, two in zip(env.reset(seed=1), again.reset(seed=1), strict=True):
        np.testing.assert_equal(one, two)
    make(name, store=Path(small)).spec.to_json()


@pytest.mark.parametrize("name", IDS)
def test_integers_of_numpy_are_integers(name: str, small: str) -> None:
    arguments = {"store": small, "max_branches": np.uint8(3), "budget": np.int32(900)}
    plain = {"store": small, "max_branches": 3, "budget": 900}
    one, two = gym.make(name, **arguments), gym.make(name, **plain)
    np.testing.assert_equal(one.reset(seed=np.int64(4)), two.reset(seed=4))
    options = {"store": np.int8(0), "question": "sum", "order": np.arange(4, dtype=np.uint8)}
    np.testing.assert_equal(one.reset(options=options), two.reset(options={"question": "sum", "order": [0, 1, 2, 3]}))
    for kind in (np.uint8, np.int32, np.array):
        np.testing.assert_equal(one.step(kind(1)), two.step(1))
        np.testing.assert_equal(one.reset(), two.reset())
    one, two = (gym.make_vec(name, num_envs=number, **arguments) for number in (np.int64(2), 2))
    for seed in (np.int64(4), np.array([4, 5]), [np.uint8(4), 5]):
        np.testing.assert_equal(one.reset(seed=seed), two.reset(seed=4))
    np.testing.assert_equal(one.step(np.ones(2, np.uint8)), two.step(np.ones(2, np.int64)))


def test_import_is_light() -> None:
    code = (
        "import sys, tts_gym, gymnasium\n"
        "assert 'tts_gym.envs.width_depth' not in sys.modules\n"
        "gymnasium.make('TTSWidthDepth-v0')\n"
        "assert not {'torch', 'matplotlib'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_examples_in_the_docstring() -> None:
    assert doctest.testmod(width_depth).failed == 0


# Compiled and interpreted


@pytest.mark.skipif(numba.config.DISABLE_JIT, reason="nothing is compiled")
@pytest.mark.parametrize("rules", ["exact", "published"])
@pytest.mark.parametrize("reveal", ["probe", "advance"])
@pytest.mark.parametrize("aggregator", ["active", "finished", "all"])
def test_compiled_steps_equal_interpreted_ones(
    rules: str, reveal: str, aggregator: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def met() -> list[Any]:
        env = first_version.atomic(
            max_branches=6,
            budget=9000,
            probe_cost=11,
            rules=rules,
            reveal=reveal,
            aggregator=aggregator,
            cost_weight=(0.01, 0.1),
            initial_width=2,
            stride=2,
            reward_shaping=True,
            patience=3,
        )
        return [*rollout(env, 150), *rollout(env, 50, masked=False)]

    compiled = met()
    monkeypatch.setattr(numba.config, "DISABLE_JIT", 1)
    for name in ("begin", "advance", "fill_mask"):
        monkeypatch.setattr(width_depth, f"{name}_compiled", getattr(width_depth_kernels, name))
    assert_same(compiled, met())


# The decision process


def test_reward_by_hand(small: str) -> None:
    env = first_version.atomic(store=small, cost_weight=0.5)
    begin(env)
    returned = moves(env, "branch", "probe 0", "continue 0", "continue 0", "prune 0", "branch", "continue 1", "stop")
    assert rewards(returned) == pytest.approx([-0.25, 0, -0.25, -0.125, 0, -0.25, -0.125, 1])
    assert str(returned[1][1]) == "0.0"
    assert [step[4]["tokens"] for step in returned] == [100, 100, 200, 250, 250, 350, 400, 400]
    assert [step[2] for step in returned] == [False] * 7 + [True]
    assert all({"answer", "correct"}.isdisjoint(step[4]) for step in returned[:-1])
    assert (returned[-1][4]["answer"], returned[-1][4]["correct"]) == ("2", True)


def test_wrong_answer(env: TTSWidthDepthEnv) -> None:
    begin(env, order=(2, 0, 1, 3))
    *_, last = moves(env, "branch", "continue 0", "probe 0", "stop")
    assert (last[1], last[4]["answer"], last[4]["correct"]) == (0.0, "3", False)


def test_no_answer(env: TTSWidthDepthEnv) -> None:
    begin(env)
    *_, last = moves(env, "branch", "stop")
    assert (last[1], last[4]["answer"], last[4]["correct"]) == (0.0, "", False)


@pytest.mark.parametrize(("rules", "answer"), [("exact", ""), ("published", "ERR")])
def test_invalid_answers_vote_by_the_published_rules_only(small: str, rules: str, answer: str) -> None:
    env = first_version.atomic(store=small, rules=rules)
    begin(env, "hard", (1, 0, 2))
    *_, last = moves(env, "branch", "continue 0", "continue 0", "stop")
    assert (last[4]["answer"], last[4]["correct"], last[4]["tokens"]) == (answer, False, 200)


@pytest.mark.parametrize(("rules", "tokens"), [("exact", [90, 190, 290, 350]), ("published", [90, 190, 290, 350])])
def test_tokens_by_either_rule(small: str, rules: str, tokens: list[int]) -> None:
    env = first_version.atomic(store=small, rules=rules)
    begin(env, order=(3, 2, 0, 1))
    returned = moves(env, "branch", "branch", "continue 1", "continue 1")
    assert [step[4]["tokens"] for step in returned] == tokens


@pytest.mark.parametrize(
    ("aggregator", "answer"), [("active", "3"), ("finished", "2"), ("all", "3")], ids=lambda value: str(value)
)
def test_aggregators(small: str, aggregator: str, answer: str) -> None:
    env = first_version.atomic(store=small, aggregator=aggregator)
    begin(env, order=(0, 3, 2, 1))
    *_, last = moves(env, "branch", "probe 0", "branch", "stop")
    assert last[4]["answer"] == answer


def test_pruning_takes_the_vote_away(env: TTSWidthDepthEnv) -> None:
    begin(env, order=(0, 3, 2, 1))
    *_, last = moves(env, "branch", "probe 0", "branch", "prune 0", "stop")
    assert last[4]["answer"] == "2"


def test_what_probing_reveals(env: TTSWidthDepthEnv) -> None:
    assert admitted(begin(env)) == {"stop", "branch"}
    opened, probed, continued, finished, _ = moves(env, "branch", "probe 0", "continue 0", "continue 0", "branch")
    assert admitted(opened[4]) == {"stop", "branch", "continue 0", "probe 0", "prune 0"}
    assert admitted(probed[4]) == {"stop", "branch", "continue 0", "prune 0"}
    assert admitted(continued[4]) == admitted(opened[4])
    assert admitted(finished[4]) == {"stop", "branch", "prune 0"}


def test_what_advancing_reveals(small: str) -> None:
    env = first_version.atomic(store=small, max_branches=2, reveal="advance")
    begin(env)
    returned = moves(env, "branch", "branch", "stop")
    assert admitted(returned[0][4]) == {"stop", "branch", "continue 0", "prune 0"}
    assert admitted(returned[1][4]) == {"stop", "continue 0", "prune 0", "continue 1", "prune 1"}
    assert returned[2][4]["answer"] == "3"


def test_budget(small: str) -> None:
    env = first_version.atomic(store=small, budget=195, probe_cost=5)
    begin(env, order=(3, 0, 1, 2))
    opened, second, probed = moves(env, "branch", "branch", "probe 1")
    assert admitted(opened[4]) == {"stop", "branch", "prune 0"}
    assert admitted(second[4]) == {"stop", "probe 1", "prune 0", "prune 1"}
    assert [step[4]["tokens"] for step in (opened, second, probed)] == [90, 190, 195]


def test_a_short_interval_fits_no_sooner(small: str) -> None:
    env = first_version.atomic(store=small, budget=195)
    begin(env, order=(0, 3, 1, 2))
    [opened] = moves(env, "branch")
    assert admitted(opened[4]) == {"stop", "probe 0", "prune 0"}  # The next branch would need 90 of the 95 left.


def test_probe_cost(small: str) -> None:
    env = first_version.atomic(store=small, probe_cost=20, cost_weight=1)
    begin(env)
    assert rewards(moves(env, "branch", "probe 0")) == pytest.approx([-0.5, -0.1])


def test_fewer_branches_than_allowed(small: str) -> None:
    env = first_version.atomic(store=small, max_branches=9)
    begin(env, "hard", (0, 1, 2))
    *_, last = moves(env, "branch", "branch", "branch")
    assert "branch" not in admitted(last[4])
    assert env.observation_space.contains(last[0])


@pytest.mark.parametrize("action", ["continue 0", "probe 3", "prune 0"])
def test_inadmissible_actions_are_ignored(env: TTSWidthDepthEnv, action: str) -> None:
    before = env.reset(seed=0)
    [after] = moves(env, action)
    np.testing.assert_equal(after[0], before[0])
    np.testing.assert_equal(after[4], before[1])
    assert after[1:4] == (ATOMIC["invalid_reward"], False, False)


@pytest.mark.parametrize(
    ("played", "action", "message"),
    [
        ((), "continue 1", r"Action 5, CONTINUE\(1\), is not admissible: the branch is not opened"),
        (("branch", "prune 0"), "prune 0", "the branch is pruned"),
        (("branch", "probe 0"), "probe 0", "the present answer is shown already"),
        (("branch",), "probe 0", "the probe exceeds the budget"),
        (("branch",), "continue 0", "the next interval exceeds the budget"),
        (("branch",), "branch", "BRANCH, is not admissible: its first interval exceeds the budget"),
        (("branch", "branch"), "branch", "no branch is left to open"),
        (("branch", "branch"), "continue 1", "the branch is finished"),
    ],
)
def test_inadmissible_actions_raise(small: str, played: tuple[str, ...], action: str, message: str) -> None:
    cost, order = {"the probe": (150, (0, 1, 2, 3))}.get(message[:9], (0, (0, 3, 1, 2)))
    budget = 120 if "budget" in message else None
    env = first_version.atomic(store=small, max_branches=2, budget=budget, probe_cost=cost, invalid_action="raise")
    begin(env, order=order)
    moves(env, *played)
    before = env.action_masks()
    with pytest.raises(ValueError, match=message):
        moves(env, action)
    np.testing.assert_array_equal(env.action_masks(), before)


@pytest.mark.parametrize("mode", ["ignore", "raise"])
@pytest.mark.parametrize("action", [-1, 14])
def test_no_action_at_all(small: str, mode: str, action: int) -> None:
    env = first_version.atomic(store=small, max_branches=4, invalid_action=mode)
    env.reset()
    with pytest.raises(ValueError, match="from 0 to 13"):
        env.step(action)


def test_needs_reset(small: str) -> None:
    env = first_version.atomic(store=small, render_mode="ansi")
    for call in (lambda: env.step(STOP), env.action_masks, env.render):
        with pytest.raises(ResetNeeded):
            call()
    env.reset()
    env.step(STOP)
    with pytest.raises(ResetNeeded):
        env.step(STOP)


def state_of(env: TTSWidthDepthEnv) -> dict[str, Any]:
    snapshot = env._replay.snapshot()
    width = int(snapshot["count"][WIDTH])
    per_branch = ("depths", "codes", "shown", "streaks", "finished", "pruned")
    return {"count": snapshot["count"]} | {name: snapshot[name][:width] for name in per_branch}


def force(e: Any, action: int) -> None:
    """Attempt an action whether or not it is admissible."""
    kind, i = decode_action(action)
    if kind == "branch":
        transitions.branch(e, 1)
    elif i is not None and i < e.count[WIDTH]:
        {"continue": transitions.advance, "probe": transitions.probe, "prune": transitions.prune}[kind](e, i)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    max_branches=st.integers(1, 5),
    budget=st.none() | st.integers(0, 1000),
    probe_cost=st.integers(0, 40),
    rules=st.sampled_from(["exact", "published"]),
    reveal=st.sampled_from(["probe", "advance"]),
    seed=st.integers(0, 1000),
)
def test_the_mask_is_exact(small: str, seed: int, **arguments: Any) -> None:
    env = first_version.atomic(store=small, **arguments)
    rng = np.random.default_rng(seed)
    _, info = env.reset(seed=seed)
    while True:
        np.testing.assert_array_equal(env.action_masks(), info["action_mask"].astype(bool))
        before, snapshot = state_of(env), env._replay.snapshot()
        for action in range(1, int(env.action_space.n)):
            force(env._replay.state, action)
            after = state_of(env)
            changed = any(not np.array_equal(after[name], before[name]) for name in before)
            env._replay.restore(snapshot)
            assert changed == bool(info["action_mask"][action]), decode_action(action)
        assert info["action_mask"][STOP]
        action = choose(info["action_mask"], rng, stop=0)
        if action == STOP:
            break
        info = env.step(action)[4]


# Who knows the gold answer


def test_gold_changes_nothing_before_the_end(write: Callable[..., str]) -> None:
    met = [
        rollout(first_version.atomic(store=path, render_mode="ansi"), 300, seed=1)
        for path in (write("right"), write("wrong", gold="3"))
    ]
    differences = 0
    for one, two in zip(*met, strict=True):
        if "correct" in one[3]:
            differences += one[3].pop("correct") != two[3].pop("correct")
        else:
            assert one[1] == two[1]
        assert_same([(one[0], 0.0, one[2], one[3])], [(two[0], 0.0, two[2], two[3])])
    assert differences


def test_gold_is_nowhere_to_be_read(write: Callable[..., str]) -> None:
    env = gym.make("TTSWidthDepth-v0", store=write(gold="the gold"), render_mode="ansi")
    assert "the gold" not in json.dumps(env.spec.to_json())
    assert b"the gold" not in pickle.dumps(env)
    for _, _, _, info in rollout(env, 200):
        assert "the gold" not in repr(info)
        assert "the gold" not in str(env.render())


# Arguments and options


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (dict(store=[]), "store is a name"),
        (dict(store=3), "store is a name"),
        (dict(store=["synthetic-small", None]), "store is a name"),
        (dict(max_branches=0), "max_branches is an integer from 1"),
        (dict(max_branches=2.0), "max_branches is an integer"),
        (dict(max_branches=True), "max_branches is an integer"),
        (dict(budget=-1), "budget is an integer from 0"),
        (dict(budget="100"), "budget is an integer"),
        (dict(budget=2**60), "budget is an integer"),
        (dict(probe_cost=-1), "probe_cost is an integer"),
        (dict(probe_cost=0.5), "probe_cost is an integer"),
        (dict(cost_weight=float("nan")), "cost_weight is a finite number"),
        (dict(cost_weight=float("inf")), "cost_weight is a finite number"),
        (dict(cost_weight=-0.1), "cost_weight is a finite number"),
        (dict(cost_weight="1"), "cost_weight is a finite number"),
        (dict(cost_weight=(0, 1)), "cost_weight is a finite number"),
        (dict(initial_width=-1), "initial_width is an integer from 0"),
        (dict(patience=0), "patience is an integer from 1"),
        (dict(invalid_reward=float("nan")), "invalid_reward is a finite number"),
        (dict(observation="wide"), "observation is one of"),
        (dict(rules="fair"), "rules is one of 'exact', 'published', but got 'fair'"),
        (dict(aggregator="mean"), "aggregator is one of"),
        (dict(aggregator=["active"]), "aggregator is one of"),
        (dict(reveal=None), "reveal is one of"),
        (dict(invalid_action="punish"), "invalid_action is one of"),
        (dict(render_mode="video"), "render_mode is None or one of"),
    ],
)
def test_arguments_are_checked(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        first_version.atomic(**arguments)


def test_missing_store() -> None:
    with pytest.raises(StoreError, match="no-such-store"):
        first_version.atomic(store=["synthetic-small", "no-such-store"])


def test_every_store_and_question_is_drawn(write: Callable[..., str]) -> None:
    env = first_version.atomic(store=[write("one", gold="2"), write("two", gold="3")])
    env.reset(seed=0)
    drawn = set()
    for _ in range(60):
        question = env.reset()[1]["question_id"]
        returned = moves(env, *["branch"] * 3, *["continue 0", "continue 1", "continue 2"] * 3, "stop")
        drawn.add((question, returned[-1][4]["correct"]))
    assert drawn >= {("sum", True), ("sum", False), ("hard", True)}


@pytest.mark.parametrize(("store", "correct"), [(None, True), (0, True), (1, False)])
def test_options_choose_the_store(write: Callable[..., str], store: int | None, correct: bool) -> None:
    env = first_version.atomic(store=[write("one", gold="2"), write("two", gold="3")])
    env.reset(options={"store": store, "question": "sum", "order": np.array([3, 2, 1, 0])})
    assert moves(env, "branch", "stop")[-1][4]["correct"] is correct


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"seed": 1}, r"Unknown reset options \['seed'\]"),
        ({"store": 1}, "Option store is a position"),
        ({"store": "small"}, "Option store is a position"),
        ({"question": "easy"}, "no store here has 'easy'"),
        ({"question": 0}, "no store here has 0"),
        ({"question": "sum", "order": [0, 1, 2]}, "Option order is a permutation"),
        ({"question": "sum", "order": [0, 1, 2, 2]}, "Option order is a permutation"),
        ({"question": "sum", "order": [[0, 1], [2, 3]]}, "Option order is a permutation"),
        ({"question": "sum", "order": "0123"}, "Option order is a permutation"),
        ({"order": [0, 1, 2, 3]}, "Option order is a permutation"),
    ],
)
def test_options_are_checked(env: TTSWidthDepthEnv, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        env.reset(seed=0, options=options)


# What is kind to algorithms at their own defaults


def test_all_of_it_by_hand(small: str) -> None:
    env = gym.make("TTSWidthDepth-v1", store=small, cost_weight=0.5, initial_width=3).unwrapped
    info = begin(env, order=(0, 3, 1, 2))
    assert (info["tokens"], info["answer"], info["correct"]) == (290, "", False)
    assert admitted(info) == {"stop", "branch", "continue 0", "prune 0", "prune 1", "continue 2", "prune 2"}
    returned = moves(env, "continue 0", "branch", "prune 0", "prune 5")
    # The first action pays for what was open, and earns that its answer is right; the last is not admissible.
    assert rewards(returned) == pytest.approx([1 - 0.5 * 2.2, -0.25, 0, 0])
    assert [step[4]["tokens"] for step in returned] == [440, 540, 540, 540]
    assert [step[4]["correct"] for step in returned] == [False] * 3 + [True]
    assert [step[2] for step in returned] == [False] * 3 + [True]


@pytest.mark.parametrize("reward_shaping", [False, True])
def test_stopping_at_once_pays_for_what_was_open(small: str, reward_shaping: bool) -> None:
    env = first_version.atomic(store=small, cost_weight=0.5, initial_width=2, reward_shaping=reward_shaping)
    begin(env, order=(3, 0, 1, 2))
    assert rewards(moves(env, "stop")) == pytest.approx([1 - 0.475])


@pytest.mark.parametrize(("budget", "tokens"), [(None, [100, 250]), (250, [100, 200])])
def test_a_stride_goes_as_far_as_there_is_to_go(small: str, budget: int | None, tokens: list[int]) -> None:
    env = first_version.atomic(store=small, stride=9, budget=budget)
    begin(env)
    assert [step[4]["tokens"] for step in moves(env, "branch", "continue 0")] == tokens


def test_inadmissible_actions_in_a_row_end_as_stop(small: str) -> None:
    env = first_version.atomic(store=small, initial_width=1, patience=2, invalid_reward=-0.25, cost_weight=0.5)
    begin(env, order=(3, 0, 1, 2))
    returned = moves(env, "continue 0", "branch", "probe 0", "continue 0")
    assert rewards(returned) == pytest.approx([-0.25, -0.475, -0.25, 1 - 0.25])
    assert [step[2] for step in returned] == [False] * 3 + [True]
    assert (returned[-1][4]["answer"], returned[-1][4]["correct"]) == ("2", True)
    with pytest.raises(ResetNeeded):
        env.step(BRANCH)


def test_no_more_is_open_than_recorded_or_paid_for(small: str) -> None:
    for arguments, tokens in (
        ({"initial_width": 4}, 300),
        ({"initial_width": 4, "max_branches": 2}, 200),
        ({"initial_width": 2, "budget": 199}, 100),
    ):
        env = first_version.atomic(store=small, **arguments)
        assert begin(env, "hard", (0, 1, 2))["tokens"] == tokens


@pytest.mark.parametrize("name", IDS)
def test_the_flat_observation_holds_the_same_numbers(name: str, small: str) -> None:
    plain, flat, masked = (gym.make(name, store=small, **told) for told in ({}, *FLAT))
    action = 1
    for method in ("reset", "step"):
        parts = []
        for env in (plain, flat, masked):
            observation, *_, info = env.reset(seed=1) if method == "reset" else env.step(action)
            assert env.observation_space.contains(observation)
            parts.append(observation)
        whole = np.concatenate([part.ravel() for part in parts[0].values()]) if "Rounds" not in name else parts[0]
        np.testing.assert_array_equal(parts[1], whole)
        np.testing.assert_array_equal(parts[2], np.concatenate([whole, info["action_mask"]]))


def test_a_price_is_drawn_shown_and_charged(small: str) -> None:
    env = gym.make("TTSWidthDepth-v1", store=small, cost_weight=(0.001, 0.1), initial_width=1)
    shown = set()
    for _ in range(50):
        observation, info = env.reset(seed=None if shown else 0)
        price = 10 ** (4 * float(observation["summary"][-1]) - 4)
        assert 0.000999 < price < 0.1001
        _, reward, *_, told = env.step(1)
        right = reward > 0.5
        assert reward - right == pytest.approx(-price * told["tokens"] / 200, rel=1e-3)
        shown.add(price)
    assert len(shown) > 20
    fixed = gym.make("TTSWidthDepth-v1", store=small, cost_weight=0.01)
    assert fixed.reset(seed=0)[0]["summary"][-1] == pytest.approx(0.5)
    assert info["answer"] == ""
