"""``tts-gym solve`` as a user meets it."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from importlib.metadata import EntryPoint
from pathlib import Path
from types import SimpleNamespace

import pytest
from scripted_model import Script, ScriptedBackend

from tts_gym import load_store
from tts_gym.registry import BACKENDS

ROWS = [{"id": f"q{n}", "question": f"What is {n} + 1?", "gold": str(n + 1)} for n in range(5)]
SCRIPTS = {
    row["question"]: [Script(25, ["9", row["gold"]], row["gold"])] * 5 + [Script(45, ["9"] * 4, "9")] * 3
    for row in ROWS
}
SLOW = Path(__file__).with_name("slow_solve.py")


@pytest.fixture
def backends(monkeypatch):
    """The command line's server plays scripts; gives the backends that were made."""
    made = []

    def make(model, fail=None, stuck=False, probes=True):
        if model == "none":
            raise AssertionError("a model is loaded for what is refused")
        failing = (lambda request: fail) if fail else (lambda request: None)
        made.append((Stuck if stuck else ScriptedBackend)(SCRIPTS, 10, fail=failing, probes=probes))
        return made[-1]

    monkeypatch.setitem(sys.modules, "tts_gym.llm.scripted", SimpleNamespace(make=make))
    monkeypatch.setitem(BACKENDS.shipped, "openai", EntryPoint("openai", "tts_gym.llm.scripted:make", ""))
    before = signal.getsignal(signal.SIGTERM)
    yield made
    signal.signal(signal.SIGTERM, before)


class Stuck(ScriptedBackend):
    """Writes nothing."""

    def arrived(self):
        time.sleep(0.01)
        return []


@pytest.fixture
def questions(tmp_path):
    path = tmp_path / "sums.jsonl"
    write(path, ROWS)
    return path


def write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


@pytest.fixture
def solve(run, questions, backends, tmp_path):
    """Run ``tts-gym solve`` on a small scale; later arguments come last."""

    def call(*more, out=tmp_path / "answers.jsonl", model="scripted", source=questions, spec="sc:n=4"):
        small = ["-n", 8, "--interval", 10, "--max-tokens", 100, "--at-once", 3]
        return run("solve", source, "-c", spec, "--model", model, "--backend", "openai", "--out", out, *small, *more)

    return call


