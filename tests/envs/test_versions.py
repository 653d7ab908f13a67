"""The first version of the environments is what it was, and the second has defaults that are kind to algorithms.

The hashes below are those of random episodes when there was no other version.
"""

import hashlib

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

import tts_gym  # noqa: F401
from first_version import MEANT
from tts_gym.envs.versions import VERSIONS, config_of


def told(value):
    """Numbers of an observation in the order of its parts, which another machine computes alike."""
    parts = value.values() if isinstance(value, dict) else [value]
    return np.concatenate([np.ravel(part) for part in parts]).astype(np.float64).round(4) + 0.0


def hash_of(name, **arguments):
    """Of thirty episodes of random actions, most of them admissible."""
    env, rng, found = gym.make(name, **arguments), np.random.default_rng(0), hashlib.sha256()
    for seed in range(30):
        observation, info = env.reset(seed=seed)
        ended, reward = False, 0.0
        while not ended:
            found.update(told(observation).tobytes() + np.round([reward, info["tokens"]], 6).tobytes())
            found.update(info["action_mask"].tobytes())
            mask = info["action_mask"] if rng.random() < 0.9 else np.ones_like(info["action_mask"])
            action = int(rng.choice(np.flatnonzero(mask)))
            observation, reward, terminated, truncated, info = env.step(action)
            ended = terminated or truncated
        found.update(f"{info['answer']} {info['correct']} {reward:.6f}".encode())
    return found.hexdigest()[:16]


@MEANT
@pytest.mark.parametrize(
    ("name", "plain", "changed"),
    [
        ("TTSWidthDepth-v0", "2d7ee99a7236e211", "c35b799c32bcb69b"),
        ("TTSWidthDepthRounds-v0", "9e021347cc8c601b", "f9357b9fdc046067"),
    ],
)
def test_the_first_version_is_what_it_was(name, plain, changed):
    assert hash_of(name) == plain
    assert hash_of(name, observation="flat_mask", budget=700, aggregator="finished") == changed


@pytest.mark.parametrize("name", ["TTSWidthDepth-v0", "TTSWidthDepthRounds-v0"])
def test_gymnasium_says_that_the_first_version_is_out_of_date(name):
    with pytest.warns(DeprecationWarning, match="is out of date"):
        gym.make(name)


@MEANT
@pytest.mark.parametrize("name", VERSIONS)
def test_an_environment_is_made_with_the_defaults_of_its_version(name):
    made = [gym.make(name).unwrapped, gym.make_vec(name, num_envs=2).unwrapped]
    for env in made:
        assert vars(config_of(name, {})).items() <= vars(env.config).items()
    check_env(made[0], skip_render_check=True)


@pytest.mark.parametrize("name", ["TTSWidthDepth-v1", "TTSWidthDepthRounds-v1"])
def test_the_second_version_keeps_a_newcomer_from_being_stuck(name):
    env = gym.make(name, store="synthetic-small")
    _, info = env.reset(seed=0)
    assert info["tokens"] > 0 and info["correct"] is False
    useless = int(np.flatnonzero(info["action_mask"] == 0)[0])
    steps = [env.step(useless) for _ in range(env.unwrapped.config.patience)]
    assert [step[2] for step in steps] == [False] * (len(steps) - 1) + [True]
    assert set(steps[-1][4]) == set(info)
