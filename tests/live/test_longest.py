"""A branch as long as branches may be ends there, however its tokens come."""

import pytest
from scripted_model import Script, ScriptedBackend

from tts_gym.collectors.questions import Question
from tts_gym.collectors.settings import CollectionSettings
from tts_gym.episode.rules import EpisodeRules
from tts_gym.live.episode import LiveEpisode
from tts_gym.live.model import live_model
from tts_gym.live.settings import LiveSettings

INTERVAL, ROOM = 10, 40
QUESTION = Question("q", "How many?", "1")


@pytest.mark.parametrize("ahead", [0, 1, 3])
@pytest.mark.parametrize("seed", range(10))
def test_a_branch_is_cut_off_where_there_is_no_more_room(ahead, seed):
    backend = ScriptedBackend({QUESTION.question: [Script(200, ["1"] * 19, "1")]}, INTERVAL, seed, longest=100)
    drawn = CollectionSettings("scripted", "scripted", 1, INTERVAL, max_tokens=ROOM)
    with live_model(backend, LiveSettings(drawn, ahead)) as model:
        episode = LiveEpisode(model.put(QUESTION), EpisodeRules(eager=True))
        episode.branch()
        while not episode.is_finished(0):
            episode.advance(0)
        episode.question.stop()
    assert episode.tokens == ROOM and episode.question.branches[0].is_cut_off
    assert all(request.sampling.max_tokens <= ROOM for request in backend.requests)
