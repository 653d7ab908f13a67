"""Evaluation over workers: the same results wherever it runs, nothing silently missing, nothing done twice."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from pandas.testing import assert_frame_equal

from tts_gym import evaluate, load_store
from tts_gym.datasets import parquet, synthetic_metadata, synthetic_questions, write_store
from tts_gym.errors import ControllerError
from tts_gym.evaluation.evaluate import evaluate_many
from tts_gym.evaluation.workers import Workers

STORE = "synthetic-small"
SEEDS = 60


class Marked:
    """A controller that notes each of its runs in a directory, and may end its process."""

    name = "marked"
    upper_bound = False
    signals = ()
    probes = False

    def __init__(self, directory, deadly_runs=0):
        self.directory = directory
        self.deadly_runs = deadly_runs
        self.parameters = self.defaults = {}

    def identity(self):
        return "marked"

    def run(self, store, seeds, rules):
        from tts_gym.agents.specs import parse_spec

        marks = self.directory / f"{seeds[0]}"
        marks.mkdir(exist_ok=True)
        run = len(list(marks.iterdir()))
        (marks / f"{run}").touch()
        if seeds[0] == 25 and run < self.deadly_runs:
            os.kill(os.getpid(), signal.SIGKILL)
        return parse_spec("sc:n=3")[0].run(store, seeds, rules)

    def runs(self):
        return {int(marks.name): len(list(marks.iterdir())) for marks in self.directory.iterdir()}


def rows_of(controller, jobs=2, cache=None, **others):
    pairs = [(controller, load_store(STORE))]
    return next(evaluate_many(pairs, SEEDS, "exact", Workers(jobs, **others), cache)).rows


@pytest.fixture
def expected():
    return evaluate("sc:n=3", STORE, seeds=SEEDS).rows.assign(controller="marked")


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::ResourceWarning")
class TestRay:
    """On a real cluster of two nodes."""

    @pytest.fixture(autouse=True)
    def by_value(self, cluster):
        import ray

        ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])

    def test_the_results_are_those_of_one_process(self, cluster):
        for spec in ("cmc:beta=0.5", "asc"):
            alone = evaluate(spec, STORE, seeds=SEEDS)
            there = evaluate(spec, STORE, seeds=SEEDS, executor="ray", address=cluster)
            assert_frame_equal(alone.rows, there.rows)
            assert alone.summary.accuracy == there.summary.accuracy

    def test_a_block_whose_worker_died_is_run_again(self, cluster, tmp_path, expected):
        controller = Marked(tmp_path, deadly_runs=1)
        assert_frame_equal(rows_of(controller, executor="ray", address=cluster), expected)
        assert controller.runs() == {0: 1, 25: 2, 50: 1}

    def test_a_worker_that_always_dies_is_reported(self, cluster, tmp_path):
        with pytest.raises(ControllerError, match="marked took its worker process down 2 times on store synthetic"):
            rows_of(Marked(tmp_path, deadly_runs=9), executor="ray", address=cluster)

    def test_an_error_of_the_controller_is_told(self, cluster, tmp_path):
        file = tmp_path / "mine.py"
        file.write_text("def mine(episode):\n    episode.finish(5)\n    return 0\n")
        with pytest.raises(ControllerError, match="branch index out of range"):
            evaluate(f"{file}:mine", STORE, seeds=2, executor="ray", address=cluster)


def test_a_block_whose_process_died_is_run_again(tmp_path, expected):
    controller = Marked(tmp_path, deadly_runs=1)
    assert_frame_equal(rows_of(controller), expected)
    assert controller.runs()[25] == 2


def test_a_process_that_always_dies_is_reported_and_the_rest_is_kept(tmp_path, expected):
    controller = Marked(tmp_path / "runs", deadly_runs=2)
    controller.directory.mkdir()
    kept = tmp_path / "kept"
    with pytest.raises(ControllerError, match="marked took its worker process down 2 times"):
        rows_of(controller, cache=kept)
    before = controller.runs()
    assert_frame_equal(rows_of(controller, cache=kept), expected)
    assert controller.runs()[0] == before[0]


def test_what_is_finished_is_not_run_again(tmp_path, expected):
    controller = Marked(tmp_path / "runs")
    controller.directory.mkdir()
    kept = tmp_path / "kept"
    assert_frame_equal(rows_of(controller, 1, kept), expected)
    files = sorted(kept.iterdir())
    assert len(files) == 3
    files[0].unlink()
    files[1].write_bytes(files[1].read_bytes()[:100])
    assert_frame_equal(rows_of(controller, 1, kept), expected)
    assert sum(controller.runs().values()) == 5
    assert_frame_equal(rows_of(controller, 2, kept), expected)
    assert sum(controller.runs().values()) == 5
    assert sorted(kept.iterdir()) == files


def test_another_evaluation_does_not_use_it(tmp_path):
    rows = [evaluate(spec, STORE, seeds=5, cache=tmp_path).rows for spec in ("asc", "asc:threshold=0.6", "sc")]
    assert len(list(tmp_path.iterdir())) == 3
    assert not np.array_equal(rows[0]["tokens"], rows[1]["tokens"])
    evaluate("asc", STORE, seeds=5, rules="published", cache=tmp_path)
    evaluate("asc", STORE, seeds=6, cache=tmp_path)
    assert len(list(tmp_path.iterdir())) == 5


def test_a_changed_program_is_run_again(tmp_path):
    file = tmp_path / "mine.py"
    answers = []
    for branches in (1, 3):
        file.write_text(f"def mine(episode):\n    episode.read({branches})\n    return episode.leader(0)\n")
        answers.append(evaluate(f"{file}:mine", STORE, seeds=3, cache=tmp_path / "kept").summary.tokens.mean)
    assert answers[0] < answers[1]


SLOW = """
import time

