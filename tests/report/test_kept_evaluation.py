import json

import pytest
from evaluations import evaluated

from tts_gym.errors import TTSGymError
from tts_gym.evaluation import evaluate
from tts_gym.evaluation.kept import ROWS, TOLD, read_kept


def test_what_is_kept_is_what_was_evaluated(two_stores):
    kept = read_kept(two_stores)
    assert [store["label"] for store in kept.stores] == ["smollm2-arithmetic", "synthetic-small (synthetic)"]
    place = next(k for k, each in enumerate(kept.evaluations) if each["spec"] == "sc:n=8")
    rows = kept.rows[kept.rows["evaluation"] == place].drop(columns="evaluation").reset_index(drop=True)
    fresh = evaluate("sc:n=8", "smollm2-arithmetic", seeds=2)
    assert rows.astype(object).equals(fresh.rows.astype(object))
    assert kept.evaluations[place]["accuracy"] == fresh.summary.accuracy.mean
    assert kept.evaluations[place]["label"] == "sc:n=8"


def test_a_store_given_by_path_is_found_from_anywhere(store_file, tmp_path, monkeypatch):
    monkeypatch.chdir(store_file.parent)
    kept = read_kept(evaluated(tmp_path / "run", [f"{store_file.name}?only=1/2"], ["single"]))
    (store,) = kept.stores
    assert store["store"] == "tiny.json?only=1/2"
    assert store["found"] == f"{store_file}?only=1/2"


def test_an_evaluation_replaces_an_earlier_one_and_nothing_else(store_file, tmp_path):
    directory = evaluated(tmp_path / "run", [store_file], ["single"])
    evaluated(directory, [store_file], ["sc:n=2"])
    assert [each["spec"] for each in read_kept(directory).evaluations] == ["sc:n=2"]
    assert sorted(path.name for path in directory.iterdir()) == [TOLD, ROWS]
    (directory / "mine.txt").write_text("not of an evaluation")
    with pytest.raises(TTSGymError, match="mine.txt"):
        evaluated(directory, [store_file], ["single"])
    assert [each["spec"] for each in read_kept(directory).evaluations] == ["sc:n=2"]


def damage_rows(directory):
    (directory / ROWS).write_bytes(b"PAR1")


def lose_rows(directory):
    (directory / ROWS).unlink()


def cut_off(directory):
    (directory / TOLD).write_text((directory / TOLD).read_text()[:100])


def rename(directory):
    directory.rename(directory.with_name("elsewhere"))


def forget(directory):
    told = json.loads((directory / TOLD).read_text())
    del told["stores"]
    (directory / TOLD).write_text(json.dumps(told))


def outgrow(directory):
    told = json.loads((directory / TOLD).read_text())
    (directory / TOLD).write_text(json.dumps(told | {"format_version": 99}))


@pytest.mark.parametrize("harm", [damage_rows, lose_rows, cut_off, rename, forget, outgrow])
def test_what_is_not_whole_is_refused_by_name(harm, store_file, tmp_path):
    directory = evaluated(tmp_path / "run", [store_file], ["single"])
    harm(directory)
    with pytest.raises(TTSGymError, match=str(directory)):
        read_kept(directory)
