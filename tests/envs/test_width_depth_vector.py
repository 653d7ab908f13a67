"""The vector environment does what single environments do, one by one."""

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import data_equivalence
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from rollouts import with_running

import first_version
from tts_gym.envs.width_depth_vector import TTSWidthDepthVectorEnv

MODES = list(AutoresetMode)
ARGUMENTS = [
    {},
    {"reveal": "advance", "rules": "published", "aggregator": "finished"},
    {"budget": 9000, "probe_cost": 50, "max_branches": 5, "aggregator": "all", "cost_weight": 0.3},
    {"initial_width": 2, "reward_shaping": True, "invalid_reward": 0.0, "patience": 2, "steady_info": True},
    {
        "cost_weight": (0.001, 0.1),
        "show_price": True,
        "observation": "flat_mask",
        "reveal": "advance",
        "stride": 3,
    },
]


def pair(number, limit, mode, **arguments):
    vector = gym.make_vec(
        "TTSWidthDepth-v1", num_envs=number, max_episode_steps=limit, autoreset_mode=mode, **arguments
    )
    assert isinstance(vector.unwrapped, TTSWidthDepthVectorEnv)

    def single():
        return gym.make("TTSWidthDepth-v1", max_episode_steps=limit, **arguments)

    return vector, SyncVectorEnv([single] * number, autoreset_mode=mode)


def choose(rng, mask):
    """An admissible action mostly; any action where the mask is not told."""
    admissible = np.flatnonzero(mask)
    return rng.choice(admissible) if len(admissible) and rng.random() < 0.8 else rng.integers(17)


@pytest.mark.parametrize("arguments", ARGUMENTS)
@pytest.mark.parametrize("mode", MODES)
def test_it_equals_single_environments_step_for_step(mode, arguments, small):
    stores = ["synthetic-small", small]
    one, two = pair(5, 23, mode, store=stores, **arguments)
    assert one.observation_space == two.observation_space
    assert one.action_space == two.action_space
    rng = np.random.default_rng(0)
    met = one.reset(seed=7), two.reset(seed=7)
    for step in range(150):
        assert data_equivalence(*met, exact=True)
        masks = met[0][-1]["action_mask"]
        actions = np.array([choose(rng, mask) for mask in masks])
        before = met = one.step(actions), two.step(actions)
        ended = met[0][2] | met[0][3]
        if mode == AutoresetMode.DISABLED and ended.any():
            assert data_equivalence(*met, exact=True)
            seed = [step + n for n in range(5)]
            met = tuple(envs.reset(seed=seed, options={"reset_mask": ended.copy()}) for envs in (one, two))
            met = met[0], (met[1][0], with_running(met[1][1], before[1][-1], ended))


def test_reset_options_reach_every_environment():
    one, two = pair(3, 50, AutoresetMode.NEXT_STEP)
    question = one.reset(seed=0)[1]["question_id"][0]
    met = [envs.reset(options={"question": question}) for envs in (one, two)]
    assert set(met[0][1]["question_id"]) == {question}


def test_nothing_returned_is_returned_again():
    envs = first_version.atomic_vector(num_envs=3)
    first, info = envs.reset(seed=0)
    kept = {name: array.copy() for name, array in first.items()}, info["action_mask"].copy()
    envs.step(np.ones(3, np.int64))
    assert all((first[name] == kept[0][name]).all() for name in first)
    assert (info["action_mask"] == kept[1]).all()


def test_episode_statistics_are_recorded():
    envs = gym.wrappers.vector.RecordEpisodeStatistics(first_version.atomic_vector(num_envs=2))
    envs.reset(seed=0)
    envs.step(np.array([1, 1]))
    *_, infos = envs.step(np.array([0, 1]))
    assert infos["episode"]["l"][0] == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"num_envs": 0}, "num_envs"),
        ({"render_mode": "ansi"}, "does not render"),
        ({"max_branches": 0}, "max_branches"),
    ],
)
def test_wrong_arguments_are_refused(arguments, words):
    with pytest.raises(ValueError, match=words):
        first_version.atomic_vector(**arguments)


def test_wrong_calls_are_refused():
    envs = first_version.atomic_vector(num_envs=2, autoreset_mode="Disabled", invalid_action="raise")
    with pytest.raises(gym.error.ResetNeeded):
        envs.step(np.zeros(2, np.int64))
    for mask in (np.zeros(2, bool), np.ones(3, bool), np.ones(2)):
        with pytest.raises(ValueError, match="reset_mask"):
            envs.reset(options={"reset_mask": mask})
    with pytest.raises(ValueError, match="3 entries for 2"):
        envs.reset(seed=[1, 2, 3])
    envs.reset(seed=0)
    with pytest.raises(ValueError, match="The actions are"):
        envs.step(np.array([0, 999]))
    with pytest.raises(ValueError, match="Action 2 is not admissible in environment 1"):
        envs.step(np.array([1, 2]))
    envs.reset(seed=0)
    envs.step(np.zeros(2, np.int64))
    with pytest.raises(gym.error.ResetNeeded):
        envs.step(np.zeros(2, np.int64))
