"""Every kind of controller says what it needs, and what its results depend on."""

import subprocess
import sys
import zipfile

import pytest

from tts_gym import evaluate, load_store
from tts_gym.agents import PROGRAMS, Controller, ProgramController, make_controller, parse_spec
from tts_gym.agents.specs import FileController
from tts_gym.episode.loop import ANSWER, COLUMNS, COUNTED, FIRST_COUNT
from tts_gym.episode.rules import EpisodeRules
from tts_gym.errors import ControllerError
from tts_gym.evaluation.evaluate import evaluate_many

SOURCES = {
    "mine.py": """
def program(episode, n=1):
    episode.read(n)
    return episode.leader(0)


class Solver:
    def __init__(self, config=None):
        pass

    def solve(self, question):
        return question.get_new_branch_final_answer()
""",
    "candidate.py": """
def schedule(beta):
    return {"n": 1 + 3 * beta}


def program(episode, n):
    for _ in range(n):
        episode.read()
    return episode.leader(FINISHED)
""",
}


@pytest.fixture
def specs(tmp_path):
    """Specifications of every kind of controller, by kind."""
    for name, text in SOURCES.items():
        (tmp_path / name).write_text(text)
    return {
        "shipped": "sc:n=3",
        "program": f"{tmp_path / 'mine.py'}:program",
        "class": f"{tmp_path / 'mine.py'}:Solver",
        "candidate": f"{tmp_path / 'candidate.py'}:program",
    }


def only(spec):
    (controller,) = parse_spec(spec)
    return controller


@pytest.mark.parametrize("kind", ["shipped", "program", "class", "candidate"])
def test_a_parameter_and_nothing_else_makes_another_identity(specs, kind):
    parameter = {"shipped": "sc:n=4", "program": ":n=2", "class": ":n=2", "candidate": ":beta=0.7"}[kind]
    one, same = only(specs[kind]), only(specs[kind])
    other = only(parameter if kind == "shipped" else specs[kind] + parameter)
    assert isinstance(one, Controller) and one.signals == ()
    assert one.identity() == same.identity() != other.identity()


def test_identities_are_all_different_and_the_same_in_another_process(specs):
    code = (
        "import sys; from tts_gym.agents import parse_spec;"
        "print(*(each.identity() for spec in sys.argv[1:] for each in parse_spec(spec)))"
    )
    asked = [*specs.values(), "zoo"]
    done = subprocess.run([sys.executable, "-c", code, *asked], capture_output=True, text=True, check=True)
    here = [controller.identity() for spec in asked for controller in parse_spec(spec)]
    assert done.stdout.split() == here
    assert len(set(here)) == len(here) == len(specs) + len(PROGRAMS.shipped)


def test_the_model_is_what_tells_policies_apart(tmp_path):
    pytest.importorskip("stable_baselines3")
    from tts_gym.agents.rl.policy import PolicyController

    path, found = tmp_path / "model.zip", []
    for steps in (1, 2):
        training = f'"algorithm": "ppo", "env": "e", "arguments": {{}}, "questions": ["{steps}"]'
        with zipfile.ZipFile(path, "w") as file:
            file.writestr("data", f'{{"tts_gym_training": {{{training}}}}}')
        found += [PolicyController.load(path), PolicyController.load(path, {"cost_weight": "0.5"})]
    assert all(isinstance(each, Controller) and each.signals == () for each in found)
    assert len({each.identity() for each in found}) == 4


def test_the_signals_of_a_program_are_those_of_its_controllers(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text("from tts_gym.agents.programs.deer import PROGRAM\n")
    loaded = only(f"{file}:PROGRAM")
    assert isinstance(loaded, FileController)
    assert loaded.signals == only("deer").signals == PROGRAMS["deer"].signals != ()


class Counting:
    """A controller of somebody's own."""

    name, parameters, defaults, upper_bound, signals, probes = "counting", {}, {}, False, (), True

    def __init__(self):
        self.runs = 0

    def identity(self):
        return self.name

    def run(self, store, seeds, rules):
        self.runs += 1
        return only("single").run(store, seeds, rules)

    def answer(self, episode, texts):
        return only("single").answer(episode, texts)


def test_what_has_everything_that_a_controller_has_is_one(store_file):
    mine = Counting()
    assert len(evaluate(mine, store_file, seeds=2).rows) == 4 and mine.runs == 1


@pytest.mark.parametrize("missing", ["identity", "signals", "run", "answer"])
def test_what_lacks_something_is_none(store_file, missing):
    kept = {name: value for name, value in vars(Counting).items() if name != missing}
    with pytest.raises(ControllerError, match="is no controller: .* everything that tts_gym.agents.Controller names"):
        evaluate(type("Lacking", (), kept)(), store_file)


def test_a_missing_signal_is_found_before_anything_runs(store_file):
    mine, store = Counting(), load_store(store_file)
    with pytest.raises(ControllerError, match="Controller deer needs the signal"):
        list(evaluate_many([(mine, store), (only("deer"), store)], seeds=1))
    assert mine.runs == 0


def test_every_kind_reports_the_same_columns(specs, store_file):
    store = load_store(store_file)
    expected = ["question_id", "seed", "answer", "correct", *COUNTED]
    for kind in ("shipped", "program", "class"):
        assert list(only(specs[kind]).run(store, [0], EpisodeRules())) == expected
    assert COLUMNS[ANSWER] == "answer" and COLUMNS[FIRST_COUNT:] == tuple(COUNTED)


def test_a_function_without_a_file_has_an_identity_too():
    names = {"__name__": "typed"}
    exec("def program(episode):\n    return -1\n\n\ndef other(episode):\n    return 0\n", names)
    one, other = (make_controller(names[name]) for name in ("program", "other"))
    assert isinstance(one, ProgramController)
    assert one.identity() != other.identity()
