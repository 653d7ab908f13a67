import pytest
from scripted import ScriptedBackend, scripts_of

import tts_gym
from tts_gym.agents.programs import PROGRAMS
from tts_gym.collectors.questions import Question
from tts_gym.collectors.settings import CollectionSettings
from tts_gym.episode.episode import ReplayEpisode, episode_fields
from tts_gym.episode.recount import log_of
from tts_gym.episode.rules import EpisodeRules
from tts_gym.episode.transitions import reset
from tts_gym.live.episode import LiveEpisode
from tts_gym.live.model import live_model
from tts_gym.live.record import grouping, recorded_question
from tts_gym.live.settings import LiveSettings

STORE = tts_gym.load_store("smollm2-arithmetic")


@pytest.mark.parametrize("name", PROGRAMS.shipped)
@pytest.mark.parametrize("ahead", [0, 1])
def test_x(name, ahead, tmp_path):
    program = PROGRAMS[name]
    arguments = program.arguments(program.resolve({}))
    drawn = CollectionSettings(
        "scripted", "scripted", branches=min(64, int(STORE.branch_counts[0])), interval=STORE.interval, max_tokens=4000
    )
    records, played = [], []
    questions = [
        Question(STORE.question_ids[q], STORE.questions[q], STORE.class_texts[q][STORE.gold[q]]) for q in range(4)
    ]
    backend = ScriptedBackend({q.question: scripts_of(STORE, n) for n, q in enumerate(questions)}, STORE.interval)
    with live_model(backend, LiveSettings(drawn, ahead)) as model:
        for question in questions:
            episode = LiveEpisode(model.put(question), EpisodeRules())
            code = program.function(episode, *arguments)
            episode.question.stop()
            records.append(recorded_question(episode.question))
            played.append((episode, code))
        groups = grouping(model.same)
        from tts_gym.datasets.parquet import write_store

        write_store(
            tmp_path / "s",
            records,
            {
                "name": "x",
                "model": "m",
                "benchmark": "b",
                "interval": STORE.interval,
                "synthetic": False,
                "license": "x",
                "sampling": {},
                "seeds": [],
            },
            groups,
        )
    store = tts_gym.load_store(tmp_path / "s")
    for q, (episode, code) in enumerate(played):
        replay = ReplayEpisode(episode_fields(store, EpisodeRules(), drawn.branches, len(episode.log)))
        reset(replay, q)
        again = program.function(replay, *arguments)
        assert again == code
        assert log_of(replay) == log_of(episode)
        assert replay.count == episode.count
        assert replay.codes[: replay.width] == episode.codes[: episode.width]
