"""Any program takes a live episode as it takes the replay of what the model would have written."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scripted_model import Script, ScriptedBackend

from tts_gym.collectors.questions import Question
from tts_gym.collectors.settings import CollectionSettings
from tts_gym.datasets.build import build_store
from tts_gym.datasets.records import record_tables
from tts_gym.datasets.schema import RecordedBranch, RecordedQuestion, Sources
from tts_gym.episode.episode import ReplayEpisode, episode_fields
from tts_gym.episode.recount import log_of
from tts_gym.episode.rules import EpisodeRules
from tts_gym.episode.state import NO_BUDGET
from tts_gym.episode.transitions import reset
from tts_gym.live.episode import LiveEpisode
from tts_gym.live.model import live_model
from tts_gym.live.settings import LiveSettings

INTERVAL = 10
QUESTION = Question("q", "How many?", "1")
ANSWERS = st.sampled_from(["1", "2", "3", None])


@st.composite
def scripts(draw):
    tokens = draw(st.integers(1, 65))
    probes = draw(st.lists(ANSWERS, min_size=(tokens - 1) // INTERVAL, max_size=(tokens - 1) // INTERVAL))
    return Script(tokens, probes, draw(ANSWERS))


BRANCH = st.integers(0, 5)
CALLS = st.one_of(
    st.tuples(st.sampled_from(["branch", "read"]), st.integers(0, 4)),
    st.tuples(st.just("advance"), BRANCH, st.integers(0, 4)),
    st.tuples(st.just("advance_all"), st.integers(0, 3)),
    st.tuples(st.sampled_from(["finish", "probe", "prune"]), BRANCH),
    st.tuples(st.just("advance_each"), st.lists(st.integers(0, 5), min_size=6, max_size=6)),
)


def take(episode, calls):
    """Make calls; return what each gives."""
    given = []
    for name, *arguments in calls:
        if name in ("advance", "finish", "probe", "prune") and arguments[0] >= episode.width:
            with pytest.raises(IndexError):
                getattr(episode, name)(*arguments)
            continue
        value = getattr(episode, name)(*arguments)
        seen = [(episode.depth(i), episode.length(i), episode.answer(i)) for i in range(episode.width)]
        given.append((name, value, seen, episode.tokens, [episode.leader(pool) for pool in range(3)]))
    return given


def store_of(branches):
    recorded = [RecordedBranch(each.tokens, list(each.probes), each.final) for each in branches]
    question = RecordedQuestion(QUESTION.id, QUESTION.question, QUESTION.gold, recorded)
    names = ("name", "model", "benchmark", "license")
    metadata = dict.fromkeys(names, "x") | {"interval": INTERVAL, "synthetic": True, "sampling": {}, "seeds": []}
    (tables,) = record_tables([question], "x")
    return build_store(tables, metadata, Sources.single("x"))


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    branches=st.lists(scripts(), min_size=1, max_size=6),
    calls=st.lists(CALLS, max_size=12),
    budget=st.one_of(st.just(NO_BUDGET), st.integers(0, 300)),
    eager=st.booleans(),
    probe_cost=st.sampled_from([0, 3]),
    ahead=st.sampled_from([0, 1, 3]),
    seed=st.integers(0, 99),
)
def test_live_is_replay(branches, calls, budget, eager, probe_cost, ahead, seed):
    rules = EpisodeRules(budget=budget, eager=eager, probe_cost=probe_cost)
    replay = ReplayEpisode(episode_fields(store_of(branches), rules, len(branches), 10_000))
    reset(replay, 0)
    backend = ScriptedBackend({QUESTION.question: branches}, INTERVAL, seed)
    drawn = CollectionSettings("scripted", "scripted", len(branches), INTERVAL, max_tokens=100)
    with live_model(backend, LiveSettings(drawn, ahead)) as model:
        episode = LiveEpisode(model.put(QUESTION), rules)
        assert take(episode, calls) == take(replay, calls)
        episode.question.stop()
    assert log_of(episode) == log_of(replay)
    assert episode.count == replay.count
