"""Programs shown in rounds do what they do: the same answers are revealed for the same tokens."""

import numpy as np
import pytest

pytest.importorskip("sb3_contrib")

from tts_gym.agents.replay import branch_order, replay_episode  # noqa: E402
from tts_gym.agents.rl.translation import in_rounds  # noqa: E402
from tts_gym.agents.specs import parse_spec  # noqa: E402
from tts_gym.datasets import load_store  # noqa: E402
from tts_gym.envs.rounds import ALL_ROUNDS, ROUNDS, take_round  # noqa: E402
from tts_gym.episode import transitions, votes  # noqa: E402
from tts_gym.episode.episode import ReplayEpisode, episode_fields  # noqa: E402
from tts_gym.episode.recount import log_of  # noqa: E402
from tts_gym.episode.rules import EpisodeRules  # noqa: E402
from tts_gym.episode.state import COMPLETED, REVEALED, TOKENS, WIDTH  # noqa: E402

STORE = load_store("synthetic-small")
UNIT = STORE.mean_branch_tokens
EXACT = [f"{name}:beta={beta}" for name in ("crew", "relay") for beta in (0, 0.5, 1)]


def begun(question, rules, opened=0):
    fields = episode_fields(STORE, rules, 64, log_size=20_000)
    episode = ReplayEpisode(fields)
    episode.order = branch_order(int(STORE.branch_counts[question]), 1)
    transitions.reset(episode, question)
    for _ in range(opened):
        transitions.branch(episode)
    return episode


def played(spec, question, rules):
    [controller] = parse_spec(spec)
    arguments = controller.program.arguments(controller.parameters)
    return replay_episode(controller.program, arguments, STORE, question, 1, rules, max_width=64)[0]


@pytest.mark.parametrize("published", [False, True])
@pytest.mark.parametrize("spec", [*EXACT, "sc:n=3", "asc", "esc:window=2"])
def test_the_rounds_of_a_program_end_where_it_does(spec, published):
    rules = EpisodeRules(published=published)
    for question in range(0, len(STORE), 5):
        ended, episode = played(spec, question, rules), begun(question, rules)
        rounds = in_rounds(begun(question, rules), log_of(ended), len(ALL_ROUNDS), votes.FINISHED, UNIT)
        assert rounds is not None
        for action in rounds:
            take_round(episode, action, votes.leader(episode, votes.FINISHED), UNIT)
        for place in (WIDTH, TOKENS, COMPLETED, REVEALED):
            assert episode.count[place] == ended.count[place]
        width = ended.count[WIDTH]
        np.testing.assert_equal(
            [getattr(episode, name)[:width] for name in ("depths", "codes", "finished", "pruned")],
            [getattr(ended, name)[:width] for name in ("depths", "codes", "finished", "pruned")],
        )


def test_what_is_open_at_first_is_taken_off():
    rules = EpisodeRules()
    log = log_of(played("crew", 0, rules))
    whole = in_rounds(begun(0, rules), log, len(ALL_ROUNDS), votes.FINISHED, UNIT)
    rest = in_rounds(begun(0, rules, opened=4), log, len(ALL_ROUNDS), votes.FINISHED, UNIT)
    assert list(ALL_ROUNDS)[whole[0]] == "open_4" and rest == whole[1:]
    assert in_rounds(begun(0, rules, opened=9), log, len(ALL_ROUNDS), votes.FINISHED, UNIT) is None


def test_without_the_further_rounds_no_rounds_are_those_of_crew():
    rules = EpisodeRules()
    log = log_of(played("crew", 0, rules))
    assert in_rounds(begun(0, rules), log, len(ROUNDS), votes.FINISHED, UNIT) is None
