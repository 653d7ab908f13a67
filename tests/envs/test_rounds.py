"""Rounds are compositions of atomic actions, and ``TTSWidthDepthRounds-v1`` is a good environment."""

import doctest

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import data_equivalence
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from hypothesis import given, settings
from hypothesis import strategies as st
from rollouts import with_running

from first_version import MEANT
from tts_gym.datasets import load_store
from tts_gym.envs import width_depth_rounds
from tts_gym.envs.atomic import act, admissible
from tts_gym.envs.rounds import ACTION, ALL_ROUNDS, ROUNDS, limit_of, round_mask, take_round
from tts_gym.envs.rounds_observation import AT
from tts_gym.envs.width_depth_rounds_vector import TTSWidthDepthRoundsVectorEnv
from tts_gym.episode import costs, transitions, votes
from tts_gym.episode.actions import atomic_actions
from tts_gym.episode.episode import ReplayEpisode, episode_fields
from tts_gym.episode.recount import log_of
from tts_gym.episode.rules import EpisodeRules
from tts_gym.episode.state import COUNT_SIZE, LOGGED, STEPS, TOKENS

STORE = load_store("synthetic-small")
UNIT = STORE.mean_branch_tokens
ID = "TTSWidthDepthRounds-v0"
pytestmark = MEANT
ARGUMENTS = [
    {},
    {"rules": "published", "aggregator": "finished", "cost_weight": (0.001, 0.3)},
    {"rules": "published", "reward_shaping": True},
    {"budget": 20000, "max_branches": 7, "aggregator": "all", "cost_weight": 0.2},
    {"initial_width": 3, "reward_shaping": True, "invalid_reward": 0.0, "patience": 2, "steady_info": True},
    {"initial_width": 1, "observation": "flat_mask", "cost_weight": (0.001, 0.3)},
    {"extended": True, "observation": "flat_mask"},
]


def begin(published, budget, question):
    rules = EpisodeRules(published=published, budget=budget)
    episode = ReplayEpisode(episode_fields(STORE, rules, 12, log_size=5000))
    transitions.reset(episode, question)
    return episode


def atomic_state(episode):
    """All that atomic actions change, but the calls that they are counted and logged in."""
    count = [
        episode.count[place] for place in range(COUNT_SIZE) if place not in (STEPS, transitions.SEQUENTIAL, LOGGED)
    ]
    rows = [getattr(episode, name) for name in ("depths", "codes", "shown", "streaks", "finished", "pruned")]
    return count, rows, episode.class_of, episode.completions


@settings(max_examples=60, deadline=None)
@given(
    published=st.booleans(),
    budget=st.sampled_from([2**62, 30_000, 6_000]),
    question=st.integers(0, len(STORE) - 1),
    pool=st.sampled_from([votes.FINISHED, votes.ACTIVE, votes.ALL]),
    choices=st.lists(st.integers(0, 10**6), min_size=1, max_size=25),
)
def test_a_round_is_its_atomic_actions(published, budget, question, pool, choices):
    by_rounds = begin(published, budget, question)
    atomically = begin(published, budget, question)
    for choice in choices:
        mask = [False] * len(ALL_ROUNDS)
        round_mask(by_rounds, pool, mask)
        admitted = [action for action in range(1, len(ALL_ROUNDS)) if mask[action]]
        if not admitted:
            break
        before, spent = by_rounds.count[LOGGED], by_rounds.count[TOKENS]
        action = admitted[choice % len(admitted)]
        take_round(by_rounds, action, votes.leader(by_rounds, pool), UNIT)
        assert by_rounds.count[LOGGED] > before
        assert by_rounds.count[TOKENS] >= spent
        if action == ACTION.read_1:
            transitions.read(atomically, 1)
        else:
            for each in list(atomic_actions(log_of(by_rounds)))[len(list(atomic_actions(log_of(atomically)))) :]:
                assert admissible(atomically, each)
                act(atomically, each)
        assert atomic_state(by_rounds) == atomic_state(atomically)
        assert votes.leader(by_rounds, pool) == votes.leader(atomically, pool)


