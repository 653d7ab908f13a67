"""Records read back from a store, a question at a time."""

import json
from dataclasses import replace

import pyarrow.parquet as pq
import pytest

from tts_gym.datasets import records as record_tables
from tts_gym.datasets import write_store
from tts_gym.datasets.recordings import Recordings, read_records
from tts_gym.errors import StoreError
from tts_gym.files import sha256


@pytest.fixture
def with_texts(records):
    return [
        replace(one, branches=[replace(branch, text=f"{one.id} {place}") for place, branch in enumerate(one.branches)])
        for one in records
    ]


@pytest.mark.parametrize("questions_a_group", [1, 2])
def test_records_come_in_any_order_from_any_row_groups(tmp_path, monkeypatch, with_texts, metadata, questions_a_group):
    monkeypatch.setattr(record_tables, "QUESTIONS_PER_BATCH", questions_a_group)
    write_store(tmp_path / "store", with_texts, metadata)
    assert pq.ParquetFile(tmp_path / "store" / "texts.parquet").num_row_groups == 3 - questions_a_group
    recordings = Recordings(tmp_path / "store")
    for one in (*with_texts, *reversed(with_texts)):
        assert replace(recordings.question(one.id), classes=None) == one
        assert recordings.branch_count(one.id) == len(one.branches)
    assert recordings.question("a").classes == {"5": 1, "4": 2}
    assert set(recordings.recorded) == {"mean_logprob", "tail_logprob", "text"}


@pytest.mark.parametrize(
    ("rows", "words"),
    [([1, 0, 2], "question 'a', branch 0: its text is not in the row"), ([0, 1], "2 rows for 3 branches")],
)
def test_texts_of_other_branches_are_refused(tmp_path, with_texts, metadata, rows, words):
    write_store(tmp_path / "store", with_texts, metadata)
    texts, told = tmp_path / "store" / "texts.parquet", tmp_path / "store" / "metadata.json"
    pq.write_table(pq.read_table(texts).take(rows), texts)
    changed = json.loads(told.read_text())
    changed["sha256"]["texts.parquet"] = sha256(texts)
    told.write_text(json.dumps(changed))
    with pytest.raises(StoreError, match=words):
        read_records(tmp_path / "store")
