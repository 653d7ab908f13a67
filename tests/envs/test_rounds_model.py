"""Rounds, masks and features are those of the slow model, whatever is recorded and whatever is done."""

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import model_of, random_questions, store_of

import first_version
from rounds_model import RoundsModel
from tts_gym.agents.replay import branch_order
from tts_gym.envs.rounds import ACTION, rounds_of
from tts_gym.envs.rounds_observation import features_of
from tts_gym.episode.aggregation import AGGREGATORS, POOLS
from tts_gym.episode.rules import EpisodeRules
from tts_gym.episode.state import SEQUENTIAL, STEPS

UNLIMITED = 2**62


@settings(max_examples=80, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 10**6),
    published=st.booleans(),
    intervals=st.none() | st.floats(0, 40),
    aggregator=st.sampled_from(list(AGGREGATORS)),
    max_branches=st.sampled_from([2, 7, 20]),
    cost_weight=st.sampled_from([0.0, 0.0005, 0.03, 5.0]),
    initial_width=st.sampled_from([0, 1, 2]),
    shaped=st.booleans(),
    patience=st.none() | st.integers(1, 3),
    extended=st.booleans(),
)
def test_every_round_does_and_shows_what_the_model_says(
    seed, published, intervals, aggregator, max_branches, cost_weight, initial_width, shaped, patience, extended
):
    rng = random.Random(seed)
    store = store_of(100, random_questions(rng, 100, most_branches=12, most_probes=rng.choice([3, 12])))
    budget = None if intervals is None else int(100 * intervals)
    envs = first_version.rounds_vector(
        store=store,
        max_branches=max_branches,
        budget=budget,
        cost_weight=cost_weight,
        rules="published" if published else "exact",
        aggregator=aggregator,
        initial_width=initial_width,
        reward_shaping=shaped,
        patience=patience,
        extended=extended,
        steady_info=True,
        autoreset_mode="Disabled",
    )
    question, order = store.question_ids[0], branch_order(int(store.branch_counts[0]), 1)
    episode = model_of(store, 0, 1, EpisodeRules(published, UNLIMITED if budget is None else budget))
    episode.max_width = min(episode.max_width, max_branches)
    model = RoundsModel(
        episode,
        POOLS[aggregator],
        max_branches,
        store.mean_branch_tokens,
        int(np.diff(store.tables.answer_start).max()),
        cost_weight,
        "mean_logprob" in store.signals,
    )
    model.begin(initial_width)
    observations, infos = envs.reset(options={"question": question, "order": order})
    charged, earned, misses = 0, 0.0, 0
    for _ in range(25):
        expected = dict(list(model.features().items())[: len(features_of(extended))])
        assert tuple(expected) == tuple(features_of(extended))
        shown = dict(zip(expected, observations[0].tolist(), strict=True))
        assert shown == pytest.approx(expected, abs=1e-5)
        mask = dict(list(model.mask().items())[: len(rounds_of(extended))])
        assert tuple(mask) == tuple(rounds_of(extended))
        assert dict(zip(mask, infos["action_mask"][0].tolist(), strict=True)) == mask
        assert infos["tokens"][0] == episode.tokens
        wanted = not (misses == 0 and rng.random() < 0.2)
        action = rng.choice([name for name in mask if mask[name] == wanted and name != "stop"] or ["stop"])
        misses = 0 if mask[action] else misses + 1
        observations, rewards, terminated, _, infos = envs.step(np.array([getattr(ACTION, action)]))
        stops = action == "stop" or misses == patience
        if not stops and misses == 0:
            model.take(action)
        paid = 0 if misses and not stops else -cost_weight * (episode.tokens - charged) / model.unit
        charged = charged if misses and not stops else episode.tokens
        typical = max(1, store.mean_branch_tokens / store.interval)
        answer = episode.aggregate(AGGREGATORS[aggregator], typical)
        right = answer != -1 and episode.revealed[answer] in store.right_classes(0)
        progress = right - earned if stops or (shaped and misses == 0) else 0
        earned += progress if shaped else 0
        assert rewards[0] == pytest.approx(paid + progress + (-0.01 if misses else 0))
        assert (bool(terminated[0]), bool(infos["correct"][0])) == (stops, stops and right)
        if stops:
            break
        counts = envs.counts()[0]
        assert (counts[SEQUENTIAL], counts[STEPS]) == (episode.sequential_tokens, episode.steps)
