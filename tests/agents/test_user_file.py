"""Two files of the same name, each with modules of the same names beside it, in one process and in workers."""

import pickle
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from tts_gym import evaluate, load_store
from tts_gym.agents import parse_spec
from tts_gym.agents.replay import branch_order
from tts_gym.episode.episode import ReplayEpisode, episode_fields
from tts_gym.episode.rules import EpisodeRules
from tts_gym.episode.transitions import reset
from tts_gym.evaluation.evaluate import evaluate_many
from tts_gym.evaluation.workers import Workers

FILES = {
    "mine.py": """
import pickle
from dataclasses import dataclass

import helper
from parts import deep


def program(episode):
    episode.read(helper.BRANCHES)
    return episode.leader(0)


@dataclass
class Kept:
    branches: int


class Solver:
    def __init__(self, config=None):
        import late

        self.kept = pickle.loads(pickle.dumps([Kept(helper.BRANCHES), helper.Kept(deep.BRANCHES), late.Kept()]))

    def solve(self, question):
        import helper
        from parts import deep, never_before

        assert helper.BRANCHES == deep.BRANCHES == never_before.BRANCHES == self.kept[2].branches
        return [question.get_new_branch_final_answer() for _ in range(helper.BRANCHES)][0]
""",
    "helper.py": "BRANCHES = {n}\n\n\nclass Kept:\n    def __init__(self, branches):\n        pass\n",
    "late.py": "class Kept:\n    branches = {n}\n",
    "parts/deep.py": "BRANCHES = {n}\n",
    "parts/never_before.py": "BRANCHES = {n}\n",
}
"""A file with a program and a class, the modules beside it, and a package without a file of its own."""


@pytest.fixture
def folders(tmp_path):
    """Two folders; in the second everything reads one branch more."""
    for n, folder in enumerate(("one", "two"), 1):
        for name, text in FILES.items():
            file = tmp_path / folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text.replace("{n}", str(n)))
    return tmp_path / "one", tmp_path / "two"


def specs(folders, name):
    return [f"{folder / 'mine.py'}:{name}" for folder in folders]


def width(controller):
    return set(controller.run(load_store("synthetic-small"), [0], EpisodeRules())["width"])


@pytest.mark.parametrize("name", ["program", "Solver"])
def test_each_runs_with_its_own_modules(folders, name):
    before = set(sys.modules)
    one, two = (parse_spec(spec)[0] for spec in specs(folders, name))
    assert [width(controller) for controller in (two, one, two)] == [{2}, {1}, {2}]
    assert one.identity() != two.identity()
    copies = [pickle.loads(pickle.dumps(controller)) for controller in (one, two)]
    assert [width(controller) for controller in (*copies, one)] == [{1}, {2}, {1}]
    assert not {"helper", "late", "parts", "parts.deep"} & (set(sys.modules) - before)


def test_threads_of_a_process_run_it_at_the_same_time(folders):
    """As live questions do."""
    before, path, writes = set(sys.modules), list(sys.path), sys.dont_write_bytecode
    store = load_store("synthetic-small")
    (controller,) = parse_spec(specs(folders, "Solver")[0])

    def answer(seed):
        episode = ReplayEpisode(episode_fields(store, EpisodeRules(), 8))
        episode.order = branch_order(8, seed)
        reset(episode, 0)
        controller.answer(episode, store.class_texts[0])
        return episode.width

    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(answer, range(40))) == [1] * 40
    assert not {"helper", "late", "parts", "parts.deep"} & (set(sys.modules) - before)
    assert sys.path == path and sys.dont_write_bytecode == writes


@pytest.mark.parametrize("name", ["program", "Solver"])
def test_each_runs_with_its_own_modules_in_workers(folders, name):
    store = load_store("synthetic-small")
    pairs = [(parse_spec(spec)[0], store) for spec in specs(folders, name)]
    found = evaluate_many(pairs, seeds=30, workers=Workers(2, isolate=True))
    assert [set(evaluation.rows["width"]) for evaluation in found] == [{1}, {2}]


def test_what_is_kept_of_one_is_not_taken_for_the_other(folders, tmp_path):
    for _ in range(2):
        found = [evaluate(spec, "synthetic-small", 2, cache=tmp_path / "kept") for spec in specs(folders, "Solver")]
        assert [set(evaluation.rows["width"]) for evaluation in found] == [{1}, {2}]
    assert len(list((tmp_path / "kept").iterdir())) == 2


def test_modules_of_the_session_are_left_as_they_are(folders, monkeypatch):
    import colorsys

    monkeypatch.setitem(sys.modules, "helper", colorsys)
    (folders[0] / "other.py").write_text("import json\nimport late\n\n\ndef program(episode):\n    return -1\n")
    path = list(sys.path)
    parse_spec(f"{folders[0] / 'other.py'}:program")
    assert sys.modules["helper"] is colorsys and sys.path == path and "late" not in sys.modules
