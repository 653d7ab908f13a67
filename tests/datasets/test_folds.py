"""Folds split a store by question, the same way in every store."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tts_gym.datasets import load_store
from tts_gym.datasets.folds import fold_numbers, select_fold
from tts_gym.errors import StoreError
from tts_gym.evaluation import evaluate

STORE = "smollm2-arithmetic"


@given(texts=st.lists(st.text(), unique=True), folds=st.integers(1, 50))
def test_folds_hold_equal_numbers_of_questions(texts, folds):
    sizes = np.bincount(fold_numbers(texts, folds), minlength=folds + 1)
    assert sizes[0] == 0 and sizes.sum() == len(texts) and len(sizes) == folds + 1
    assert sizes[1:].max() - sizes[1:].min() <= 1


@given(texts=st.lists(st.text(), min_size=1), folds=st.integers(1, 9), seed=st.randoms())
def test_folds_depend_on_the_texts_alone(texts, folds, seed):
    shuffled = [*texts, texts[0]]
    seed.shuffle(shuffled)
    numbered = [set(zip(these, fold_numbers(these, folds).tolist(), strict=True)) for these in (texts, shuffled)]
    assert numbered[0] == numbered[1] and len(numbered[0]) == len(set(texts))


@pytest.mark.parametrize("controller", ["cmc", "deepconf-online"])
def test_the_folds_make_up_the_store(controller):
    whole = evaluate(controller, STORE, seeds=3).rows.drop(columns="store").set_index("question_id")
    parts = [evaluate(controller, f"{STORE}?only={fold}/3", seeds=3).rows for fold in (1, 2, 3)]
    rows = pd.concat(parts).drop(columns="store").set_index("question_id")
    pd.testing.assert_frame_equal(rows.sort_index(kind="stable"), whole.sort_index(kind="stable"))


def test_the_others_are_what_is_left():
    whole = set(load_store(STORE).questions)
    only, others = (set(load_store(f"{STORE}?{word}=2/4").questions) for word in ("only", "except"))
    assert only | others == whole and not only & others


def test_selections_nest():
    outer, inner = load_store(f"{STORE}?except=1/5"), load_store(f"{STORE}?except=1/5?only=2/3")
    assert set(inner.questions) == set(np.array(outer.questions)[fold_numbers(outer.questions, 3) == 2])
    assert inner.name == f"{STORE}?except=1/5?only=2/3"


@pytest.mark.parametrize(
    "selection", ["", "only", "only=0/5", "only=6/5", "only=1/0", "except=1/1", "only=1/5 ", "some=1/5", "only=1/9999"]
)
def test_other_selections_are_refused(selection):
    with pytest.raises(StoreError):
        select_fold(load_store(STORE), selection)


def test_a_file_may_have_a_question_mark_in_its_name(tmp_path):
    with pytest.raises(StoreError, match="no store 'there'"):
        load_store("there?only=1/2")
    (tmp_path / "what?.json").write_text("[]")
    with pytest.raises(StoreError, match=r"what\?\.json"):
        load_store(tmp_path / "what?.json")
