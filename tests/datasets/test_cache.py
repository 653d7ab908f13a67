"""Arrays kept beside the tables of a large store: equal to the tables, never stale, safe to delete."""

import json
import multiprocessing
import shutil

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tts_gym.datasets import (
    load_store,
    parquet,
    read_store,
    same_recordings,
    summarise,
    synthetic_metadata,
    synthetic_questions,
    verify_store,
    write_store,
)
from tts_gym.errors import StoreError
from tts_gym.files import sha256


@pytest.fixture(autouse=True)
def every_store_is_large(monkeypatch):
    monkeypatch.setattr(parquet, "MAPPED_BYTES", 0)
    monkeypatch.setattr(parquet, "BRANCHES_PER_PIECE", 7)


@pytest.fixture
def directory(tmp_path):
    write_store(tmp_path / "store", synthetic_questions(5, 6, seed=3), synthetic_metadata(5, 6, seed=3))
    return tmp_path / "store"


def cached(directory):
    """The directory of the arrays that are kept."""
    (kept,) = (path for path in (directory / ".cache").iterdir() if path.is_dir())
    return kept


def is_mapped(store):
    return all(isinstance(array.base, np.memmap) for array in store.tables)


def test_arrays_through_the_cache_equal_those_of_the_tables(directory):
    fresh, warm, read = load_store(directory), load_store(directory), read_store(directory)
    assert is_mapped(fresh) and is_mapped(warm) and not is_mapped(read)
    assert same_recordings(fresh, read) and same_recordings(warm, read)
    for one, other in zip(warm.tables, read.tables, strict=True):
        assert one.dtype == other.dtype and one.flags.c_contiguous and not one.flags.writeable


def test_a_store_without_signals_is_kept_too(tmp_path, records, metadata):
    for item in records:
        for branch in item.branches:
            branch.signals.clear()
    write_store(tmp_path / "plain", records, metadata)
    load_store(tmp_path / "plain")
    store = load_store(tmp_path / "plain")
    assert is_mapped(store) and store.signals == () and same_recordings(store, read_store(tmp_path / "plain"))


def test_warm_opening_does_not_read_the_branches(directory, monkeypatch):
    load_store(directory)
    monkeypatch.setattr(parquet, "branches_of", None)
    assert len(load_store(directory)) == 5


def test_the_cache_can_be_deleted(directory):
    before = load_store(directory)
    shutil.rmtree(directory / ".cache")
    assert same_recordings(load_store(directory), before)


def rewrite(directory, tokens):
    """Change a length in the tables, checksums and all."""
    path = directory / "branches.parquet"
    table = pq.read_table(path)
    place = table.schema.get_field_index("tokens")
    lengths = [tokens, *table["tokens"].to_pylist()[1:]]
    pq.write_table(table.set_column(place, table.schema.field(place), pa.array(lengths, pa.int64())), path)
    metadata = json.loads((directory / "metadata.json").read_text())
    metadata["sha256"]["branches.parquet"] = sha256(path)
    (directory / "metadata.json").write_text(json.dumps(metadata))


def test_arrays_of_other_tables_are_not_used_and_go(directory):
    load_store(directory)
    before = cached(directory)
    rewrite(directory, 123_456)
    assert load_store(directory).tables.tokens[0] == 123_456
    assert not before.exists() and cached(directory) != before


def test_another_interval_is_checked_anew(directory, tmp_path, records, metadata):
    write_store(tmp_path / "other", records, metadata)
    load_store(tmp_path / "other")
    path = tmp_path / "other" / "metadata.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"interval": 100}))
    with pytest.raises(StoreError, match="no probe answers though its 300 tokens exceed two intervals of 100"):
        load_store(tmp_path / "other")


def test_a_damaged_table_is_refused_whatever_is_kept(directory):
    load_store(directory)
    path = directory / "branches.parquet"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(StoreError, match=r"branches\.parquet: its SHA-256 is"):
        load_store(directory)


@pytest.mark.parametrize("name", ["answers", "signals", "branch_start", "tokens", "answer_start", "signal_column"])
@pytest.mark.parametrize("damage", [lambda data: data[: len(data) // 2], lambda data: b"", lambda data: data[:-4]])
def test_arrays_that_are_not_whole_are_built_again(name, damage, directory):
    before = read_store(directory)
    load_store(directory)
    path = cached(directory) / f"{name}.npy"
    path.write_bytes(damage(path.read_bytes()))
    assert same_recordings(load_store(directory), before)
    assert is_mapped(load_store(directory))


def test_a_draft_that_was_left_behind_goes(directory):
    (directory / ".cache" / "draft").mkdir(parents=True)
    (directory / ".cache" / "draft" / "answers.npy").write_bytes(b"torn")
    assert is_mapped(load_store(directory)) and cached(directory).name != "draft"


def test_a_directory_that_cannot_be_written_to_is_read_into_memory(directory):
    (directory / ".cache").write_text("")
    store = load_store(directory)
    assert not is_mapped(store) and same_recordings(store, read_store(directory))


def test_a_refused_store_keeps_no_arrays(tmp_path, records, metadata):
    write_store(tmp_path / "store", records, metadata)
    rewrite(tmp_path / "store", -1)
    with pytest.raises(StoreError, match="tokens is -1"):
        load_store(tmp_path / "store")
    assert not (tmp_path / "store" / ".cache").exists()


def damage(path, place):
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("name", ["questions.parquet", "branches.parquet", "answers.parquet"])
def test_verification_reads_the_tables(name, directory, run):
    load_store(directory)
    assert verify_store(directory) == summarise(read_store(directory))
    damage(directory / name, len(name))
    status, _, err = run("stores", "verify", str(directory))
    assert status == 2 and f"{name}: its SHA-256 is" in err


def test_verification_finds_arrays_that_are_not_those_of_the_tables(directory):
    load_store(directory)
    damage(cached(directory) / "answers.npy", -4)
    with pytest.raises(StoreError, match="delete the directory .cache"):
        verify_store(directory)
    shutil.rmtree(directory / ".cache")
    assert verify_store(directory).questions == 5


def open_mapped(directory):
    parquet.MAPPED_BYTES = 0
    return int(load_store(directory).tables.answers.sum())


def test_processes_that_open_a_store_at_once_agree(directory):
    with multiprocessing.get_context("spawn").Pool(3) as pool:
        sums = pool.map(open_mapped, [directory] * 6)
    assert sums == [int(read_store(directory).tables.answers.sum())] * 6
    assert cached(directory).name != "draft"
