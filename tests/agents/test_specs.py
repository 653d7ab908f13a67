import pickle
from dataclasses import replace

import numpy as np
import pytest

from tts_gym.agents import PROGRAMS, ProgramController, make_controller, parse_spec
from tts_gym.agents.solve_adapter import SolveController
from tts_gym.agents.specs import zoo_on
from tts_gym.datasets import SIGNALS, synthetic_store
from tts_gym.errors import ControllerError


def only(spec):
    (controller,) = parse_spec(spec)
    return controller


def test_a_name_alone_takes_the_defaults():
    controller = only("asc")
    assert controller.name == "asc"
    assert controller.parameters == {"max_samples": 64, "threshold": 0.95}


def test_parameters_are_read_by_their_declared_type():
    assert only("asc:max_samples=8,threshold=1").parameters == {"max_samples": 8, "threshold": 1.0}
    assert only("cmc:beta=0").parameters == {"beta": 0.0}
    assert only("short-m@k:m=1,k=2").parameters == {"m": 1, "k": 2}


def test_zoo_is_every_shipped_program():
    assert [controller.name for controller in parse_spec("zoo")] == list(PROGRAMS)


def test_zoo_on_a_store_leaves_out_the_programs_whose_signals_it_lacks():
    everything = synthetic_store(questions=1, branches=1)
    found, left_out = zoo_on(everything)
    assert ([controller.name for controller in found], left_out) == (list(PROGRAMS), {})
    row = np.where(np.array(SIGNALS) == "topk_confidence", everything.tables.signal_column, -1)
    found, left_out = zoo_on(replace(everything, tables=everything.tables._replace(signal_column=row)))
    assert left_out == {"signals": ["borda", "deer"]}
    assert [controller.name for controller in found] == [name for name in PROGRAMS if name not in left_out["signals"]]


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("nonsense", ["Unknown controller 'nonsense'", "cmc"]),
        ("", ["Unknown controller ''"]),
        ("asc:samples=3", ["asc has no parameter samples", "max_samples, threshold"]),
        ("single:n=3", ["single has no parameter n", "none"]),
        ("asc:max_samples=0", ["max_samples of asc must be at least 1", "got 0"]),
        ("asc:threshold=1.5", ["threshold of asc must be between 0 and 1", "got 1.5"]),
        ("asc:threshold=nan", ["threshold of asc must be of type float", "nan"]),
        ("asc:max_samples=2.5", ["max_samples of asc must be of type int", "2.5"]),
        ("asc:max_samples=many", ["must be of type int", "'many'"]),
        ("asc:max_samples=99999999999999999999", ["must fit 64 bits"]),
        ("deepconf:measure=worst", ["measure of deepconf must be mean, tail, bottom or lowest", "got 'worst'"]),
        ("cmc:beta=-0.1", ["beta of cmc must be between 0 and 1"]),
        ("cmc:beta", ["Cannot read 'beta'", "name=value"]),
        ("cmc:beta=0.1,beta=0.2", ["beta stands twice"]),
        ("missing.py:program", ["There is no file missing.py"]),
        ("missing.py", ["which controller of the file", "missing.py:NAME"]),
    ],
)
def test_a_wrong_spec_is_refused_in_one_clear_line(spec, words):
    with pytest.raises(ControllerError) as caught:
        parse_spec(spec)
    message = str(caught.value)
    assert "\n" not in message
    for word in words:
        assert word in message


@pytest.fixture
def user_file(tmp_path):
    def write(text):
        path = tmp_path / "mine.py"
        path.write_text(text)
        return path

    return write


def test_a_function_of_a_users_file_is_a_program(user_file):
    path = user_file("def first(episode, n=2, share: float = 0.5):\n    return -1\n")
    controller = only(f"{path}:first:n=3")
    assert isinstance(controller.loaded, ProgramController)
    assert (controller.name, controller.parameters) == ("first", {"n": 3, "share": 0.5})
    again = pickle.loads(pickle.dumps(controller))
    assert (again.name, again.parameters) == (controller.name, controller.parameters)
    assert again.loaded.program.function.__code__.co_filename == str(path)


def test_a_users_file_may_import_its_neighbours_and_declare_dataclasses(user_file, tmp_path):
    (tmp_path / "neighbour.py").write_text("ANSWER = -1\n")
    path = user_file(
        "from __future__ import annotations\n"
        "from dataclasses import dataclass\n"
        "from neighbour import ANSWER\n"
        "@dataclass\nclass Setting:\n    size: int = 3\n"
        "def program(episode):\n    return ANSWER\n"
    )
    assert only(f"{path}:program").loaded.program.function(None) == -1


def test_a_parameter_without_default_is_needed(user_file):
    path = user_file("def program(episode, n):\n    return -1\n")
    assert only(f"{path}:program:n=4").parameters == {"n": 4}
    assert only(f"{path}:program:n=0.5").parameters == {"n": 0.5}
    assert only(f"{path}:program:n=true").parameters == {"n": True}
    with pytest.raises(ControllerError, match="program needs a value for its parameter n"):
        parse_spec(f"{path}:program")


def test_a_class_with_solve_takes_its_parameters_as_config(user_file):
    path = user_file(
        "class Mine:\n"
        "    def __init__(self, config):\n        pass\n"
        "    def solve(self, question):\n        return None\n"
    )
    controller = only(f"{path}:Mine:n=3,rate=0.5,mode=fast,on=true")
    assert isinstance(controller.loaded, SolveController)
    assert controller.parameters == {"n": 3, "rate": 0.5, "mode": "fast", "on": True}


@pytest.mark.parametrize(
    ("text", "name", "words"),
    [
        ("def program(:\n", "program", ["cannot be imported, line 1", "SyntaxError"]),
        ("1 / 0\n", "program", ["cannot be imported", "ZeroDivisionError"]),
        ("import nothing_of_this_name\n", "program", ["ModuleNotFoundError"]),
        ("other = 1\n", "program", ["does not define 'program'"]),
        ("program = 3\n", "program", ["3 is no controller"]),
        ("def program():\n    return -1\n", "program", ["must take an episode"]),
        ("class Mine:\n    pass\n", "Mine", ["is no controller", "solve(question)"]),
        ("", "", ["does not define ''"]),
    ],
)
def test_a_users_file_that_cannot_serve_is_refused(user_file, text, name, words):
    path = user_file(text)
    with pytest.raises(ControllerError) as caught:
        parse_spec(f"{path}:{name}")
    for word in words:
        assert word in str(caught.value)


def test_a_function_in_memory_becomes_a_controller():
    def program(episode, n=1):
        return -1

    assert make_controller(program, n=5).parameters == {"n": 5}
