"""A candidate in a file is evaluated in its jail, with the result that it has outside."""

import json
import pickle
from dataclasses import replace

import numpy as np
import pytest
from joblib.externals.loky import get_reusable_executor
from pandas.testing import assert_frame_equal

from tts_gym.agents import parse_spec
from tts_gym.agents.recount import Recounter
from tts_gym.agents.specs import FileController
from tts_gym.datasets import synthetic_store
from tts_gym.episode.rules import EpisodeRules
from tts_gym.errors import ControllerError
from tts_gym.evaluation.evaluate import evaluate_many
from tts_gym.evaluation.workers import Workers
from tts_gym.sandbox.anonymise import anonymise
from tts_gym.sandbox.jailed_controller import JailedController, runnable

CANDIDATE = '''"""Annotated with what is not there outside a jail, and with a helper of a name that is taken there."""

LEAST = 2


def schedule(beta: float) -> dict[str, float]:
    return {"most": round(LEAST + 20 * beta), "level": 0.8 + 0.19 * beta}


def Program(episode: Episode, level: float) -> bool:
    return episode.width >= LEAST and episode.confidence(FINISHED) > level


def program(episode: Episode, most: int, level: float) -> int:
    for _ in range(most):
        if episode.read() < 0 or Program(episode, level):
            break
    return episode.leader(FINISHED)
'''

TELLING = "import pathlib\npathlib.Path({mark!r}).touch()\n"


@pytest.fixture(scope="module")
def store():
    return synthetic_store(questions=4, branches=24, seed=3)


@pytest.fixture
def winner(tmp_path):
    file = tmp_path / "winner.py"
    file.write_text(runnable(CANDIDATE))
    return file


@pytest.fixture
def interpreted(monkeypatch, store):
    """Nothing compiles in the jails that start now, nor in workers, which no other test is to meet."""
    # The recount is compiled by then, as the parent's compiler reads the environment too.
    anonymised = replace(store, tables=anonymise(store, np.random.default_rng(0)).tables)
    Recounter(anonymised, [0], EpisodeRules())
    monkeypatch.setenv("NUMBA_DISABLE_JIT", "1")
    yield
    get_reusable_executor().shutdown(wait=True)


def rows_of(spec, store, jobs=1, trust=False, cache=None):
    (controller,) = parse_spec(spec, trust)
    return next(evaluate_many([(controller, store)], 60, workers=Workers(jobs), cache=cache)).rows


@pytest.mark.slow
def test_rows_are_those_of_the_file_run_as_ones_own(winner, store):
    jailed = rows_of(f"{winner}:beta=0.8", store)
    assert_frame_equal(jailed, rows_of(f"{winner}:PROGRAM:beta=0.8", store, trust=True))


def test_rows_do_not_depend_on_the_jails_and_on_what_stands_around_the_candidate(winner, store, tmp_path, interpreted):
    jailed = rows_of(f"{winner}:beta=0.8", store)
    assert_frame_equal(jailed, rows_of(f"{winner}:program:beta=0.8", store, jobs=3))
    (tmp_path / "other").mkdir()
    plain = tmp_path / "other" / "winner.py"
    plain.write_text(CANDIDATE)
    assert_frame_equal(jailed, rows_of(f"{plain}:beta=0.8", store))


def test_what_is_kept_of_it_serves_the_next_evaluation(winner, store, tmp_path, interpreted, monkeypatch):
    first = rows_of(winner.as_posix(), store, cache=tmp_path / "kept")
    monkeypatch.setattr(JailedController, "run", None)
    assert_frame_equal(first, rows_of(winner.as_posix(), store, cache=tmp_path / "kept"))
    winner.write_text(runnable(CANDIDATE.replace("LEAST = 2", "LEAST = 3")))
    with pytest.raises(TypeError):
        rows_of(winner.as_posix(), store, cache=tmp_path / "kept")


@pytest.mark.parametrize("names", ["", ":program", ":PROGRAM", ":beta=0.5", ":program:beta=0.5"])
def test_the_ways_to_name_it_stand_for_the_same(winner, names):
    (controller,) = parse_spec(f"{winner}{names}")
    assert isinstance(controller, JailedController)
    assert (controller.name, controller.parameters) == ("winner", {"beta": 0.5})
    assert pickle.loads(pickle.dumps(controller)) == controller


def test_a_class_without_a_name_goes_through_the_jail_and_with_one_it_is_ones_own(tmp_path):
    mark = tmp_path / "ran"
    file = tmp_path / "mine.py"
    file.write_text(
        TELLING.format(mark=str(mark)) + "class Mine:\n    def solve(self, question):\n        return None\n"
    )
    (controller,) = parse_spec(str(file))
    assert isinstance(controller, JailedController) and not controller.candidate.audited
    assert not mark.exists()
    (controller,) = parse_spec(f"{file}:Mine")
    assert isinstance(controller, FileController) and mark.exists()


