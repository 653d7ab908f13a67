"""What is not revealed changes nothing: stores that agree on all that was seen show the same, whatever comes later."""

import random

import numpy as np
import pytest
from gymnasium.vector import AutoresetMode
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import alike_stores, still_alike

import first_version
from tts_gym.envs.width_depth import TTSWidthDepthEnv
from tts_gym.envs.width_depth_rounds import TTSWidthDepthRoundsEnv
from tts_gym.episode.actions import STOP
from tts_gym.episode.compiled import borrow_row

BRANCHES = 5
OPTIONS = {"question": "played", "order": np.arange(BRANCHES)}
SIDE_BY_SIDE = {"num_envs": 2, "autoreset_mode": AutoresetMode.DISABLED}


def state_of(env):
    """The state of the episode, of the first one where there are two."""
    if isinstance(env, TTSWidthDepthEnv):
        return env._replay.state
    vector = env._row if isinstance(env, TTSWidthDepthRoundsEnv) else env
    return borrow_row(None, vector._replays[0].state, 0)


def action_for(env, met, rng):
    """An admissible action other than STOP, if there is one, and in the form that ``env`` takes."""
    mask = np.atleast_2d(met[-1]["action_mask"])[0]
    action = rng.choice(np.flatnonzero(mask)[1:].tolist() or [STOP])
    return np.full(2, action) if hasattr(env, "num_envs") else action


@pytest.mark.parametrize("rounds", [False, True], ids=["atomic", "rounds"])
@pytest.mark.parametrize("vector", [False, True], ids=["single", "vector"])
def test_an_environment_knows_nothing_of_what_comes_later(rounds, vector):
    make = {
        (False, False): first_version.atomic,
        (False, True): first_version.atomic_vector,
        (True, False): first_version.rounds,
        (True, True): first_version.rounds_vector,
    }[rounds, vector]

    @settings(max_examples=150, deadline=None, derandomize=True)
    @given(
        seed=st.integers(0, 10**6),
        budget=st.none() | st.integers(0, 1500),
        rules=st.sampled_from(["exact", "published"]),
        aggregator=st.sampled_from(["active", "finished", "all"]),
        reveal=st.sampled_from(["probe", "advance"]),
        probe_cost=st.sampled_from([0, 7]),
    )
    def check(seed, reveal, probe_cost, **arguments):
        rng = random.Random(seed)
        stores, depths, hidden = alike_stores(rng)
        arguments |= {} if rounds else {"reveal": reveal, "probe_cost": probe_cost}
        arguments |= SIDE_BY_SIDE if vector else {}
        ours, theirs = (make(store=store, max_branches=BRANCHES, **arguments) for store in stores)
        met = [env.reset(seed=0, options=OPTIONS) for env in (ours, theirs)]
        for _ in range(12):
            np.testing.assert_equal(met[0], met[1])
            action = action_for(ours, met[0], rng)
            met = [env.step(action) for env in (ours, theirs)]
            if np.any(action == STOP) or not still_alike(map(state_of, (ours, theirs)), depths, hidden):
                break
            np.testing.assert_equal(met[0], met[1])

    check()