def test_rounds_do_what_their_names_say():
    episode = begin(False, 2**62, 0)

    def take(name):
        take_round(episode, getattr(ACTION, name), votes.leader(episode, votes.ACTIVE), UNIT)

    take("widen_4")
    assert episode.depths[:4] == [1, 1, 1, 1]
    take("deepen_all")
    assert episode.depths[:4] == [2, 2, 2, 2]
    take("widen_2")
    assert episode.depths[:6] == [3, 3, 3, 3, 1, 1]
    take("finish_advanced")
    assert episode.finished[:6] == [True, False, False, False, False, False]
    before = list(episode.depths)
    take("deepen_to_next")
    moved = {after - earlier for earlier, after in zip(before[1:6], episode.depths[1:6], strict=True)}
    assert len(moved) == 1 and moved.pop() > 0
    assert any(episode.finished[1:6])
    reading = [i for i in range(6) if not episode.finished[i]]
    before = list(episode.depths)
    take("deepen_all_4")
    assert all(
        episode.depths[i] == min(before[i] + 4, costs.last_depth(episode, costs.row_of(episode, i))) for i in reading
    )
    take("widen_4")
    deepest = max((i for i in range(10) if not episode.finished[i]), key=lambda i: (episode.depths[i], -i))
    before = list(episode.depths)
    take("prune_advanced")
    assert [i for i in range(10) if episode.pruned[i]] == [deepest]
    assert episode.depths[deepest] == before[deepest] and episode.depths[9] == before[9] + 1
    leader = votes.leader(episode, votes.ACTIVE)
    agreeing = [i for i in range(10) if episode.codes[i] == leader and not episode.pruned[i]]
    others = [i for i in range(10) if i not in agreeing]
    depths = list(episode.depths)
    take("finish_agreeing")
    assert all(episode.finished[i] for i in agreeing)
    assert all(episode.depths[i] == depths[i] for i in others)


def test_long_branches_are_decided_on_interval_by_interval():
    given_up = 0
    for question in range(len(STORE)):
        episode = begin(False, 2**62, question)

        def take(name, episode=episode):
            take_round(episode, getattr(ACTION, name), votes.leader(episode, votes.FINISHED), UNIT)

        take("open_4")
        assert episode.depths[:4] == [1, 1, 1, 1]
        take("open_1")
        assert episode.depths[:5] == [1, 1, 1, 1, 1]
        take("deepen_to_limit")
        assert sum(episode.finished[:5]) >= 1
        while not all(episode.finished[:5]) and not any(episode.pruned[:5]):
            completed, depths = sum(episode.finished[:5]), list(episode.depths[:5])
            limit = limit_of(episode, UNIT)
            take("deepen_to_limit")
            reading = [i for i in range(5) if not episode.finished[i]]
            if sum(episode.finished[:5]) == completed:
                deepest = max(episode.depths[i] for i in reading)
                assert deepest >= limit > deepest - 1 or deepest == max(depths) + 1
                take("give_up")
                pruned = [i for i in range(5) if episode.pruned[i]]
                assert pruned == [i for i in reading if episode.depths[i] == deepest]
                given_up += 1
    assert given_up > 0


def test_only_persistent_dissenters_are_pruned():
    pruned = 0
    for question in range(len(STORE)):
        episode = begin(False, 2**62, question)
        take_round(episode, ACTION.widen_4, -1, UNIT)
        for _ in range(12):
            leader = votes.leader(episode, votes.ACTIVE)
            unfinished = [i for i in range(4) if not episode.finished[i] and not episode.pruned[i]]
            dissenters = [
                i for i in unfinished if episode.codes[i] != leader and episode.streaks[i] >= 3 and leader >= 0
            ]
            mask = [False] * len(ROUNDS)
            round_mask(episode, votes.ACTIVE, mask)
            assert mask[ACTION.prune_dissenters] == bool(dissenters)
            was = list(episode.pruned)
            take_round(episode, ACTION.prune_dissenters, leader, UNIT)
            assert [i for i in range(4) if episode.pruned[i] and not was[i]] == dissenters
            pruned += len(dissenters)
    assert pruned > 0


