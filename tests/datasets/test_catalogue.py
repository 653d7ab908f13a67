import importlib
from importlib.metadata import PackageNotFoundError

import numpy as np
import pytest

from tts_gym.datasets import (
    SIGNALS,
    catalogue,
    import_published,
    load_store,
    read_published,
    same_recordings,
    synthetic_store,
    verify,
    verify_store,
    write_store,
)
from tts_gym.datasets import metadata as metadata_module
from tts_gym.datasets.parquet import TABLE_FILES
from tts_gym.errors import StoreError


def test_every_bundled_store_loads_by_name():
    assert "synthetic-small" in catalogue()
    for name in catalogue():
        store = load_store(name)
        assert store.name == name and verify_store(name).branches == len(store.tables.tokens)


def test_the_bundled_store_is_small_and_marked_synthetic():
    directory = importlib.import_module("tts_gym.datasets.catalogue").BUNDLED / "synthetic-small"
    assert sum(path.stat().st_size for path in directory.iterdir()) < 600_000
    store = load_store("synthetic-small")
    assert store.label == "synthetic-small (synthetic)"
    assert len(store) == 40 and set(store.branch_counts) == {64}


def test_the_bundled_store_of_a_language_model_is_small_and_complete():
    directory = importlib.import_module("tts_gym.datasets.catalogue").BUNDLED / "smollm2-arithmetic"
    assert sum(path.stat().st_size for path in directory.iterdir()) < 3_000_000
    assert {path.name for path in directory.iterdir()} == {*TABLE_FILES, "texts.parquet", "metadata.json", "README.md"}
    store = load_store("smollm2-arithmetic")
    assert store.label == "smollm2-arithmetic" and set(store.branch_counts) == {64}
    assert len(store) == 60 and len({identifier.rpartition("-")[0] for identifier in store.question_ids}) == 10
    assert store.signals == SIGNALS[:5]
    assert np.median(np.diff(store.tables.answer_start) - 1) >= 8


def test_a_store_loads_by_path(document, write_json, tmp_path):
    path = write_json(document)
    import_published(path, tmp_path / "store")
    assert same_recordings(load_store(str(path)), load_store(tmp_path / "store"))


def test_an_unknown_name_is_answered_with_the_known_ones(tmp_path):
    with pytest.raises(
        StoreError,
        match=r"no store 'nothing' in the catalogue \(smollm2-arithmetic, synthetic-small\) and no such path",
    ):
        load_store("nothing")
    (tmp_path / "notes.txt").write_text("")
    with pytest.raises(StoreError, match=r"a file without the suffix \.json"):
        load_store(tmp_path / "notes.txt")
    (tmp_path / "folder.json").mkdir()
    with pytest.raises(StoreError, match="is a directory"):
        load_store(tmp_path / "folder.json")


def test_verify_says_what_a_store_holds(document, write_json):
    summary = verify_store(write_json(document))
    assert (summary.questions, summary.branches, summary.probes, summary.tokens) == (2, 4, 6, 3620)
    assert summary.invalid_share == pytest.approx(2 / 6)
    assert summary.branch_accuracy == pytest.approx((1 / 3 + 0) / 2)
    assert (summary.model, summary.benchmark, summary.signals) == ("SomeModel", "tiny", ())


def test_a_store_without_probes_can_be_summarised(document, write_json):
    for item in document:
        item["each_branch"] = [[[], 10, "1"]] * 3
    assert verify_store(write_json(document)).invalid_share == 0


def test_verify_notices_a_store_that_changes(monkeypatch, tmp_path):
    readings = iter([synthetic_store(1, 2, seed=0), synthetic_store(1, 2, seed=1)])
    monkeypatch.setattr(verify, "load_store", lambda name, mapped=True: next(readings))
    with pytest.raises(StoreError, match="two readings of it differ"):
        verify_store(tmp_path)


def test_the_same_recordings_may_have_another_provenance(records, metadata, document, write_json, tmp_path):
    write_store(tmp_path / "one", records, metadata)
    write_store(tmp_path / "two", records, metadata | {"name": "other"})
    assert same_recordings(load_store(tmp_path / "one"), load_store(tmp_path / "two"))
    assert not same_recordings(load_store(tmp_path / "one"), read_published(write_json(document)))


def test_tools_that_are_not_installed_are_said_to_be_so(monkeypatch):
    def version(package):
        raise PackageNotFoundError(package)

    monkeypatch.setattr(metadata_module, "version", version)
    assert set(metadata_module.tool_versions().values()) == {"not installed"}
