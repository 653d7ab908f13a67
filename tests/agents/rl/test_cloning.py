"""A cloned policy does what its program does, on questions that it was not cloned from."""

import numpy as np
import pytest

pytest.importorskip("sb3_contrib")

from tts_gym.agents.controller import graded_rows  # noqa: E402
from tts_gym.agents.programs.crew import crew  # noqa: E402
from tts_gym.agents.programs.program import Program  # noqa: E402
from tts_gym.agents.replay import branch_order, replay  # noqa: E402
from tts_gym.agents.rl import make_sb3_env  # noqa: E402
from tts_gym.agents.rl.chooser import Chooser  # noqa: E402
from tts_gym.agents.rl.cloning import clonable, clone, faces, price_of  # noqa: E402
from tts_gym.agents.rl.config import Config, read_settings  # noqa: E402
from tts_gym.agents.rl.demonstrations import Example, demonstrate, side_by_side  # noqa: E402
from tts_gym.agents.rl.policy import play  # noqa: E402
from tts_gym.agents.rl.train import new_model  # noqa: E402
from tts_gym.datasets import load_store  # noqa: E402
from tts_gym.episode.actions import STOP  # noqa: E402
from tts_gym.episode.episode import EpisodeRules  # noqa: E402
from tts_gym.episode.state import TOKENS  # noqa: E402
from tts_gym.episode.votes import FINISHED  # noqa: E402
from tts_gym.errors import ControllerError  # noqa: E402
from tts_gym.registry import ALGORITHMS  # noqa: E402

ATOMIC, ROUNDS = "TTSWidthDepth-v1", "TTSWidthDepthRounds-v1"
FROM_NOTHING = {"initial_width": 0, "stride": 1}
"""How programs begin, and how they go on."""

FOLD = "synthetic-small?except=1/5"
TRAINED, HELD_OUT = load_store(FOLD), load_store("synthetic-small?only=1/5")
EXAMPLES = [Example(0, question, seed) for question in range(len(HELD_OUT)) for seed in (0, 1)]


def shown(spec, env, **arguments):
    return demonstrate(clonable(spec, "ppo", env), env, arguments, [HELD_OUT], EXAMPLES)


def spent(env, told, **arguments):
    """Tokens spent by the demonstrated actions, int [examples]."""
    envs, tokens = make_sb3_env(env, 1, store=HELD_OUT, **arguments), []
    for n, example in enumerate(EXAMPLES):
        order = branch_order(64, example.seed)
        envs.set_options({"question": HELD_OUT.question_ids[example.question], "order": order})
        envs.reset()
        taken = told.actions[told.real[:, n], n]
        assert taken[-1] == STOP and (taken[:-1] != STOP).all()
        for action in taken[:-1]:
            envs.step(np.array([action]))
        tokens.append(envs.envs.unwrapped.counts()[0, TOKENS])
    return tokens


@pytest.mark.parametrize("spec", ["sc:n=3", "cmc:beta=0.2", "asc", "parallel-probe:num_chains=8"])
def test_the_demonstrated_actions_spend_what_the_program_spends(spec):
    arguments = {**FROM_NOTHING, "max_branches": 64}
    rows = clonable(spec, "ppo", ATOMIC).run(HELD_OUT, (0, 1), EpisodeRules())
    assert spent(ATOMIC, shown(spec, ATOMIC, **arguments), **arguments) == rows["tokens"].tolist()


@pytest.mark.parametrize("spec", ["crew:beta=0", "crew", "relay"])
def test_the_demonstrated_rounds_spend_what_the_program_spends(spec):
    arguments = {"initial_width": 0, "max_branches": 64, "aggregator": "finished"}
    rows = clonable(spec, "ppo", ROUNDS).run(HELD_OUT, (0, 1), EpisodeRules())
    assert spent(ROUNDS, shown(spec, ROUNDS, **arguments), **arguments) == rows["tokens"].tolist()


def test_the_knob_is_shown_as_a_price_where_the_price_is_a_range():
    crew, low, high = clonable("crew", "ppo", ROUNDS), 0.001, 0.1
    shown = faces(crew, {"cost_weight": [low, high], "aggregator": "finished"})
    settings = [face.parameters["beta"] for face, _ in shown]
    prices = [arguments["cost_weight"] for _, arguments in shown]
    assert (settings[0], settings[-1]) == (0, 1)
    assert (prices[0], prices[-1]) == pytest.approx((high, low))
    assert settings == sorted(settings) and prices == sorted(prices, reverse=True)
    assert all(arguments["aggregator"] == "finished" for _, arguments in shown)
    for spec, arguments in (
        ("crew", {"cost_weight": 0.01}),
        ("crew:beta=0.4", {"cost_weight": [low, high]}),
        ("asc", {}),
    ):
        controller = clonable(spec, "ppo", ROUNDS)
        assert faces(controller, arguments) == [(controller, arguments)]


