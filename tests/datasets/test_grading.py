"""What makes an answer right, from the records to the arrays."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tts_gym.datasets import RecordedBranch, RecordedQuestion, read_store, same_recordings, write_store
from tts_gym.datasets.folds import select_questions
from tts_gym.datasets.grading import Grading, graded, grading_of, joined
from tts_gym.datasets.recordings import read_records
from tts_gym.datasets.records import text_classes
from tts_gym.datasets.verify import summarise
from tts_gym.episode.grading import is_right
from tts_gym.errors import StoreError
from tts_gym.files import sha256


def ending(*finals):
    return [RecordedBranch(10, [], final) for final in finals]


QUEENS = RecordedQuestion("queens", "4 queens?", "2 4 1 3", ending("1 2 3 4", "3 1 4 2", "2 4 1 3", None), ["3 1 4 2"])
SUM = RecordedQuestion("sum", "1 + 1?", "2", ending("2", "3"))


@pytest.fixture
def directory(tmp_path, metadata):
    write_store(tmp_path / "store", [QUEENS, SUM], metadata)
    return tmp_path / "store"


def test_two_right_answers_are_two_classes_and_both_right(directory):
    store = read_store(directory)
    assert store.class_texts[0] == ("ERR", "1 2 3 4", "3 1 4 2", "2 4 1 3")
    assert (store.gold.tolist(), store.also_right) == ([3, 1], ((2,), ()))
    assert [store.right_classes(question) for question in (0, 1)] == [{2, 3}, {1}]
    assert not any(array.flags.writeable for array in store.grading)
    facts = summarise(store)
    assert (facts.questions, facts.questions_with_several_right_answers) == (2, 1)
    assert facts.branch_accuracy == 0.5
    assert pd.read_parquet(directory / "questions.parquet")["right"].tolist()[1] is None
    assert read_records(directory)[1] == [QUEENS, SUM]


def test_a_right_answer_that_is_another_spelling_is_no_other_answer(tmp_path, metadata):
    question = replace(SUM, right=["2.0", "two"])
    write_store(tmp_path / "store", [question], metadata, lambda answers, gold: [1, 2, 1, 3])
    store = read_store(tmp_path / "store")
    assert store.class_texts == (("ERR", "2", "3", "two"),) and store.also_right == ((3,),)


def test_a_selection_of_questions_keeps_what_is_right(directory):
    store = read_store(directory)
    one, other = (select_questions(store, np.array(kept)) for kept in ([True, False], [False, True]))
    assert (one.also_right, one.right_classes(0)) == (((2,),), {2, 3})
    assert (other.also_right, other.right_classes(0)) == (((),), {1})


def test_what_is_right_tells_stores_apart(directory, tmp_path, metadata):
    write_store(tmp_path / "other", [replace(QUEENS, right=[]), SUM], metadata)
    store, other = read_store(directory), read_store(tmp_path / "other")
    assert not same_recordings(store, other) and same_recordings(store, read_store(directory))


def without_new_columns(directory):
    """Make the store one of the first version."""
    file, described = directory / "questions.parquet", json.loads((directory / "metadata.json").read_text())
    pq.write_table(pq.read_table(file, columns=["id", "question", "gold"]), file)
    described |= {"format_version": 1, "sha256": described["sha256"] | {file.name: sha256(file)}}
    (directory / "metadata.json").write_text(json.dumps(described))


def test_a_store_of_the_first_version_has_one_right_answer_a_question(directory):
    without_new_columns(directory)
    store = read_store(directory)
    assert store.gold.tolist() == [3, 1] and store.also_right == ((), ())
    assert read_records(directory)[1] == [replace(QUEENS, right=[]), SUM]


@pytest.mark.parametrize(
    ("right", "message"), [(["4 2 3 1"], "'4 2 3 1' is not one"), ([None], "None is not one"), (["ERR"], "'ERR'")]
)
def test_a_right_answer_that_is_not_listed_is_refused_by_question(directory, right, message):
    file, described = directory / "questions.parquet", json.loads((directory / "metadata.json").read_text())
    table = pq.read_table(file)
    place = table.schema.get_field_index("right")
    column = table.schema.field(place)
    pq.write_table(table.set_column(place, column, pa.array([right, None], column.type)), file)
    described["sha256"][file.name] = sha256(file)
    (directory / "metadata.json").write_text(json.dumps(described))
    with pytest.raises(StoreError, match=f"question 'queens': the right answer {message}"):
        read_store(directory)


def test_right_answers_that_are_no_texts_are_refused(tmp_path, metadata):
    with pytest.raises(StoreError, match="question 'sum': right answer is 2"):
        write_store(tmp_path / "store", [replace(SUM, right=[2])], metadata)


def test_where_a_scorer_decides_answers_are_one_where_their_texts_are(tmp_path, metadata):
    finals = ("Q _\n_ Q", "q _ _ q", "2", "2.0", "ABC", "abc")
    question = RecordedQuestion("q", "?", "2", ending(*finals), ["ABC"], scorer="task")
    write_store(tmp_path / "store", [question], metadata, lambda answers, gold: [1] * len(answers))
    store = read_store(tmp_path / "store")
    assert store.tables.answers.tolist() == [1, 1, 2, 3, 4, 5]
    assert store.right_classes(0) == {2, 4}


@given(st.lists(st.text("aA \n1", max_size=4), unique=True), st.data())
def test_classes_by_text_never_join_a_right_and_a_wrong_answer(answers, data):
    right = data.draw(st.sets(st.sampled_from(answers))) if answers else set()
    classes = text_classes(answers, right)
    assert list(dict.fromkeys(classes)) == list(range(1, 1 + len(set(classes))))
    for one, first in zip(answers, classes, strict=True):
        for other, second in zip(answers, classes, strict=True):
            alike = one.lower().split() == other.lower().split() and (one in right) == (other in right)
            assert (first == second) == alike


RIGHT = st.lists(st.lists(st.integers(1, 6), unique=True, max_size=4), min_size=1, max_size=4)


@settings(deadline=None)
@given(st.lists(RIGHT, min_size=1, max_size=3), st.data())
def test_arrays_kernel_and_sets_agree_on_what_is_right(stores, data):
    sets = [set(right) for store in stores for right in store]
    grading = joined([grading_of(store) for store in stores])
    assert isinstance(grading, Grading) and len(grading.start) == len(sets) + 1
    asked = data.draw(st.lists(st.tuples(st.integers(0, len(sets) - 1), st.integers(-1, 7)), max_size=8))
    questions, answers = np.array(asked, np.int64).reshape(-1, 2).T
    expected = [answer in sets[question] for question, answer in asked]
    assert graded(grading, questions, answers).tolist() == expected
    assert [is_right(grading, question, answer) for question, answer in asked] == expected
