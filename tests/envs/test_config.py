"""Constructors, registration and documentation are those of the configurations and of the lists of features."""

import inspect
import json
import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.envs.registration import load_env_creator
from gymnasium.vector import AutoresetMode
from hypothesis import given
from hypothesis import strategies as st

import tts_gym  # noqa: F401
from tts_gym.envs.config import AtomicConfig, AtomicVectorConfig, RoundsConfig, RoundsVectorConfig
from tts_gym.envs.documentation import documented
from tts_gym.envs.features import places
from tts_gym.envs.observation import ALL_BRANCH_FEATURES, BRANCH_AT, SUMMARY_AT, SUMMARY_FEATURES
from tts_gym.envs.rounds import ACTION, ALL_ROUNDS
from tts_gym.envs.rounds_observation import ALL_FEATURES, AT
from tts_gym.envs.width_depth import TTSWidthDepthEnv
from tts_gym.envs.width_depth_rounds import TTSWidthDepthRoundsEnv
from tts_gym.envs.width_depth_rounds_vector import TTSWidthDepthRoundsVectorEnv
from tts_gym.envs.width_depth_vector import TTSWidthDepthVectorEnv

SINGLE = [(AtomicConfig, TTSWidthDepthEnv), (RoundsConfig, TTSWidthDepthRoundsEnv)]
VECTOR = [(AtomicVectorConfig, TTSWidthDepthVectorEnv), (RoundsVectorConfig, TTSWidthDepthRoundsVectorEnv)]
LATEST = ["TTSWidthDepth-v1", "TTSWidthDepthRounds-v1"]

atomic = st.fixed_dictionaries(
    {},
    optional={
        "max_branches": st.integers(1, 4096),
        "budget": st.none() | st.integers(0, 2**53),
        "probe_cost": st.integers(0, 2**53),
        "cost_weight": st.floats(0, 1e9),
        "rules": st.sampled_from(["exact", "published"]),
        "aggregator": st.sampled_from(["active", "finished", "all"]),
        "reveal": st.sampled_from(["probe", "advance"]),
        "invalid_action": st.sampled_from(["ignore", "raise"]),
        "render_mode": st.sampled_from([None, "human", "ansi", "rgb_array"]),
    },
)


def accepted(constructor):
    """Names and defaults of what ``constructor`` takes, in order."""
    return [(name, parameter.default) for name, parameter in inspect.signature(constructor).parameters.items()]


def page(environment, section):
    """A section of the documentation of an environment."""
    return (inspect.getdoc(environment) or "").partition(f"## {section}")[2].partition("\n## ")[0]


@pytest.mark.parametrize(("config", "environment"), SINGLE + VECTOR)
def test_an_environment_takes_the_arguments_of_its_configuration(config, environment):
    assert accepted(environment) == accepted(config) == [(field.name, field.default) for field in fields(config)]


@pytest.mark.parametrize(("single", "vector"), list(zip(SINGLE, VECTOR, strict=True)))
def test_a_vector_takes_three_more_arguments_first(single, vector):
    own = [("num_envs", 1), ("max_episode_steps", single[0].most_steps), ("autoreset_mode", AutoresetMode.NEXT_STEP)]
    assert accepted(vector[1]) == own + accepted(single[1])


@pytest.mark.parametrize(("name", "single", "vector"), list(zip(LATEST, SINGLE, VECTOR, strict=True)))
def test_the_registration_is_that_of_the_configuration(name, single, vector):
    spec = gym.spec(name)
    assert load_env_creator(spec.entry_point) is single[1]
    assert load_env_creator(spec.vector_entry_point) is vector[1]
    assert spec.max_episode_steps == single[0].most_steps
    assert f"Truncation: {spec.max_episode_steps} " in page(single[1], "Episode End")


