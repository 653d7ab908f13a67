"""Copies of a store with other lengths: valid, near to it, and worth nothing to who knows it by heart."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from candidates import knowing
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import ANSWERS, recorded_questions, store_of

from tts_gym.agents import PROGRAMS, make_controller
from tts_gym.datasets import RecordedBranch, RecordedQuestion, synthetic_store
from tts_gym.datasets.store import INVALID, Tables
from tts_gym.discovery.programs import source_of
from tts_gym.episode.rules import EpisodeRules
from tts_gym.sandbox.anonymise import anonymise
from tts_gym.sandbox.candidate import Candidate, read_candidate
from tts_gym.sandbox.jail import run_jailed
from tts_gym.sandbox.perturb import JITTER, SCALE, perturbed

EXACT = EpisodeRules()


@st.composite
def stores(draw):
    """Stores of long and of short branches, with as many probes as their lengths say or not, and signals or none."""
    if draw(st.booleans()):
        return store_of(*draw(recorded_questions()))
    interval = draw(st.sampled_from([1, 7, 50]))
    lengths = st.lists(st.integers(1, interval * 60), min_size=1, max_size=6)
    questions = [
        RecordedQuestion(
            str(number),
            "?",
            "a",
            [
                RecordedBranch(
                    length,
                    draw(st.lists(ANSWERS, min_size=count, max_size=count)),
                    draw(ANSWERS),
                    signals={"answer_logprob": [-k / 8 for k in range(count)]},
                )
                for length in draw(lengths)
                for count in [max(int(length > 2 * interval), (length - 1) // interval)]
            ],
        )
        for number in range(draw(st.integers(1, 3)))
    ]
    return store_of(interval, questions)


SEEDS = st.integers(0, 2**32)


def written(store, tables):
    """The questions that ``tables`` record, as a reader of a store would find them."""
    found = []
    for question, texts in enumerate(store.class_texts):
        branches = []
        for row in range(tables.branch_start[question], tables.branch_start[question + 1]):
            classes = tables.answers[tables.answer_start[row] : tables.answer_start[row + 1]].tolist()
            *probes, final = [None if each == INVALID else texts[each] for each in classes]
            values = tables.signals[tables.answer_start[row] - row : tables.answer_start[row + 1] - row - 1]
            signals = {name: values[:, place].tolist() for place, name in enumerate(store.signals)}
            branches.append(RecordedBranch(int(tables.tokens[row]), probes, final, signals=signals))
        gold = texts[store.gold[question]]
        found.append(RecordedQuestion(store.question_ids[question], store.questions[question], gold, branches))
    return found


@settings(deadline=None, max_examples=60)
@given(stores(), SEEDS)
def test_a_copy_is_a_store(store, seed):
    """Whatever checks a store reads what a copy records, and comes to the same arrays."""
    copy = perturbed(store.tables, store.interval, np.random.default_rng(seed))
    questions = written(store, copy)
    again = store_of(store.interval, questions)
    for name in set(Tables._fields) - {"answers"}:
        one, other = getattr(copy, name), getattr(again.tables, name)
        assert one.dtype == other.dtype and np.array_equal(one, other), name
    assert copy.answers.dtype == again.tables.answers.dtype
    assert written(again, again.tables) == questions


@settings(deadline=None, max_examples=60)
@given(stores(), SEEDS)
def test_each_branch_of_a_copy_is_one_that_was_recorded_a_few_per_cent_longer_or_shorter(store, seed):
    """Told by the final answer and the length, or by anything else that fits."""
    tables, interval = store.tables, store.interval
    # Branches that tell which they are: by their final answer.
    finals = tables.answer_start[1:] - 1
    answers = np.zeros_like(tables.answers)
    answers[finals] = np.arange(len(finals)) + 1
    numbers = np.arange(len(tables.answers) - len(finals), dtype=np.float32)[:, np.newaxis]
    copy = perturbed(tables._replace(answers=answers, signals=numbers), interval, np.random.default_rng(seed))
    rows = copy.answers[copy.answer_start[1:] - 1] - 1
    for first, last in zip(tables.branch_start[:-1], tables.branch_start[1:], strict=True):
        assert sorted(rows[first:last]) == list(range(first, last))
    before, after = tables.tokens[rows], copy.tokens
    most = (1 + SCALE) * (1 + JITTER)
    assert (np.abs(after - before) <= (most - 1) * before + 0.5).all()
    old, new = np.diff(tables.answer_start)[rows] - 1, np.diff(copy.answer_start) - 1
    assert ((old == 0) == (new == 0)).all()
    more = (after - 1) // interval - (before - 1) // interval
    assert ((new == old + more) | (new == 1) | (new == 0)).all()
    for row, recorded in enumerate(rows):
        start, end = copy.answer_start[row] - row, copy.answer_start[row + 1] - row - 1
        places = copy.signals[start:end, 0] - (tables.answer_start[recorded] - recorded)
        assert (
            (np.diff(places) >= 0).all() and (places >= 0).all() and (places < max(1, old[recorded == rows][0])).all()
        )
        due = np.arange(1, end - start + 1) * tables.tokens[recorded] / copy.tokens[row]
        assert (np.abs(places + 1 - np.clip(due, 1, max(1, old[row]))) <= 1).all()


@settings(deadline=None, max_examples=60)
@given(stores(), SEEDS)
def test_answers_and_signals_of_a_copy_stay_together(store, seed):
    """Each probe has the signals that were recorded with its answer."""
    tables = store.tables
    answers = np.arange(len(tables.answers), dtype=np.int32)
    is_probe = np.ones(len(answers), bool)
    is_probe[tables.answer_start[1:] - 1] = False
    marked = tables._replace(answers=answers, signals=answers[is_probe].astype(np.float32)[:, np.newaxis])
    copy = perturbed(marked, store.interval, np.random.default_rng(seed))
    probes = np.delete(copy.answers, copy.answer_start[1:] - 1)
    assert probes.tolist() == copy.signals[:, 0].tolist()


@pytest.fixture(scope="module")
def store():
    return synthetic_store(questions=30, branches=40, seed=5)


def all_knowing(store):
    """A candidate with the lengths that tell a right branch, which are more than the check of sources lets through."""
    finals = store.tables.answers[store.tables.answer_start[1:] - 1]
    right = finals == np.repeat(store.gold, store.branch_counts)
    telling = np.setdiff1d(store.tables.tokens[right], store.tables.tokens[~right])
    return Candidate(knowing(telling, most=16), True, "0" * 64)


def accuracy(run):
    assert run.failure is None
    return 100 * np.array([rows["correct"].mean() for rows in run.rows])


def test_lengths_known_by_heart_are_worth_nothing_on_a_copy(store, interpreted):
    arguments = (all_knowing(store), [store], [1.0], range(10), EXACT)
    fallback = 100 * make_controller(PROGRAMS["sc"], n=16).run(store, range(10), EXACT)["correct"].mean()
    there = accuracy(run_jailed(*arguments))
    copies = [accuracy(run_jailed(*arguments, copies=np.random.default_rng(seed))) for seed in range(3)]
    assert there > fallback + 15
    assert np.mean(copies) < fallback + 3


def on_copy(store, seed):
    return replace(store, tables=perturbed(store.tables, store.interval, np.random.default_rng(seed)))


@pytest.mark.parametrize("name", ["cmc", "crew"])
def test_programs_that_know_nothing_by_heart_lose_nothing_on_a_copy(store, name):
    """Within what chance makes of 30 questions x 60 orders; and the tokens are as many as the lengths are longer."""
    controller = make_controller(PROGRAMS[name])
    there = controller.run(store, range(60), EXACT)
    for seed in range(3):
        copy = on_copy(store, seed)
        here = controller.run(copy, range(60), EXACT)
        error = np.sqrt(sum(rows.groupby("question_id")["correct"].var().mean() / 1800 for rows in (here, there)))
        assert abs(here["correct"].mean() - there["correct"].mean()) < 4 * error
        longer = copy.mean_branch_tokens / store.mean_branch_tokens
        assert here["tokens"].mean() / there["tokens"].mean() == pytest.approx(longer, rel=0.04)


def test_the_order_of_a_seed_is_not_that_of_the_recordings(store):
    firsts = {on_copy(store, seed).tables.tokens[0] for seed in range(20)}
    assert len(firsts) > 10


def test_a_jail_is_graded_on_the_copy_that_it_was_given(store, interpreted):
    """What it returns of a copy is right where the store's gold is, and its counts are those of the copy."""
    outside = make_controller(PROGRAMS["sc"], n=7).run(on_copy(store, 7), range(4), EXACT).assign(beta=0.1)
    candidate = read_candidate(source_of("sc")[1])
    (rows,) = run_jailed(candidate, [store], [0.1], range(4), EXACT, copies=np.random.default_rng(7)).rows
    pd.testing.assert_frame_equal(rows, outside)


def test_an_anonymised_store_is_of_the_copy(store):
    anonymised = anonymise(on_copy(store, 7), np.random.default_rng(0))
    assert np.array_equal(anonymised.tables.tokens, on_copy(store, 7).tables.tokens)
    assert np.array_equal(anonymise(store, np.random.default_rng(0)).tables.tokens, store.tables.tokens)
