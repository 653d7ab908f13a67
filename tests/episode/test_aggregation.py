"""How an episode is answered, on stores small enough to work out by hand."""

import pytest
from strategies import store_of

from tts_gym.datasets import RecordedBranch, RecordedQuestion
from tts_gym.episode import CONFIDENT, FINISHED
from tts_gym.episode.episode import ReplayEpisode, episode_fields
from tts_gym.episode.rules import EpisodeRules
from tts_gym.episode.transitions import reset


def read_all(*branches):
    """An episode in which branches were read, each with an answer and the log-probabilities of its intervals."""
    recorded = [
        RecordedBranch(100 * len(told) + 50, [answer] * len(told), answer, signals={"mean_logprob": told})
        if told is not None
        else RecordedBranch(250, [answer] * 2, answer)
        for answer, told in branches
    ]
    store = store_of(100, [RecordedQuestion("q", "?", "a", recorded)])
    episode = ReplayEpisode(episode_fields(store, EpisodeRules(), len(branches)))
    reset(episode, 0)
    episode.read(len(branches))
    return episode


def answer(episode, aggregator):
    return episode.answer(0) == episode.aggregate(aggregator, 1.0)


def test_a_sure_branch_outvotes_two_unsure_ones():
    episode = read_all(("a", [-0.1, -0.1]), ("b", [-0.3, -0.1]), ("b", [-0.5]))
    assert episode.weighted_votes(CONFIDENT, 1.0).tolist() == [9, 4 + 1]
    assert answer(episode, CONFIDENT) and not answer(episode, FINISHED)


def test_equally_sure_branches_and_those_of_which_nothing_is_recorded_rank_alike():
    equal = read_all(("b", [-0.2]), ("a", [-0.2]), ("a", [-0.2, -0.2]))
    silent = read_all(("b", None), ("a", None), ("a", None))
    for episode in (equal, silent):
        assert episode.weighted_votes(CONFIDENT, 1.0).tolist() == [1, 2]
        assert not answer(episode, CONFIDENT)


def test_a_branch_that_ends_before_its_first_interval_ranks_below_the_others_and_invalid_ones_not_at_all():
    episode = read_all(("b", []), ("a", [-5.0]), (None, [-0.1]))
    assert sorted(episode.weighted_votes(CONFIDENT, 1.0).tolist()) == [0, 1, 4]


def test_weights_that_do_not_exist_are_refused():
    with pytest.raises(ValueError, match="use WEIGHTED, LEARNED or CONFIDENT"):
        read_all(("a", [-0.1])).weighted_votes(CONFIDENT + 1, 1.0)