@pytest.mark.parametrize("arguments", ARGUMENTS)
@pytest.mark.parametrize("mode", list(AutoresetMode))
def test_the_vector_environment_equals_single_ones(mode, arguments, small):
    arguments = {"store": ["synthetic-small", small], **arguments}
    one = gym.make_vec(ID, num_envs=4, max_episode_steps=9, autoreset_mode=mode, **arguments)
    two = SyncVectorEnv([lambda: gym.make(ID, max_episode_steps=9, **arguments)] * 4, autoreset_mode=mode)
    assert isinstance(one.unwrapped, TTSWidthDepthRoundsVectorEnv)
    rng = np.random.default_rng(1)
    met = one.reset(seed=3), two.reset(seed=3)
    for step in range(120):
        assert data_equivalence(*met, exact=True)
        assert one.observation_space.contains(met[0][0])
        masks = met[0][-1]["action_mask"] if rng.random() < 0.9 else np.ones((4, one.single_action_space.n))
        actions = np.array([rng.choice(np.flatnonzero(m)) if m.any() else 0 for m in masks])
        before = met = one.step(actions), two.step(actions)
        ended = met[0][2] | met[0][3]
        if mode == AutoresetMode.DISABLED and ended.any():
            assert data_equivalence(*met, exact=True)
            seed = [step + n for n in range(4)]
            met = tuple(envs.reset(seed=seed, options={"reset_mask": ended.copy()}) for envs in (one, two))
            met = met[0], (met[1][0], with_running(met[1][1], before[1][-1], ended))


def test_the_cost_weight_is_drawn_shown_and_charged():
    envs = gym.make_vec(ID, num_envs=2000, cost_weight=(0.001, 0.1))
    observations, _ = envs.reset(seed=0)
    shown = 10 ** (4 * observations[:, AT.cost_weight].astype(float) - 4)
    assert shown.min() >= 0.000999
    assert shown.max() <= 0.10001
    assert np.median(shown) == pytest.approx(0.01, rel=0.2)
    _, rewards, _, _, infos = envs.step(np.full(2000, ACTION.widen_1))
    units = envs.unwrapped._stores.branch_tokens[0]
    assert rewards == pytest.approx(-shown * infos["tokens"] / units, rel=1e-4)


@pytest.mark.parametrize("aggregator", ["active", "finished"])
def test_shaping_rewards_progress_when_it_is_made_and_keeps_the_return(aggregator):
    plain, shaped = (
        gym.make_vec(ID, num_envs=32, aggregator=aggregator, reward_shaping=shaping) for shaping in (False, True)
    )
    plain.reset(seed=0), shaped.reset(seed=0)
    rng, returns = np.random.default_rng(0), np.zeros((2, 32))
    ended, moved = 0, 0
    for _ in range(300):
        masks = plain.unwrapped.action_masks()
        actions = np.array([rng.choice(np.flatnonzero(mask)) for mask in masks])
        _, rewards, terminated, _, _ = plain.step(actions)
        _, shaped_rewards, *_ = shaped.step(actions)
        assert (shaped_rewards[terminated] == 0).all()
        moved += (shaped_rewards > 0).sum()
        returns += rewards, shaped_rewards
        np.testing.assert_allclose(*returns[:, terminated], atol=1e-12)
        returns[:, terminated] = 0
        ended += terminated.sum()
    assert ended > 100 and moved > 50


@pytest.mark.parametrize("weight", [-1, float("nan"), (0, 1), (2, 1), (1, 2, 3), "x", True])
def test_a_wrong_cost_weight_is_refused(weight):
    with pytest.raises(ValueError, match="cost_weight"):
        gym.make(ID, cost_weight=weight)


def test_wrong_calls_are_refused():
    env = gym.make(ID, invalid_action="raise").unwrapped
    with pytest.raises(gym.error.ResetNeeded):
        env.step(0)
    env.reset(seed=0)
    with pytest.raises(ValueError, match="from 0 to 11"):
        env.step(12)
    with pytest.raises(ValueError, match="not admissible"):
        env.step(ACTION.deepen_all)
    env.step(0)
    with pytest.raises(gym.error.ResetNeeded):
        env.step(0)


def test_examples_in_the_docstring():
    assert doctest.testmod(width_depth_rounds).failed == 0
