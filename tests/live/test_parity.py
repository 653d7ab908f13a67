"""What is decided live is decided again when the record of the run is replayed in the recorded order."""

import numpy as np
import pytest
from replayed import again, check, replayed
from scripted_model import ScriptedBackend, scripts_of

from tts_gym import load_store
from tts_gym.agents.programs import PROGRAMS
from tts_gym.agents.specs import make_controller, parse_spec
from tts_gym.collectors.questions import Question
from tts_gym.collectors.settings import CollectionSettings
from tts_gym.live.answering import Solving
from tts_gym.live.model import live_model
from tts_gym.live.run import run
from tts_gym.live.settings import LiveSettings

STORE = load_store("smollm2-arithmetic?only=1/8")
QUESTIONS = [
    Question(STORE.question_ids[place], text, STORE.class_texts[place][STORE.gold[place]])
    for place, text in enumerate(STORE.questions[:3])
]
CONTROLLERS = [name for name in PROGRAMS.shipped if not PROGRAMS[name].upper_bound]


def live_and_again(controller, directory, ahead=1, branches=64, budget=None):
    """Rows of a run, and the episodes that its record gives when it is replayed."""
    scripts = {question.question: scripts_of(STORE, place) for place, question in enumerate(QUESTIONS)}
    backend = ScriptedBackend(scripts, STORE.interval, seed=ahead)
    drawn = CollectionSettings("scripted", "scripted", branches, STORE.interval, max_tokens=4000)
    solving = Solving(controller) if budget is None else Solving(controller, budget)
    with live_model(backend, LiveSettings(drawn, ahead)) as model:
        rows = run(QUESTIONS, solving, model, record=directory / "store")
    assert model.engine.pending == 0
    return rows, replayed(directory / "store", rows, solving, branches)


@pytest.mark.parametrize("ahead", [0, 1])
@pytest.mark.parametrize("name", CONTROLLERS)
def test_programs(name, ahead, tmp_path):
    check(*live_and_again(make_controller(PROGRAMS[name]), tmp_path, ahead))


@pytest.mark.parametrize("spec", ["crew", "sc:n=8", "short-m@k"])
def test_programs_on_a_budget(spec, tmp_path):
    rows, replayed = live_and_again(parse_spec(spec)[0], tmp_path, budget=300)
    check(rows, replayed)
    assert all(row["tokens"] <= 300 for row in rows)


SOLVE = """
class Patient:
    def __init__(self, config):
        self.most = config["most"]

    def solve(self, question):
        first, index, done = question.probe_new()
        while not done:
            first, done = question.probe_more(index)
        answers = [first, *(question.get_new_branch_final_answer() for _ in range(self.most))]
        return max(answers, key=answers.count)


def both(episode, n=3):
    episode.branch(n)
    while episode.advance_all(2):
        episode.note("tokens", episode.tokens)
    return episode.leader(2)
"""


@pytest.mark.parametrize("spec", ["Patient:most=4", "both:n=5"])
def test_files_of_ones_own(spec, tmp_path):
    (tmp_path / "mine.py").write_text(SOLVE)
    check(*live_and_again(parse_spec(f"{tmp_path / 'mine.py'}:{spec}")[0], tmp_path))


@pytest.mark.parametrize(
    ("env", "policy", "arguments"),
    [
        ("TTSWidthDepthRounds-v1", "MlpPolicy", {}),
        ("TTSWidthDepthRounds-v1", "MlpPolicy", {"aggregator": "finished", "budget": None}),
        ("TTSWidthDepth-v1", "MultiInputPolicy", {"reveal": "probe", "probe_cost": 2}),
    ],
)
def test_policies(env, policy, arguments, tmp_path):
    pytest.importorskip("sb3_contrib")
    from sb3_contrib import MaskablePPO

    from tts_gym.agents.rl import make_sb3_env
    from tts_gym.agents.rl.policy import Training

    arguments = {"cost_weight": 0.01, "max_branches": 6} | arguments
    model = MaskablePPO(policy, make_sb3_env(env, 2, seed=0, **arguments), seed=1, device="cpu")
    Training("maskable-ppo", env, arguments, []).attach(model)
    model.save(tmp_path / "model.zip")
    (controller,) = parse_spec(f"rl:{tmp_path / 'model.zip'}:like=smollm2-arithmetic")
    check(*live_and_again(controller, tmp_path))


def test_what_replay_predicts_is_what_the_same_branches_cost_live(tmp_path):
    """The branches of a store, given out in its order, cost live what they cost in its replay."""
    rows, _ = live_and_again(parse_spec("crew")[0], tmp_path)
    solving = Solving(parse_spec("crew")[0])
    for place, row in enumerate(rows):
        episode, answer = again(STORE, place, solving, 64)
        assert (row["answer"], row["tokens"]) == (answer, episode.tokens)


def test_a_winner_runs_live_as_ones_own_code(tmp_path):
    source = "benchmarks/results/discovery/manual/winner.py"
    (controller,) = parse_spec(f"{source}:PROGRAM:beta=0.3", trust=True)
    check(*live_and_again(controller, tmp_path))


def test_nothing_of_a_branch_beyond_its_depth_is_charged(tmp_path):
    rows, _ = live_and_again(parse_spec("cmc")[0], tmp_path, ahead=3)
    assert any(row["overrun"] > 0 for row in rows)
    assert np.mean([row["overrun"] for row in rows]) < np.mean([row["generated"] for row in rows]) / 2