def rows_of(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def figures(out):
    """The rows of a table that was printed."""
    return dict([cell.strip() for cell in line.split("│")[1:-1]] for line in out.splitlines() if "│" in line)


def test_answers_are_written_and_summed_up(solve, tmp_path):
    status, out, err = solve()
    assert (status, err) == (0, "")
    table = figures(out)
    assert (table["questions"], table["failed"], table["accuracy"]) == ("5", "0", "100.0")
    assert (table["tokens"], table["width"], table["forced"]) == ("100.0", "4.0", "0.0")
    assert out.endswith(f"Wrote {tmp_path / 'answers.jsonl'}.\n")
    rows = {row["id"]: row for row in rows_of(tmp_path / "answers.jsonl")}
    assert len(rows) == 5
    for asked in ROWS:
        row = rows[asked["id"]]
        assert (row["question"], row["answer"], row["correct"]) == (asked["question"], asked["gold"], True)


def test_the_summary_is_written_as_json(solve):
    status, out, _ = solve("--json", "-")
    summary = json.loads(out)
    assert (status, summary["questions"], summary["failed"], summary["accuracy"]) == (0, 5, 0, 100.0)
    assert (summary["tokens"], summary["cached"]) == (100.0, 0.0)


def test_the_same_command_asks_what_is_new(solve, backends, questions, tmp_path):
    write(questions, ROWS[:3])
    assert solve()[0] == 0
    write(questions, ROWS)
    status, out, _ = solve()
    assert (status, figures(out)["questions"]) == (0, "5")
    assert [len(backend.requests) for backend in backends] == [3 * 4, 2 * 4]
    assert len(rows_of(tmp_path / "answers.jsonl")) == 5


def test_a_question_with_another_text_is_asked_again(solve, backends, questions):
    write(questions, ROWS[:2])
    assert solve()[0] == 0
    write(questions, [ROWS[0], {**ROWS[2], "id": "q1"}])
    status, out, _ = solve("--json", "-")
    assert (status, json.loads(out)["accuracy"], len(backends[1].requests)) == (0, 100.0, 4)


def test_another_run_needs_a_fresh_beginning(solve, tmp_path):
    out = tmp_path / "answers.jsonl"
    assert solve()[0] == 0
    before = out.read_bytes()
    status, _, err = solve(spec="sc:n=5")
    assert (status, err.count("\n")) == (2, 1) and "holds answers of another run" in err
    assert out.read_bytes() == before
    assert solve("--fresh", spec="sc:n=5")[0] == 0
    assert {row["width"] for row in rows_of(out)} == {5}


def test_a_record_is_a_store(solve, run, tmp_path):
    store = tmp_path / "stores" / "run"
    assert solve("--record", store, "--keep-text", "--shadow", "sc:n=6")[0] == 0
    assert run("stores", "verify", store)[0] == 0
    assert load_store(store).branch_counts.tolist() == [6] * 5 and (store / "texts.parquet").exists()
    status, out, _ = run("evaluate", store, "-c", "sc:n=6", "--seeds", 2)
    assert status == 0 and "sc:n=6" in out


def test_a_run_that_is_recorded_is_left_as_it_is(solve, backends, tmp_path):
    store = tmp_path / "store"
    assert solve("--record", store)[0] == 0
    before = {file: file.stat().st_mtime_ns for file in store.iterdir()}
    assert solve("--record", store)[0] == 0
    assert {file: file.stat().st_mtime_ns for file in store.iterdir()} == before
    assert not backends[1].requests


def test_a_record_in_the_place_of_another_costs_no_answer(solve, tmp_path):
    store, out = tmp_path / "store", tmp_path / "answers.jsonl"
    assert solve("--record", store)[0] == 0
    before = out.read_bytes()
    status, _, err = solve("--record", store, "--fresh")
    assert (status, err.count("\n")) == (2, 1) and "already exists: remove it" in err
    assert out.read_bytes() == before


def test_questions_without_gold_are_answered(solve, questions, tmp_path):
    write(questions, [{name: row[name] for name in ("id", "question")} for row in ROWS])
    status, out, _ = solve("--json", "-")
    assert (status, json.loads(out)["accuracy"]) == (0, None)
    assert {row["correct"] for row in rows_of(tmp_path / "answers.jsonl")} == {None}


def test_a_budget_holds(solve, tmp_path):
    assert solve("--budget", 60)[0] == 0
    assert {row["tokens"] <= 60 for row in rows_of(tmp_path / "answers.jsonl")} == {True}


def test_a_deadline_holds(solve, tmp_path):
    begun = time.monotonic()
    assert solve("--deadline", 0.3, "-o", "stuck=true")[0] == 0
    assert time.monotonic() - begun < 10
    assert {(row["ended"], row["answer"]) for row in rows_of(tmp_path / "answers.jsonl")} == {("deadline", None)}


def test_questions_without_answer_are_told_and_tried_again(solve, tmp_path):
    status, out, err = solve("-o", "fail=it is down", spec="single")
    assert (status, err.count("\n"), figures(out)["failed"]) == (2, 1, "5")
    assert "5 of 5 questions have no answer, 'q0' because Branch 0 cannot go on" in err
    assert solve(spec="single")[0] == 0
    assert len(rows_of(tmp_path / "answers.jsonl")) == 5


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"spec": "nobody"}, "Unknown controller 'nobody'"),
        ({"spec": "oracle"}, "oracle is no controller but a bound"),
        ({"spec": "rl:none.zip"}, "none.zip"),
        ({"source": "none.jsonl"}, "none.jsonl does not exist"),
        ({"source": "empty.jsonl"}, "holds no questions"),
        ({"out": "."}, "Cannot write ."),
    ],
)
def test_what_is_wrong_is_refused_in_one_line(solve, tmp_path, more, words, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("empty.jsonl").touch()
    before = set(tmp_path.iterdir())
    status, out, err = solve(model="none", **more)
    assert (status, out, err.count("\n")) == (2, "", 1), err
    assert err.startswith("Error: ") and words in err
    assert set(tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    ("spec", "more", "words"),
    [
        ("sc", ["--shadow", "asc"], "--shadow: it needs --record"),
        ("zoo", [], "controllers: name one"),
        ("benchmarks/results/discovery/manual/winner.py", [], "run it as your own code"),
        ("sc", ["--budget", 0], "--budget"),
    ],
)
def test_options_of_no_use_are_refused(solve, tmp_path, spec, more, words):
    before = set(tmp_path.iterdir())
    status, out, err = solve(*more, model="none", spec=spec)
    assert (status, out) == (2, "") and words in re.sub(r"\s+", " ", err)
    assert set(tmp_path.iterdir()) == before


def test_a_candidate_runs_as_ones_own_code(solve):
    winner = Path(__file__).parents[2] / "benchmarks/results/discovery/manual/winner.py"
    assert solve("--trust", spec=f"{winner}:PROGRAM:beta=0.3")[0] == 0


@pytest.fixture
def running(questions, tmp_path):
    """Starts the command in a session of its own, with a slow model."""
    begun = []

    def start(*more, out="answers.jsonl"):
        small = ["-c", "sc:n=4", "--model", "m", "--backend", "openai", "-n", "8", "--interval", "10", "--at-once", "1"]
        command = [sys.executable, str(SLOW), "solve", str(questions), *small, "--out", str(tmp_path / out), *more]
        environment = os.environ | {"PYTHONPATH": str(SLOW.parent)}
        with (tmp_path / f"log{len(begun)}.txt").open("w") as told:
            begun.append(subprocess.Popen(command, stderr=told, stdout=told, start_new_session=True, env=environment))
        return begun[-1]

    yield start
    for process in begun:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def until_answered(path, number, process):
    deadline = time.monotonic() + 60
    while not path.exists() or path.read_bytes().count(b"\n") < number:
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.slow
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_what_is_answered_when_it_is_interrupted_is_kept(running, solve, backends, tmp_path, number, status):
    out = tmp_path / "answers.jsonl"
    process = running("--record", str(tmp_path / "store"))
    until_answered(out, 2, process)
    os.kill(process.pid, number)
    assert process.wait(30) == status
    assert "Traceback" not in (tmp_path / "log0.txt").read_text()
    assert not subprocess.run(["pgrep", "-s", str(process.pid)], capture_output=True).stdout
    kept = rows_of(out)
    assert 2 <= len(kept) < 5 and not (tmp_path / "store").exists()
    again = running("--record", str(tmp_path / "store"))
    assert again.wait(60) == 0
    assert rows_of(out)[: len(kept)] == kept and len(rows_of(out)) == 5
    assert len(load_store(tmp_path / "store")) == 5


@pytest.mark.slow
def test_two_runs_do_not_write_one_file(running, tmp_path):
    first = running("-o", "seconds=0.2")
    until_answered(tmp_path / "answers.jsonl", 0, first)
    second = running()
    assert second.wait(60) == 2
    assert "Another run is writing" in (tmp_path / "log1.txt").read_text()
    assert first.poll() is None


def test_arguments_of_the_template_go_along_with_conversations(solve, backends):
    given = ["--no-enable-thinking", "--reasoning-effort", "low", "--template-arg", "depth=2"]
    assert solve("-o", "probes=false", *given)[0] == 0
    assert {len(request.messages) for request in backends[0].requests} == {1}
    sent = [dict(request.template_arguments) for request in backends[0].requests]
    assert sent == [{"enable_thinking": False, "reasoning_effort": "low", "depth": 2}] * len(sent)
    status, _, err = solve("-o", "probes=false", "--reasoning-effort", "high")
    assert status == 2 and "holds answers of another run" in err
