import base64
import gzip
import json
from types import SimpleNamespace

import pandas as pd
import pytest
from evaluations import evaluated

from tts_gym.agents.specs import make_controller, parse_spec
from tts_gym.datasets import load_store
from tts_gym.episode.rules import EpisodeRules
from tts_gym.errors import TTSGymError
from tts_gym.evaluation.kept import read_kept
from tts_gym.report.cases import Case, Replays, choose
from tts_gym.report.contents import contents
from tts_gym.report.watching import watch


def unpacked(case):
    return json.loads(gzip.decompress(base64.b64decode(case["data"])))


@pytest.fixture(scope="module")
def about(two_stores):
    return contents([read_kept(two_stores)])


def test_a_replayed_case_is_the_evaluated_one(about):
    cases = choose(about, "worst:6")
    replays = Replays(about)
    rows = about.rows.set_index(["controller", "store", "question_id", "seed"])
    for case in replays.run(cases):
        data = unpacked(case)
        assert set(data["episodes"]) == set(about.controllers)
        for key, episode in data["episodes"].items():
            row = rows.loc[(key, case["store"], case["question"], case["seed"])]
            assert episode["correct"] == row["correct"] == case["results"][key][1]
            last = episode["steps"][-1]
            assert (last["tokens"], last["sequential"]) == (row["tokens"], row["sequential_tokens"])
            assert episode["width"] == len({move[0] for step in episode["steps"] for move in step["moves"]})
            assert (episode["wrong"] is None) == (bool(row["correct"]) or key == "oracle")
    assert replays.left_out == {}


def test_the_steps_of_a_program_that_prunes_and_notes():
    store = load_store("smollm2-arithmetic")

    def careful(episode):
        episode.branch(3)
        episode.note("ready", 0.5)
        episode.probe(0)
        episode.prune(1)
        episode.finish(0)
        episode.note("infinite", float("inf"))
        return episode.answer(0)

    episode, answer = watch(make_controller(careful), store, 0, 4, EpisodeRules())
    opened, pruned, finished = episode.steps
    assert (opened.call, opened.moves) == ("branch(3)", ((0, 1, 1), (1, 1, 1), (2, 1, 1)))
    assert (pruned.call, pruned.pruned, pruned.notes) == ("prune(1)", (1,), {"ready": 0.5})
    assert (finished.call, finished.finished) == ("finish(0)", (0,))
    assert sum(finished.polls["finished"].votes.values()) <= 1
    assert set(pruned.polls["active"].votes.values()) <= {1, 2}
    assert episode.last_notes == {"infinite": None}
    assert answer in store.class_texts[0]


@pytest.mark.parametrize("spec", ["sc:n=5", "parallel-probe", "cmc", "deepconf-online", "short-m@k"])
@pytest.mark.parametrize("published", [False, True])
def test_a_watched_episode_spends_what_a_replayed_one_does(spec, published):
    store, (controller,) = load_store("synthetic-small"), parse_spec(spec)
    rules = EpisodeRules(published=published)
    row = controller.run(store, [3], rules).iloc[5]
    episode, answer = watch(controller, store, 5, 3, rules)
    assert (episode.tokens, episode.sequential_tokens, episode.width) == tuple(
        row[["tokens", "sequential_tokens", "width"]]
    )
    assert (answer is None and pd.isna(row["answer"])) or answer == row["answer"]


def test_cases_are_chosen_as_asked(about):
    every = choose(about, "all")
    assert len(every) == 2 * sum(map(len, about.questions.values()))
    worst = choose(about, "worst:50")
    assert len({(case.store, case.question) for case in worst}) == 50
    wrong = 1 - about.rows.groupby(["store", "question_id", "seed"])["correct"].mean()
    shares = [wrong[(case.store, case.question, case.seed)] for case in worst]
    assert shares[0] == max(shares) and shares[0] > wrong.mean()
    named = choose(about, every[0].question)
    assert {case.question for case in named} == {every[0].question} and len(named) >= 2
    for asked in ("worst:0", "worst:many", "no such question"):
        with pytest.raises(TTSGymError, match="worst:N, all, or the id"):
            choose(about, asked)


def test_a_controller_that_cannot_be_replayed_is_left_out_by_name(tmp_path, store_file):
    file = tmp_path / "mine.py"
    file.write_text("def mine(episode, n=2):\n    return episode.answer(episode.read(n))\n")
    kept = read_kept(evaluated(tmp_path / "run", [store_file], ["single", f"{file}:mine"]))
    cases = [Case("model/tiny", "0", 0)]

    def replayed():
        replays = Replays(contents([kept]))
        (case,) = replays.run(cases)
        return set(unpacked(case)["episodes"]), set(case["results"]), replays.left_out

    assert replayed() == ({"single", "mine"}, {"single", "mine"}, {})
    file.write_text("def mine(episode, n=2):\n    return episode.answer(episode.read(1))\n")
    episodes, results, left_out = replayed()
    assert (episodes, results) == ({"single"}, {"single", "mine"})
    assert "evaluate it again" in left_out["mine"]
    file.unlink()
    episodes, results, left_out = replayed()
    assert (episodes, results) == ({"single"}, {"single", "mine"})
    assert str(file) in left_out["mine"]


CANDIDATE = """def schedule(beta):
    return {"n": int(round(4 * beta))}


def program(episode, n):
    episode.note("asked", n)
    episode.read(n)
    episode.note("done", 1)
    return episode.leader(FINISHED)
"""


@pytest.fixture
def candidate(tmp_path, store_file, interpreted):
    """An evaluation of a candidate that ran in its jail."""
    file = tmp_path / "winner.py"
    file.write_text(CANDIDATE)
    return contents([read_kept(evaluated(tmp_path / "run", [store_file], ["sc:n=2", str(file)]))])


def test_the_episodes_of_a_candidate_are_those_that_its_jail_tells(candidate):
    replays = Replays(candidate)
    for case in replays.run(choose(candidate, "all")):
        episodes = unpacked(case)["episodes"]
        assert set(episodes) == {"sc:n=2", "winner"}
        noted = [step.pop("notes") for step in episodes["winner"]["steps"]]
        assert noted == [{"asked": 2.0}] and episodes["winner"].pop("last_notes") == {"done": 1.0}
        for step in episodes["sc:n=2"]["steps"]:
            assert step.pop("notes") == {}
        assert episodes["sc:n=2"].pop("last_notes") == {}
        assert episodes["winner"] == episodes["sc:n=2"]
    assert replays.left_out == {}


def test_where_isolation_is_weak_the_episodes_of_a_candidate_are_left_out(candidate, monkeypatch):
    def run_jail(*arguments):
        return SimpleNamespace(layers=(), failure=None)

    monkeypatch.setattr("tts_gym.sandbox.plain.run_jail", run_jail)
    replays = Replays(candidate)
    (case, *_) = replays.run(choose(candidate, "all"))
    assert set(unpacked(case)["episodes"]) == {"sc:n=2"} and set(case["results"]) == {"sc:n=2", "winner"}
    assert "weak on this machine" in replays.left_out["winner"]
