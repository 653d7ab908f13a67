"""Set policies do not care how branches are numbered or how many there could be, and every algorithm trains them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("sb3_contrib")

import torch  # noqa: E402
from gymnasium.spaces import Discrete  # noqa: E402
from sb3_contrib import QRDQN, MaskablePPO  # noqa: E402
from stable_baselines3 import A2C, DQN, PPO  # noqa: E402

from tts_gym.agents.rl import (  # noqa: E402
    MaskableSetPolicy,
    SetDQNPolicy,
    SetPolicy,
    SetQRDQNPolicy,
    make_sb3_env,
)
from tts_gym.envs.observation import observation_space  # noqa: E402
from tts_gym.episode.actions import BRANCH, STOP, action_count, on_branch  # noqa: E402

SMALL = {"net_arch": [16], "features_extractor_kwargs": {"width": 8}}
ON_POLICY = {"n_steps": 16}
OFF_POLICY = {"learning_starts": 32, "buffer_size": 1000, "train_freq": 8}
ALGORITHMS = [
    (PPO, SetPolicy, ON_POLICY | {"batch_size": 32, "n_epochs": 2}),
    (A2C, SetPolicy, ON_POLICY),
    (MaskablePPO, MaskableSetPolicy, ON_POLICY | {"batch_size": 32, "n_epochs": 2}),
    (DQN, SetDQNPolicy, OFF_POLICY),
    (QRDQN, SetQRDQNPolicy, OFF_POLICY),
]
POLICIES = [SetPolicy, MaskableSetPolicy, SetDQNPolicy, SetQRDQNPolicy]


def make_policy(kind, max_branches):
    """A policy with weights large enough that every logit depends on what it should depend on."""
    torch.manual_seed(0)
    policy = kind(observation_space(max_branches), Discrete(action_count(max_branches)), lambda _: 1e-3, **SMALL)
    with torch.no_grad():
        for weights in policy.parameters():
            weights.normal_(0, 0.5)
    return policy


def outputs(policy, branches, summary):
    """Numbers of the actions [..., actions] and values [1], if the policy has them, of one observation."""
    observation, _ = policy.obs_to_tensor({"branches": branches[None], "summary": summary[None]})
    with torch.no_grad():
        if isinstance(policy, SetDQNPolicy):
            return policy.q_net(observation)[0].numpy(), None
        if isinstance(policy, SetQRDQNPolicy):
            return policy.quantile_net(observation)[0].numpy(), None
        logits = policy.action_net(policy.mlp_extractor.forward_actor(policy.extract_features(observation)))
        return logits[0].numpy(), policy.predict_values(observation)[0].numpy()


def renumbered(order):
    """Positions of the actions after branch ``order[i]`` became branch i."""
    return [STOP, BRANCH] + [on_branch(kind, i) for i in order for kind in range(3)]


@st.composite
def observations(draw, most=12):
    """Branches, of which the first few are opened, and a summary."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    max_branches = draw(st.integers(1, most))
    width = draw(st.integers(0, max_branches))
    space = observation_space(max_branches)
    branches = rng.random(space["branches"].shape, np.float32)
    branches[:, 0] = 1
    branches[width:] = 0
    return branches, rng.random(space["summary"].shape, np.float32)


