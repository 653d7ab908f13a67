"""A store is known by a hash of what it records, wherever it was read from."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tts_gym.datasets import import_published, load_store, parquet, read_store, store, synthetic_store
from tts_gym.datasets.digest import same_recordings, store_digest
from tts_gym.datasets.published import read_published

STORE = synthetic_store(questions=3, branches=4, seed=1)
ARRAYS = ("branch_start", "tokens", "answer_start", "answers", "signals")
TEXTS = ("question_ids", "questions", "class_texts")


def with_array(recorded, name, array):
    return replace(recorded, tables=recorded.tables._replace(**{name: array}))


def test_it_is_the_same_from_json_from_parquet_and_from_the_memory_map(document, write_json, tmp_path, monkeypatch):
    path, directory = write_json(document), tmp_path / "store"
    import_published(path, directory)
    monkeypatch.setattr(parquet, "MAPPED_BYTES", 0)
    built, mapped = load_store(directory), load_store(directory)
    assert isinstance(mapped.tables.answers.base, np.memmap)
    digests = map(store_digest, (read_published(path), read_store(directory), built, mapped))
    assert len(set(digests)) == 1


def test_names_provenance_and_layout_in_memory_do_not_count():
    other = replace(STORE, name="other", metadata={})
    for name in ARRAYS:
        other = with_array(other, name, np.asfortranarray(getattr(other.tables, name)))
    swapped = STORE.tables.answers.astype(STORE.tables.answers.dtype.newbyteorder())
    assert store_digest(other) == store_digest(with_array(STORE, "answers", swapped)) == store_digest(STORE)


def test_a_store_stays_the_same_where_more_signals_are_known(monkeypatch):
    before = store_digest(STORE)
    monkeypatch.setattr(store, "SIGNALS", (*store.SIGNALS, "another"))
    assert store_digest(with_array(STORE, "signal_column", np.append(STORE.tables.signal_column, -1))) == before


@given(name=st.sampled_from(ARRAYS), data=st.data())
def test_every_value_of_a_table_counts(name, data):
    array = getattr(STORE.tables, name).copy()
    place = data.draw(st.integers(0, array.size - 1))
    array.reshape(-1)[place] += data.draw(st.sampled_from([-1, 1, 7]))
    changed = with_array(STORE, name, array)
    assert store_digest(changed) != store_digest(STORE) and not same_recordings(changed, STORE)


@given(name=st.sampled_from(ARRAYS), cut=st.integers(1, 3))
def test_the_shape_of_a_table_counts(name, cut):
    array = getattr(STORE.tables, name)
    flat = with_array(STORE, name, array[:-cut]), with_array(STORE, name, array[np.newaxis])
    assert len(set(map(store_digest, (STORE, *flat)))) == 3


@given(name=st.sampled_from(TEXTS), question=st.integers(0, 2), data=st.data())
def test_every_text_counts(name, question, data):
    texts = list(getattr(STORE, name))
    if name == "class_texts":
        classes = list(texts[question])
        place = data.draw(st.integers(0, len(classes) - 1))
        classes[place] += data.draw(st.text(min_size=1))
        texts[question] = tuple(classes)
    else:
        texts[question] += data.draw(st.text(min_size=1))
    assert store_digest(replace(STORE, **{name: tuple(texts)})) != store_digest(STORE)


@pytest.mark.parametrize("question", range(3))
def test_the_interval_the_right_answers_and_the_columns_of_signals_count(question):
    gold = STORE.gold.copy()
    gold[question] += 1
    also = tuple((9,) if place == question else () for place in range(3))
    columns = STORE.tables.signal_column.copy()
    columns[question], columns[question + 1] = columns[question + 1], columns[question]
    changes = {"interval": STORE.interval + 1 + question, "gold": gold, "also_right": also}
    others = [replace(STORE, **{name: value}) for name, value in changes.items()]
    others.append(with_array(STORE, "signal_column", columns))
    assert len(set(map(store_digest, (STORE, *others)))) == 5
