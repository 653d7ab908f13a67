import json

import pytest
from evaluations import evaluated

from tts_gym.errors import StoreError, TTSGymError
from tts_gym.evaluation.kept import read_kept
from tts_gym.report.contents import contents


def test_the_same_controller_of_two_runs_is_told_apart_by_the_run(store_file, tmp_path):
    runs = [
        read_kept(evaluated(tmp_path / name, [store_file], specs))
        for name, specs in {"old": ["single", "sc:n=2"], "new": ["sc:n=2", "sc:n=3"]}.items()
    ]
    about = contents(runs)
    assert list(about.controllers) == ["single", "sc@old:n=2", "sc@new:n=2", "sc:n=3"]
    assert len(about.questions) == 1
    assert {entry.family for entry in about.entries} == {"single", "sc", "sc@old", "sc@new"}


def test_a_controller_named_twice_is_one(store_file, tmp_path):
    about = contents([read_kept(evaluated(tmp_path / "run", [store_file], ["cmc", "cmc:beta=0.5"]))])
    assert list(about.controllers) == ["cmc"]
    assert len(about.rows) == 2 * 2


def test_a_store_that_has_moved_is_named(store_file, tmp_path):
    kept = read_kept(evaluated(tmp_path / "run", [store_file], ["single"]))
    store_file.rename(store_file.with_name("other.json"))
    with pytest.raises(StoreError, match=str(store_file)):
        contents([kept])


def test_a_store_that_has_changed_is_refused(store_file, tmp_path):
    kept = read_kept(evaluated(tmp_path / "run", [store_file], ["single"]))
    questions = json.loads(store_file.read_text())
    questions[0]["each_branch"][0][1] += 1
    store_file.write_text(json.dumps(questions))
    with pytest.raises(TTSGymError, match="has changed since"):
        contents([kept])
