import json
import signal
import sys
import warnings
from pathlib import Path

import hypothesis
import pandas as pd
import pytest

from tts_gym import cli
from tts_gym.evaluation import evaluate
from tts_gym.sandbox import fork_server

pytest_plugins = ["engines"]

# Speed is measured in benchmarks, not by tests, whose machine may be busy.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")

SHARED_DATA = Path(__file__).resolve().parents[1].parent / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The published data and results, which are kept beside the repository and not in it."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"the published data are not at {SHARED_DATA}")
    return SHARED_DATA


@pytest.fixture(scope="session")
def rows_on_aime24(shared_data):
    """Episodes of a controller on the four published stores of AIME24, under the published rules."""
    stores = sorted(shared_data.glob("autotts/*/aime24.json"))
    assert len(stores) == 4
    return lambda spec, seeds: pd.concat([evaluate(spec, store, seeds, "published").rows for store in stores])


@pytest.fixture
def store_file(tmp_path: Path) -> Path:
    """A hand-made store of two questions in the published format; four branches each, 100 tokens an interval."""
    questions = [
        {
            "question": "What is 1 + 1?",
            "gold_answer": "2",
            "probe_freq": 100,
            "each_branch": [
                [["3", "2"], 250, "2"],
                [["2", "2"], 230, "2"],
                [["ERR", "3", "3"], 340, "3"],
                [["2"], 150, "2"],
            ],
        },
        {
            "question": "What is 7 + 4?",
            "gold_answer": "11",
            "probe_freq": 100,
            "each_branch": [[["1", "ERR"], 260, "ERR"], [["12"], 130, "12"], [["12"], 120, "12"], [[], 90, "11"]],
        },
    ]
    path = tmp_path / "model" / "tiny.json"
    path.parent.mkdir()
    path.write_text(json.dumps(questions))
    return path


@pytest.fixture
def interpreted(monkeypatch):
    """Jails that start during these tests do not compile, which takes most of the time on so few episodes."""
    environment = fork_server._environment
    monkeypatch.setattr(fork_server, "_environment", lambda: environment() | {"NUMBA_DISABLE_JIT": "1"})


@pytest.fixture
def run(capsys, monkeypatch):
    """Run ``tts-gym`` with arguments; returns exit status, standard output, standard error."""

    def call(*arguments):
        monkeypatch.setattr(warnings, "showwarning", warnings.showwarning)
        monkeypatch.setattr(sys, "argv", ["tts-gym", *map(str, arguments)])
        with pytest.raises(SystemExit) as exit_:
            cli.main()
            sys.exit(0)
        captured = capsys.readouterr()
        return exit_.value.code or 0, captured.out, captured.err

    return call


@pytest.fixture(scope="session")
def cluster():
    """Address of a Ray cluster of two nodes with a processor each."""
    ray = pytest.importorskip("ray")
    from ray.cluster_utils import Cluster

    nodes = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    nodes.add_node(num_cpus=1)
    yield nodes.address
    ray.shutdown()
    nodes.shutdown()


def pytest_configure():
    """Let processes that tests start be interrupted, also where this one was started so that it is not (``nohup``)."""
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items):
    """Run last what kills the server that other tests use."""
    items.sort(key=lambda item: "doomed_server" in getattr(item, "fixturenames", ()))