@pytest.mark.parametrize(("config", "environment"), SINGLE + VECTOR)
def test_the_table_of_arguments_has_each_with_its_default(config, environment):
    rows = re.findall(r"^\| `(\w+)` +\| \S.*? +\| `(.*?)` +\| \S.* \|$", page(environment, "Arguments"), re.MULTILINE)
    shown = {"None": None, "False": False, "True": True, '"NextStep"': AutoresetMode.NEXT_STEP}
    assert [(name, shown[text] if text in shown else json.loads(text)) for name, text in rows] == accepted(config)


@pytest.mark.parametrize(
    ("environment", "section", "names"),
    [
        (TTSWidthDepthEnv, "Observation Space", [ALL_BRANCH_FEATURES, SUMMARY_FEATURES]),
        (TTSWidthDepthRoundsEnv, "Action Space", [ALL_ROUNDS]),
        (TTSWidthDepthRoundsEnv, "Observation Space", [ALL_FEATURES]),
    ],
)
def test_the_numbered_tables_are_the_lists(environment, section, names):
    rows = re.findall(r"^\| (\d+) +\| (\w+) +\| (.*?) +\|$", page(environment, section), re.MULTILINE)
    assert rows == [(str(place), *item) for each in names for place, item in enumerate(each.items())]


def test_the_documentation_tells_the_sizes_of_the_spaces():
    atomic_space, rounds = TTSWidthDepthEnv().observation_space, TTSWidthDepthRoundsEnv()
    assert f"(max_branches, {atomic_space['branches'].shape[1]})`" in page(TTSWidthDepthEnv, "Observation Space")
    without_price = TTSWidthDepthEnv(show_price=False).observation_space["summary"].shape
    assert f"`{without_price}`" in page(TTSWidthDepthEnv, "Observation Space")
    assert f"Box(0, 1, {rounds.observation_space.shape}, float32)" in page(TTSWidthDepthRoundsEnv, "Observation Space")
    assert f"Discrete({rounds.action_space.n})" in page(TTSWidthDepthRoundsEnv, "Action Space")


@pytest.mark.parametrize("environment", [environment for _, environment in SINGLE + VECTOR])
def test_nothing_is_left_to_fill_in(environment):
    assert not re.search(r"[{}]", inspect.getdoc(environment))


@pytest.mark.parametrize(
    ("at", "names"),
    [(BRANCH_AT, ALL_BRANCH_FEATURES), (SUMMARY_AT, SUMMARY_FEATURES), (AT, ALL_FEATURES), (ACTION, ALL_ROUNDS)],
)
def test_places_count_up(at, names):
    assert at._asdict() == {name: place for place, name in enumerate(names)}


def test_a_name_that_is_not_in_the_list_has_no_place():
    with pytest.raises(AttributeError):
        places({"width": "opened branches"}).depth  # noqa: B018


@given(atomic)
def test_a_configuration_is_plain_data_that_makes_itself_again(arguments):
    config = AtomicConfig(**arguments)
    assert vars(config) == {field.name: field.default for field in fields(AtomicConfig)} | arguments
    assert AtomicConfig(**json.loads(json.dumps(vars(config)))) == config


def test_numbers_of_numpy_and_paths_become_plain():
    given = RoundsConfig(
        store=[Path("a"), "b"],
        max_branches=np.uint8(3),
        budget=np.int64(5),
        cost_weight=np.array([0.25, 0.5]),
        reward_shaping=np.True_,
    )
    assert given == RoundsConfig(["a", "b"], 3, 5, [0.25, 0.5], reward_shaping=True)
    assert json.loads(json.dumps(vars(given))) == vars(given)
    assert (given.stores, given.weight_range) == (("a", "b"), (0.25, 0.5))


def test_a_price_is_a_range_from_itself_to_itself():
    assert RoundsConfig(cost_weight=1).weight_range == (1.0, 1.0)


def test_registering_loads_neither_compiler_nor_tables():
    script = "import sys, tts_gym; assert not {'numba', 'pyarrow', 'pandas', 'rich'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", script], check=True)


def test_a_class_whose_docstring_python_left_out_stays_without():
    class Stripped:
        __doc__ = None

    assert documented(actions=12)(Stripped).__doc__ is None
