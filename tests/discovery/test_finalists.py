"""A discovery in which a candidate knows by heart which branches are right, and another one knows nothing."""

import json

import numpy as np
import pandas as pd
import pytest

from discovery.scripted import SOURCE
from sandbox.candidates import knowing
from tts_gym.datasets import load_store
from tts_gym.discovery import finalists
from tts_gym.discovery.archive import Archive
from tts_gym.discovery.assess import assess, clearly_dominated, recordings
from tts_gym.discovery.finalists import by_chance
from tts_gym.discovery.loop import begin, go_on
from tts_gym.discovery.report import status_text, write_report
from tts_gym.discovery.settings import DiscoverySettings
from tts_gym.errors import DiscoveryError

pytestmark = pytest.mark.usefixtures("interpreted")

FIRST = SOURCE.replace("1 + 3 * beta", "2 + 2 * beta").replace("episode.leader(FINISHED)", "episode.answer(0)")
"""Reads more than it needs and answers with the first branch: worse than a vote."""


@pytest.fixture
def store_path(tmp_path):
    """Eight questions of six branches, two of them right; the four wrong ones disagree."""
    chance = np.random.default_rng(0)
    questions = []
    for number in range(8):
        lengths = chance.choice(np.arange(3000, 9000), 6, replace=False).tolist()
        answers = ["2", "2", "3", "4", "5", "6"]
        branches = [
            [[answer] * (length // 500), length, answer] for answer, length in zip(answers, lengths, strict=True)
        ]
        questions.append({"question": f"{number}?", "gold_answer": "2", "probe_freq": 500, "each_branch": branches})
    path = tmp_path / "model" / "known.json"
    path.parent.mkdir()
    path.write_text(json.dumps(questions))
    return path


@pytest.fixture
def by_heart(store_path):
    tables = load_store(store_path).tables
    right = np.flatnonzero(np.arange(len(tables.tokens)) % 6 < 2)
    return knowing(sorted(tables.tokens[right]), most=4)


@pytest.fixture
def told(store_path):
    return DiscoverySettings((str(store_path),), rounds=2, seeds=24, seed_programs=("sc",))


def quiet(_):
    pass


def discovered(path, told, *sources):
    begin(path, told, 1, quiet).run()
    for number, source in enumerate(sources, 1):
        (path / f"rounds/{number:03d}/1/workspace/candidate.py").write_text(source)
        go_on(path, {}, 1, quiet).run()
    return {each.name: each for each in Archive(path).history().tried}


def test_who_knows_the_recordings_by_heart_cannot_win_and_hides_nobody(tmp_path, told, by_heart, store_path):
    here = tmp_path / "d"
    tried = discovered(here, told, by_heart, FIRST)
    knowing, honest = tried["r01-1"], tried["r02-1"]
    assert knowing.by_heart and knowing.recorded.gained > knowing.recorded.chance
    assert not honest.assessment.dominated and honest.assessment.stage == "all"
    there = recordings(by_heart, [load_store(store_path)], told).table.assign(controller="r01-1")
    assert clearly_dominated(honest.table, there.assign(controller="r01-1:" + there["beta"].astype(str)))

    for number in (1, 2):
        lessons = (here / f"rounds/{number:03d}/lessons.md").read_text()
        assert "| r01-1 (by heart) |" in lessons and "no winners" in lessons
    assert "r01-1 (by heart)" in status_text(here)
    page = write_report(here)
    assert "# The winner: r02-1\n" in page
    assert "r01-1 cannot win for that: score " in page
    report = json.loads((here / "report.json").read_text())
    assert report["winner"] == "r02-1" and set(report["nested_choices"]) == {"r02-1"}
    assert report["by_heart"]["r01-1"]["score"] > report["score"]
    assert abs(report["on_recordings"]["gained"]) < report["on_recordings"]["chance"]


def test_where_everybody_knows_the_recordings_there_is_no_winner(tmp_path, told, by_heart):
    discovered(tmp_path / "d", told, by_heart, by_heart + "# again\n")
    with pytest.raises(DiscoveryError, match="knows the recordings by heart"):
        write_report(tmp_path / "d")


def test_who_fails_on_the_recordings_alone_cannot_win(tmp_path, told, by_heart):
    failing = by_heart.replace("return episode.answer(i)", "return 99")
    here = tmp_path / "d"
    tried = discovered(here, told, failing, FIRST)
    assert tried["r01-1"].assessment.failure is None and tried["r01-1"].by_heart
    page = write_report(here)
    assert "# The winner: r02-1\n" in page
    assert "on the recordings `failed: " in page


def test_who_does_not_lead_does_not_run_on_the_recordings_and_nobody_twice(tmp_path, told, monkeypatch):
    here = tmp_path / "d"
    tried = discovered(here, told, SOURCE, FIRST)
    assert tried["r01-1"].recorded is not None and not tried["r01-1"].by_heart
    assert tried["r02-1"].recorded is None
    monkeypatch.setattr(finalists, "recordings", None)
    assert "# The winner: r01-1\n" in write_report(here)


def test_scores_are_of_copies_that_each_stage_draws_and_the_same_candidate_draws_again(told, store_path):
    store = load_store(store_path)
    first, again = (assess(FIRST, [store], told, None, False).table for _ in range(2))
    pd.testing.assert_frame_equal(first, again)
    others = [
        assess(FIRST + "# another\n", [store], told, None, False).table,
        recordings(FIRST, [store], told).table,
    ]
    for other in others:
        assert (other["tokens"] != first["tokens"]).mean() > 0.9
        assert other["tokens"].mean() == pytest.approx(first["tokens"].mean(), rel=0.1)


@pytest.mark.parametrize(("share", "seeds", "questions"), [(0.5, 8, 30), (0.0, 8, 30), (0.9, 100, 120)])
def test_chance_is_what_the_draws_of_the_same_candidate_differ_by(share, seeds, questions):
    """Among a thousand pairs of draws hardly any differ by more, and where shares vary many by a third of it."""
    chance = np.random.default_rng(0)
    right = chance.binomial(seeds, share, (1000, 2, questions)) / seeds
    tables = [pd.DataFrame({"beta": 0.5, "correct": each}) for each in right[0]]
    most = by_chance(*tables, seeds)
    differences = 100 * np.abs(np.diff(right.mean(axis=2), axis=1))
    assert (differences > most).mean() < 0.01
    assert share == 0 or (differences > most / 4).mean() > 0.2