@pytest.mark.parametrize("kind", POLICIES)
@given(seen=observations(), data=st.data())
@settings(max_examples=25, deadline=None)
def test_renumbered_branches_renumber_the_actions(kind, seen, data):
    branches, summary = seen
    policy = make_policy(kind, len(branches))
    order = data.draw(st.permutations(range(len(branches))))
    before, value = outputs(policy, branches, summary)
    after, value_after = outputs(policy, branches[list(order)], summary)
    np.testing.assert_allclose(after, before[..., renumbered(order)], rtol=1e-4, atol=1e-4)
    if value is not None:
        np.testing.assert_allclose(value_after, value, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("kind", POLICIES)
@given(seen=observations(8))
@settings(max_examples=10, deadline=None)
def test_weights_fit_any_number_of_branches(kind, seen):
    branches, summary = seen
    small, large = make_policy(kind, len(branches)), make_policy(kind, 24)
    large.load_state_dict(small.state_dict())
    numbers, value = outputs(small, branches, summary)
    padded = np.pad(branches, ((0, 24 - len(branches)), (0, 0)))
    more, value_padded = outputs(large, padded, summary)
    np.testing.assert_allclose(more[..., : numbers.shape[-1]], numbers, rtol=1e-4, atol=1e-4)
    if value is not None:
        np.testing.assert_allclose(value_padded, value, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("kind", POLICIES)
def test_logits_of_a_branch_tell_it_from_the_others(kind):
    policy = make_policy(kind, 3)
    rng = np.random.default_rng(0)
    branches = np.tile(rng.random(14, np.float32), (3, 1))
    branches[:, 0] = 1
    branches[2, 3] += 0.5
    numbers, _ = outputs(policy, branches, rng.random(14, np.float32))
    own = numbers[..., 2:].reshape(-1, 3, 3)
    np.testing.assert_allclose(own[:, 0], own[:, 1], rtol=1e-5, atol=1e-5)
    assert np.abs(own[:, 2] - own[:, 1]).mean(0).min() > 1e-3


def test_unopened_branches_do_not_count():
    policy = make_policy(SetPolicy, 4)
    summary = np.full(14, 0.5, np.float32)
    branches = np.zeros((4, 14), np.float32)
    branches[0] = 1
    before, value = outputs(policy, branches, summary)
    branches[2, 1:] = 0.7
    after, value_after = outputs(policy, branches, summary)
    assert np.array_equal(before, after)
    assert np.array_equal(value, value_after)


@pytest.mark.parametrize(("algorithm", "policy", "arguments"), ALGORITHMS, ids=[row[0].__name__ for row in ALGORITHMS])
def test_it_trains_and_comes_back_from_a_file(algorithm, policy, arguments, tmp_path):
    envs = make_sb3_env("TTSWidthDepth-v1", 4, seed=0, max_branches=6)
    model = algorithm(policy, envs, policy_kwargs=SMALL, seed=0, device="cpu", **arguments)
    before = {name: weights.clone() for name, weights in model.policy.state_dict().items()}
    model.learn(256)
    changed = {name for name, weights in model.policy.state_dict().items() if not torch.equal(weights, before[name])}
    assert changed >= {name for name in before if "target" not in name}
    model.save(tmp_path / "model.zip")
    loaded = algorithm.load(tmp_path / "model.zip", device="cpu")
    seen = envs.reset()
    assert np.array_equal(
        loaded.predict(seen, deterministic=True)[0],
        model.predict(seen, deterministic=True)[0],
    )
    assert all(
        torch.equal(loaded.policy.state_dict()[name], weights) for name, weights in model.policy.state_dict().items()
    )


def test_masks_leave_inadmissible_actions_out():
    envs = make_sb3_env("TTSWidthDepth-v1", 4, seed=0, max_branches=6, invalid_action="raise")
    model = MaskablePPO(
        MaskableSetPolicy, envs, policy_kwargs=SMALL, n_steps=32, batch_size=32, n_epochs=1, device="cpu"
    )
    model.learn(256)
    seen = envs.reset()
    for _ in range(50):
        actions, _ = model.predict(seen, action_masks=np.stack(envs.env_method("action_masks")))
        seen, *_ = envs.step(actions)


def test_separate_encoders_for_actor_and_critic():
    envs = make_sb3_env("TTSWidthDepth-v1", 2, seed=0, max_branches=4)
    model = PPO(
        SetPolicy,
        envs,
        policy_kwargs=SMALL | {"share_features_extractor": False, "net_arch": {"pi": [], "vf": [8]}},
        n_steps=16,
        batch_size=32,
        device="cpu",
    )
    assert model.policy.pi_features_extractor is not model.policy.vf_features_extractor
    model.learn(32)
    assert model.predict(envs.reset())[0].shape == (2,)


def test_other_environments_are_refused():
    with pytest.raises(ValueError, match="TTSWidthDepth-v1"):
        PPO(SetPolicy, make_sb3_env("TTSWidthDepthRounds-v1", 2), device="cpu")
