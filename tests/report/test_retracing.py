"""An episode taken again by its log is the one that was watched as it was decided."""

import pytest

from tts_gym.agents.replay import branch_order
from tts_gym.agents.specs import make_controller, one_controller
from tts_gym.datasets import load_store
from tts_gym.episode import transitions
from tts_gym.episode.episode import ReplayEpisode, episode_fields
from tts_gym.episode.recount import log_of
from tts_gym.episode.rules import EpisodeRules
from tts_gym.report.retracing import retrace
from tts_gym.report.watching import watch


def careful(episode):
    episode.branch(3)
    episode.note("ready", 0.5)
    episode.probe(0)
    episode.prune(1)
    episode.advance(2, 2)
    episode.advance_all(1)
    episode.finish(0)
    episode.note("late", 1)
    return episode.answer(0)


RULES = [EpisodeRules(), EpisodeRules(eager=False), EpisodeRules(published=True), EpisodeRules(budget=60)]


@pytest.mark.parametrize("rules", RULES)
@pytest.mark.parametrize("source", [careful, "sc:n=5", "cmc", "parallel-probe", "short-m@k"])
def test_a_retraced_episode_is_the_watched_one(source, rules):
    store, question, seed = load_store("smollm2-arithmetic"), 3, 4
    controller = one_controller(source) if isinstance(source, str) else make_controller(source)
    order = branch_order(int(store.branch_counts[question]), seed).tolist()
    played = ReplayEpisode(episode_fields(store, rules, int(store.branch_counts.max()), 100_000))
    played.order = order
    transitions.reset(played, question)
    controller.answer(played, store.class_texts[question])
    watched, _ = watch(controller, store, question, seed, rules)
    again = retrace(log_of(played), played.notes, store, question, order, rules)

    def seen(episode):
        return [
            (step.moves, step.pruned, step.finished, step.tokens, step.sequential, step.polls) for step in episode.steps
        ]

    assert seen(again) == seen(watched) and len(again.steps) > 0
    assert again.notes == watched.notes
