import warnings
from itertools import islice

import numpy as np
import pytest

from tts_gym.datasets import (
    INVALID,
    SyntheticModel,
    same_recordings,
    synthetic_questions,
    synthetic_store,
)
from tts_gym.errors import StoreError


@pytest.fixture(scope="module")
def store():
    return synthetic_store(questions=150, branches=64, seed=7)


@pytest.fixture(scope="module")
def probe_counts(store):
    return np.diff(store.tables.answer_start) - 1


@pytest.fixture(scope="module")
def gold(store):
    """Class of the correct answer of each branch."""
    return np.repeat(store.gold, store.branch_counts)


@pytest.fixture(scope="module")
def right(store, gold):
    """Whether each branch ends right."""
    return store.tables.answers[store.tables.answer_start[1:] - 1] == gold


def test_a_seed_fixes_the_store(store):
    assert same_recordings(store, synthetic_store(questions=150, branches=64, seed=7))
    assert not same_recordings(store, synthetic_store(questions=150, branches=64, seed=8))


def test_a_question_does_not_depend_on_how_many_there_are():
    assert list(islice(synthetic_questions(50, 8, seed=2), 3)) == list(synthetic_questions(3, 8, seed=2))


def test_the_store_is_marked_synthetic(store):
    assert store.metadata["synthetic"] is True and store.label.endswith("(synthetic)")
    assert store.metadata["sampling"]["invalid"] == SyntheticModel().invalid and store.metadata["seeds"] == [7]
    assert store.signals == (
        "mean_logprob",
        "min_logprob",
        "tail_logprob",
        "topk_confidence",
        "answer_logprob",
        "self_certainty",
    )


def test_right_branches_are_shorter(store, right):
    tokens = store.tables.tokens
    assert tokens[right].mean() < 0.7 * tokens[~right].mean()
    assert 10_000 < tokens.mean() < 16_000


def test_accuracy_rises_with_depth(store, probe_counts, gold):
    def accuracy(share):
        probe = np.maximum(np.ceil(share * probe_counts).astype(int) - 1, 0)
        return (store.tables.answers[store.tables.answer_start[:-1] + probe] == gold).mean()

    early, middle, late = accuracy(0.1), accuracy(0.5), accuracy(1.0)
    assert early + 0.05 < middle < late - 0.05


def test_a_majority_beats_a_single_branch_and_some_questions_beat_everyone(store, right):
    finals = store.tables.answers[store.tables.answer_start[1:] - 1].reshape(len(store), -1)
    accuracy = right.reshape(len(store), -1).mean(axis=1)
    winners = np.array([np.bincount(votes[votes != INVALID]).argmax() for votes in finals])
    assert 0.05 < (winners == store.gold).mean() - accuracy.mean() < 0.2
    assert 0.05 < (accuracy == 0).mean() < 0.3


def test_the_share_of_invalid_probes_is_the_parameter(store):
    probes = np.delete(store.tables.answers, store.tables.answer_start[1:] - 1)
    assert (probes == INVALID).mean() == pytest.approx(SyntheticModel().invalid, rel=0.05)


def test_signals_tell_right_branches_from_wrong_ones(store, probe_counts, right):
    of_right = np.repeat(right, probe_counts)
    signals = dict(zip(store.signals, store.tables.signals.T, strict=True))
    for name, values in signals.items():
        assert values.max() <= 0 if name.endswith("logprob") else values.min() > 0
        assert values[of_right].mean() > values[~of_right].mean()
    assert signals["min_logprob"].mean() < signals["mean_logprob"].mean()


def test_a_sure_forced_answer_comes_late_and_is_mostly_right(store, probe_counts, gold):
    answer_logprob = store.tables.signals[:, store.signals.index("answer_logprob")]
    first = store.tables.answer_start[:-1] - np.arange(len(probe_counts))
    last = first + probe_counts - 1
    assert answer_logprob[first].mean() + 0.1 < answer_logprob[last].mean()
    probes = np.delete(store.tables.answers, store.tables.answer_start[1:] - 1)
    right = probes == np.repeat(gold, probe_counts)
    sure = np.exp(answer_logprob) > 0.95
    assert 0.05 < sure.mean() < 0.5 and right[sure].mean() > 2 * right[~sure].mean()


def test_capped_branches_stop_for_length():
    model = SyntheticModel(max_tokens=9000)
    branches = [branch for question in synthetic_questions(5, 32, model=model) for branch in question.branches]
    assert {branch.finish_reason for branch in branches} == {"stop", "length"}
    assert all((branch.tokens == 9000) == (branch.finish_reason == "length") for branch in branches)


def test_branches_shorter_than_an_interval_have_no_probes():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        store = synthetic_store(2, 3, interval=100_000)
    assert store.most_probes == 0


@pytest.mark.parametrize("arguments", [(0, 1, 1), (1, 0, 1), (1, 1, 0)])
def test_an_empty_store_cannot_be_drawn(arguments):
    with pytest.raises(StoreError, match="at least one question, branch and token"):
        synthetic_store(*arguments)