@pytest.mark.parametrize("name", ["", ":program", ":PROGRAM", ":schedule", ":beta=0.5"])
@pytest.mark.parametrize(
    "text",
    [
        TELLING + CANDIDATE,
        CANDIDATE + TELLING,
        TELLING + runnable(CANDIDATE),
        runnable(CANDIDATE) + TELLING,
        runnable(CANDIDATE + TELLING),
        TELLING
        + "if True:\n    def schedule(beta):\n        return {}\n\n    def program(episode):\n        return -1\n",
    ],
)
def test_a_candidate_that_is_refused_is_not_run(tmp_path, text, name):
    mark = tmp_path / "ran"
    file = tmp_path / "winner.py"
    file.write_text(text.replace("{mark!r}", repr(str(mark))))
    with pytest.raises(ControllerError, match=f"{file} (is refused: line |holds a candidate: )") as caught:
        parse_spec(f"{file}{name}")
    assert "--trust" in str(caught.value) and "\n" not in str(caught.value)
    assert not mark.exists()


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("{}:schedule", "holds a candidate: write "),
        ("{}:program:most=3", "whose one parameter is beta"),
        ("{}:beta=1.5", "beta of winner must be between 0 and 1"),
        ("{}:beta=much", "beta of winner must be of type float"),
        ("{}x.py", "There is no file "),
    ],
)
def test_a_wrong_spec_is_refused(winner, spec, words):
    with pytest.raises(ControllerError, match=words):
        parse_spec(spec.format(winner))


def test_lines_of_a_refusal_are_those_of_the_file(winner):
    text = runnable(CANDIDATE).replace("0.8 + 0.19 * beta", "open(0)")
    winner.write_text(text)
    line = 1 + text[: text.index("open(0)")].count("\n")
    with pytest.raises(ControllerError, match=f"is refused: line {line}: open cannot be called"):
        parse_spec(str(winner))


def test_trust_needs_a_name_as_ever(winner):
    with pytest.raises(ControllerError, match="does not say which controller of the file to use: write .*:NAME"):
        parse_spec(str(winner), trust=True)


def test_a_candidate_that_fails_is_told_with_its_jail(run, store_file, tmp_path, interpreted):
    file = tmp_path / "mine.py"
    file.write_text("def schedule(beta):\n    return {}\n\n\ndef program(episode):\n    return 7\n")
    status, out, err = run("evaluate", store_file, "-c", file, "--jobs", 2)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("Error: Controller mine has no results on store model/tiny: failed: ")
    assert "seccomp" in err
    file.write_text("def schedule(beta):\n    while 1:\n        pass\n\n\ndef program(episode):\n    return -1\n")
    status, out, err = run("evaluate", store_file, "-c", file, "--timeout", 1)
    assert status == 2 and "timeout: it did not end within 1 seconds" in err


def test_it_stands_beside_others(run, store_file, tmp_path, interpreted):
    file = tmp_path / "winner.py"
    file.write_text(runnable(CANDIDATE))
    arguments = ["evaluate", store_file, "-c", "sc:n=2", "-c", f"{file}:beta=0", "-c", "single", "--seeds", 3]
    status, out, err = run(*arguments, "--jobs", 2, "--json", "-")
    assert (status, err) == (0, "")
    records = json.loads(out)
    assert [record["controller"] for record in records] == ["sc", "winner", "single"]
    assert [bool(record["isolation"]) for record in records] == [False, True, False]
    assert records[0]["tokens"] == records[1]["tokens"]


PROGRAM = b"def schedule(beta):\n    return 1\n\n\ndef program(episode):\n    return 1\n"


@pytest.mark.parametrize(
    ("head", "rest"),
    [
        (b"\xef\xbb\xbf", PROGRAM),
        (b"# coding: latin-1\n\xe9 = 1\n", PROGRAM),
        (b"# coding: utf-7\n", PROGRAM.replace(b"def", b"+AGQAZQBm-")),
    ],
    ids=["byte-order mark", "latin-1", "utf-7"],
)
def test_a_candidate_in_another_encoding_is_not_run(head, rest, tmp_path):
    file = tmp_path / "winner.py"
    trace = tmp_path / "ran"
    file.write_bytes(head + f"open({str(trace)!r}, 'w')\n".encode() + rest)
    with pytest.raises(ControllerError, match=r"refused|UTF-8"):
        parse_spec(f"{file}:program")
    assert not trace.exists()
