"""Runs that were recorded, replayed: the controller must decide, spend and answer as it did."""

from tts_gym import load_store
from tts_gym.datasets.store import INVALID_TEXT
from tts_gym.datasets.verify import verify_store
from tts_gym.episode.actions import atomic_actions
from tts_gym.episode.episode import ReplayEpisode, episode_fields
from tts_gym.episode.recount import log_of
from tts_gym.episode.state import PROBE_COST, RECORDED
from tts_gym.episode.transitions import reset


def replayed(directory, rows, solving, branches):
    """The episode of each row in the store of its run, and the answer."""
    verify_store(directory)
    store = load_store(directory)
    place_of = {question: place for place, question in enumerate(store.question_ids)}
    return [again(store, place_of[row["id"]], solving, branches) for row in rows]


def again(store, place, solving, branches):
    """The episode of a question, its branches in the recorded order, and its answer."""
    fields = episode_fields(store, solving.rules(solving.controller), branches, 100_000)
    episode = ReplayEpisode(fields)
    reset(episode, place)
    episode.order = list(range(branches))
    episode.setup[RECORDED] = branches
    text = solving.controller.answer(episode, store.class_texts[place])
    return episode, None if text == INVALID_TEXT else text


def check(rows, replayed):
    for row, (episode, answer) in zip(rows, replayed, strict=True):
        assert row["error"] is None
        assert row["answer"] == answer
        assert row["decisions"] == log_of(episode)
        assert len(list(atomic_actions(row["decisions"]))) >= row["width"]
        counted = episode.tokens, episode.sequential_tokens, episode.width
        assert (row["tokens"], row["sequential_tokens"], row["width"]) == counted
        of_branches = row["tokens"] - episode.setup[PROBE_COST] * row["probes"]
        assert row["generated"] - row["overrun"] == of_branches > 0
        assert row["correct"] in (True, False)
