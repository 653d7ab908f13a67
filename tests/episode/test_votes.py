from fractions import Fraction
from math import comb

import pytest

from tts_gym.datasets import synthetic_store
from tts_gym.episode.episode import ReplayEpisode, episode_fields
from tts_gym.episode.rules import EpisodeRules
from tts_gym.episode.transitions import reset
from tts_gym.episode.votes import confidence_table


def test_the_confidence_table_is_exact():
    table = confidence_table(20)
    for top1 in range(21):
        for top2 in range(21):
            draws = top1 + top2 + 1
            assert table[top1, top2] == float(Fraction(sum(comb(draws, k) for k in range(top1 + 1)), 2**draws))


def test_the_table_of_more_votes_holds_that_of_fewer():
    assert (confidence_table(128)[:21, :21] == confidence_table(20)).all()
    assert not confidence_table(20).flags.writeable


def test_an_unknown_pool_is_refused():
    store = synthetic_store(questions=1, branches=2)
    episode = ReplayEpisode(episode_fields(store, EpisodeRules(), 2))
    reset(episode, 0)
    for pool in (-1, 3):
        with pytest.raises(ValueError, match="unknown pool: use FINISHED, ACTIVE or ALL"):
            episode.leader(pool)
