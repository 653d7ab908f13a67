import math

import numba
import pytest

from tts_gym.datasets import synthetic_store
from tts_gym.episode.compiled import borrow, compiled_episode
from tts_gym.episode.episode import Episode, ReplayEpisode, episode_fields
from tts_gym.episode.methods import METHODS, PROPERTIES
from tts_gym.episode.rules import EpisodeRules
from tts_gym.episode.transitions import reset


@pytest.fixture
def store():
    return synthetic_store(questions=1, branches=4)


def test_both_substrates_have_the_whole_interface():
    interface = {name for name in vars(Episode) if not name.startswith("_")}
    assert interface == set(METHODS) | set(PROPERTIES)
    assert all(hasattr(ReplayEpisode, name) for name in interface)


def test_every_part_of_the_interface_is_documented():
    for name in [*METHODS, *PROPERTIES]:
        assert getattr(Episode, name).__doc__


def ask_for_signal(episode, name, k):
    e = borrow(episode)
    reset(e, 0)
    i = e.branch()
    e.advance(i, 2)
    return e.signal(name, i), e.signal(name, i, k)


@pytest.mark.parametrize("substrate", ["interpreted", "compiled"])
def test_signals_are_those_of_the_generated_intervals(store, substrate):
    fields = episode_fields(store, EpisodeRules(), 4)
    if substrate == "interpreted" or numba.config.DISABLE_JIT:
        ask, episode = ask_for_signal, ReplayEpisode(fields)
    else:
        ask, episode = numba.njit(ask_for_signal), compiled_episode(fields)
    for row, name in enumerate(store.signals):
        for k in (1, 2, 3):
            latest, asked = ask(episode, name, k)
            assert latest == store.tables.signals[2, row]
            assert asked == store.tables.signals[k - 1, row] or (name == "answer_logprob" and math.isnan(asked))
        assert ask(episode, name, 0)[1] == store.tables.signals[2, row]
        for k in (-1, 4, 10**6):
            with pytest.raises(IndexError, match="interval out of range"):
                ask(episode, name, k)
    with pytest.raises(KeyError, match="does not record that signal"):
        ask(episode, "unheard_of", 1)


def test_the_answer_logprob_shows_no_more_than_the_probes_do(store):
    values = store.tables.signals[:, store.signals.index("answer_logprob")]
    episode = ReplayEpisode(episode_fields(store, EpisodeRules(eager=False, probe_cost=10, budget=2010), 4))
    reset(episode, 0)
    i = episode.branch()
    assert math.isnan(episode.signal("answer_logprob", i))
    assert episode.signal("mean_logprob", i) == store.tables.signals[0, 0]
    episode.probe(i)
    assert episode.signal("answer_logprob", i) == values[0]
    episode.advance(i, 2)
    assert math.isnan(episode.signal("answer_logprob", i)) and math.isnan(episode.signal("answer_logprob", i, 2))
    assert episode.signal("answer_logprob", i, 1) == values[0]
    episode.advance(i)
    episode.probe(i)  # 2,000 tokens and one probe are spent: the budget admits no other.
    assert episode.tokens == 2010 and math.isnan(episode.signal("answer_logprob", i))


def test_a_branch_without_probes_has_no_signal():
    from strategies import store_of

    from tts_gym.datasets import RecordedBranch, RecordedQuestion

    branches = [RecordedBranch(50, [], "a", signals={"mean_logprob": []})]
    episode = ReplayEpisode(
        episode_fields(store_of(100, [RecordedQuestion("q", "?", "a", branches)]), EpisodeRules(), 1)
    )
    reset(episode, 0)
    episode.branch()
    assert math.isnan(episode.signal("mean_logprob", 0))


def test_too_few_step_counts_are_refused(store):
    episode = ReplayEpisode(episode_fields(store, EpisodeRules(), 4))
    reset(episode, 0)
    episode.branch(3)
    with pytest.raises(ValueError, match="for every opened branch"):
        episode.advance_each([1, 1])


def test_the_width_ceiling_holds(store):
    episode = ReplayEpisode(episode_fields(store, EpisodeRules(), 2))
    reset(episode, 0)
    assert (episode.max_width, episode.branch(3), episode.width, episode.branch()) == (2, 0, 2, -1)