def test_demonstrations_side_by_side_are_those_alone():
    arguments = {"aggregator": "finished"}
    parts = [shown(spec, ROUNDS, **arguments) for spec in ("crew:beta=0", "crew:beta=0.7")]
    told, number = side_by_side(parts), len(EXAMPLES)
    for n, part in enumerate(parts):
        here = slice(n * number, (n + 1) * number)
        for name in ("observations", "masks", "actions"):
            joined, alone = getattr(told, name)[:, here], getattr(part, name)
            np.testing.assert_equal(joined[told.real[:, here]], alone[part.real])


@pytest.mark.parametrize("spec", ["sc:n=3", "cmc:beta=0.5"])
def test_the_demonstrated_schedule_spends_about_what_the_program_spends(spec):
    rows = clonable(spec, "ppo", ROUNDS).run(HELD_OUT, (0, 1), EpisodeRules())
    assert np.mean(spent(ROUNDS, shown(spec, ROUNDS))) == pytest.approx(rows["tokens"].mean(), rel=0.15)


def test_a_demonstration_ends_where_the_environment_admits_no_more():
    told = shown("sc:n=8", ATOMIC, **FROM_NOTHING, max_branches=3)
    assert told.masks[told.real][np.arange(told.real.sum()), told.actions[told.real]].all()
    assert (told.actions[told.real] == 1).sum() == 3 * len(EXAMPLES)


def agreement(model, told):
    choose, agreed = Chooser(model), []
    for step in range(len(told.actions)):
        seen = told.observations
        seen = {name: each[step] for name, each in seen.items()} if isinstance(seen, dict) else seen[step]
        chosen = choose(seen, told.masks[step], np.full(len(EXAMPLES), step == 0))
        agreed.append((chosen == told.actions[step])[told.real[step]])
    return np.concatenate(agreed).mean()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("algorithm", "env", "least"),
    [
        ("ppo", ROUNDS, 0.7),
        ("a2c", ROUNDS, 0.7),
        ("maskable-ppo", ROUNDS, 0.7),
        ("recurrent-ppo", ROUNDS, 0.7),
        ("maskable-ppo", ATOMIC, 0.3),
    ],
)
def test_a_cloned_policy_imitates_its_program(algorithm, env, least):
    tuned, found = read_settings(algorithm, env), ALGORITHMS.load(algorithm)
    told = shown("cmc:beta=0.4", env, **tuned.arguments)
    # Untrained policies of this seed agree with nothing by chance.
    model = new_model(Config(algorithm, env, (FOLD,), (), 2, None, tuned))
    before = agreement(model, told)
    clone(model, found, clonable("cmc:beta=0.4", algorithm, env), env, tuned.arguments, [TRAINED], 0)
    after = agreement(model, told)
    assert before < 0.2 and after > least, (before, after)


@pytest.mark.parametrize(
    ("spec", "algorithm", "env", "words"),
    [
        ("cmc", "dqn", ROUNDS, "dqn learns values"),
        ("cmc", "qrdqn", ROUNDS, "qrdqn learns values"),
        ("zoo", "ppo", ROUNDS, "not one program"),
        ("nonsense", "ppo", ROUNDS, "Unknown controller"),
        ("cmc", "ppo", "CartPole-v1", "No policy of CartPole-v1"),
    ],
)
def test_what_cannot_be_cloned_is_refused_by_name(spec, algorithm, env, words):
    with pytest.raises(ControllerError, match=words):
        clonable(spec, algorithm, env)


def test_programs_are_not_shown_where_answers_are_hidden():
    with pytest.raises(ControllerError, match="reveal=advance"):
        shown("cmc", ATOMIC, reveal="probe")


@pytest.mark.slow
def test_a_policy_cloned_from_crew_does_what_crew_does_over_the_knob(shared_data):
    stores = [load_store(file) for file in sorted(shared_data.glob("autotts/*/aime24.json"))]
    tuned = read_settings("maskable-ppo", ROUNDS, arguments={"rules": "published", "aggregator": "finished"})
    model = new_model(Config("maskable-ppo", ROUNDS, (FOLD,), (), 0, None, tuned))
    clone(model, type(model), clonable("crew", "maskable-ppo", ROUNDS), ROUNDS, tuned.arguments, stores, 0)
    seeds, published = range(1000, 1010), EpisodeRules(published=True)
    for beta in (0, 0.1, 0.2, 0.3, 0.5, 0.8, 1):
        price = price_of(beta, *tuned.arguments["cost_weight"])
        ours = [play(model, ROUNDS, {**tuned.arguments, "cost_weight": price}, store, seeds) for store in stores]
        program = clonable(f"crew:beta={beta}", "ppo", ROUNDS)
        given = program.program.arguments(program.parameters)
        theirs = [
            graded_rows(store, seeds, replay(Program("plain-crew", plain_crew), given, store, seeds, published))
            for store in stores
        ]
        assert abs(mean(ours, "correct") - mean(theirs, "correct")) < 0.003
        assert mean(ours, "tokens") == pytest.approx(mean(theirs, "tokens"), rel=0.05)


def mean(parts, column):
    return float(np.mean([part[column].mean() for part in parts]))


def plain_crew(episode, *arguments):
    """``crew`` with the plain vote of the finished branches for its answer, as in the environment."""
    crew(episode, *arguments)
    return episode.leader(FINISHED)
