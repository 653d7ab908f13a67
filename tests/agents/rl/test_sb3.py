"""The adapter to Stable-Baselines3 keeps to its contract, and its algorithms learn on it."""

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode

pytest.importorskip("stable_baselines3")

from stable_baselines3 import PPO  # noqa: E402
from stable_baselines3.common.vec_env import DummyVecEnv, VecMonitor  # noqa: E402

from tts_gym.agents.rl import SB3VecEnv, make_sb3_env  # noqa: E402

IDS = ["TTSWidthDepth-v1", "TTSWidthDepthRounds-v1"]


def same(one, two):
    if isinstance(one, dict):
        return one.keys() == two.keys() and all(same(one[name], two[name]) for name in one)
    return np.array_equal(one, two)


@pytest.mark.parametrize("name", IDS)
def test_it_equals_the_environments_of_stable_baselines(name):
    ours = make_sb3_env(name, 4, seed=5, max_episode_steps=12)
    theirs = DummyVecEnv([lambda: gym.make(name, max_episode_steps=12)] * 4)
    theirs.seed(5)
    assert same(ours.reset(), theirs.reset())
    assert all(same(*infos) for infos in zip(ours.reset_infos, theirs.reset_infos, strict=True))
    rng = np.random.default_rng(0)
    ends = {True: 0, False: 0}
    for _ in range(200):
        masks = np.stack(ours.env_method("action_masks"))
        assert same(masks, np.stack(theirs.env_method("action_masks")))
        actions = np.array([rng.choice(np.flatnonzero(mask)) for mask in masks])
        one, two = ours.step(actions), theirs.step(actions)
        assert all(same(a, b) for a, b in zip(one[:3], two[:3], strict=True))
        for n, done in enumerate(one[2]):
            told = {key: value for key, value in two[3][n].items() if done or key != "TimeLimit.truncated"}
            assert same(one[3][n], told)
            if done:
                ends[told["TimeLimit.truncated"]] += 1
    assert min(ends.values()) > 0


def test_monitor_counts_episodes():
    envs = VecMonitor(make_sb3_env(IDS[0], 3, seed=0))
    envs.reset()
    envs.step(np.array([1, 1, 1]))
    *_, infos = envs.step(np.array([0, 1, 0]))
    assert [info["episode"]["l"] if "episode" in info else None for info in infos] == [2, None, 2]


@pytest.mark.parametrize(("name", "policy"), [(IDS[0], "MultiInputPolicy"), (IDS[1], "MlpPolicy")])
def test_ppo_trains_on_it(name, policy):
    model = PPO(policy, VecMonitor(make_sb3_env(name, 8, seed=0)), n_steps=16, batch_size=64, n_epochs=1, device="cpu")
    model.learn(256)
    assert model.num_timesteps == 256


def test_indices_choose_environments():
    envs = make_sb3_env(IDS[1], 3, seed=0)
    envs.reset()
    assert len(envs.env_method("action_masks", indices=[0, 2])) == 2
    assert envs.get_attr("num_envs", 1) == [3]
    assert envs.env_is_wrapped(gym.Wrapper) == [False] * 3
    envs.set_attr("mark", 1)
    assert envs.envs.unwrapped.mark == 1
    with pytest.raises(ValueError, match="share"):
        envs.set_attr("mark", 2, indices=[0])


def test_options_are_for_all_environments():
    envs = make_sb3_env(IDS[1], 2, seed=0)
    question = envs.envs.reset(seed=0)[1]["question_id"][0]
    envs.set_options({"question": question})
    envs.reset()
    assert [info["question_id"] for info in envs.reset_infos] == [question] * 2
    envs.set_options([{"question": question}, {}])
    with pytest.raises(ValueError, match="same options"):
        envs.reset()


def test_another_autoreset_mode_is_refused():
    with pytest.raises(ValueError, match="SAME_STEP"):
        SB3VecEnv(gym.make_vec(IDS[0], num_envs=2, autoreset_mode=AutoresetMode.NEXT_STEP))