class Slow:
    def __init__(self, config=None):
        pass

    def solve(self, question):
        time.sleep(0.01)
        return question.get_new_branch_final_answer()
"""


def assert_no_process_left(group):
    for _ in range(200):
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return
        time.sleep(0.1)
    raise AssertionError(f"process group {group} is alive")


@pytest.mark.slow
def test_ctrl_c_keeps_what_is_finished_and_leaves_no_process(tmp_path):
    file, kept = tmp_path / "slow.py", tmp_path / "kept"
    file.write_text(SLOW)
    arguments = [STORE, "-c", f"{file}:Slow", "--seeds", "150", "--jobs", "2", "--cache", str(kept)]
    command = [sys.executable, "-c", "from tts_gym.cli import main; main()", "evaluate", *arguments]
    running = subprocess.Popen(command, stderr=subprocess.PIPE, start_new_session=True)
    deadline = time.monotonic() + 100
    while len(list(kept.glob("*.parquet"))) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    os.killpg(running.pid, signal.SIGINT)
    assert running.wait(60) == 130, running.stderr.read()
    running.stderr.close()
    assert_no_process_left(running.pid)
    finished = {file: file.stat().st_mtime_ns for file in kept.glob("*.parquet")}
    assert 2 <= len(finished) < 6
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    assert len(list(kept.iterdir())) == 6
    assert all(file.stat().st_mtime_ns == written for file, written in finished.items())


class Locator:
    """A controller that answers with the file that the store's answers are mapped from."""

    name, parameters, defaults, upper_bound, signals, probes = "locator", {}, {}, False, (), False

    def identity(self):
        return self.name

    def run(self, store, seeds, rules):
        from tts_gym.agents.specs import parse_spec

        rows = parse_spec("single")[0].run(store, seeds, rules)
        return rows.assign(answer=str(getattr(store.tables.answers, "filename", None)))


def test_processes_map_a_large_store_from_its_own_files(tmp_path, monkeypatch):
    monkeypatch.setattr(parquet, "MAPPED_BYTES", 0)
    write_store(tmp_path / "store", synthetic_questions(3, 4), synthetic_metadata(3, 4))
    pairs = [(Locator(), load_store(tmp_path / "store"))]
    (files,) = {*next(evaluate_many(pairs, SEEDS, workers=Workers(2))).rows["answer"]}
    assert files.startswith(str(tmp_path / "store" / ".cache")) and files.endswith("answers.npy")
    alone = evaluate("cmc", tmp_path / "store", seeds=SEEDS)
    assert_frame_equal(evaluate("cmc", tmp_path / "store", seeds=SEEDS, jobs=2).rows, alone.rows)
