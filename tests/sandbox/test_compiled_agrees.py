"""Compiled code that does something else than its source is refused."""

import time
from dataclasses import replace

import pytest
from candidates import READER, reading_after

from tts_gym.datasets import synthetic_store
from tts_gym.episode.rules import EpisodeRules
from tts_gym.sandbox import agreement
from tts_gym.sandbox.candidate import read_candidate
from tts_gym.sandbox.jail import run_jailed, validate

EXACT = EpisodeRules()
ODD = "x = round(9007199254740993 + episode.width) - 9007199254740992"
"""1, but 0 in compiled code, which rounds real numbers only."""


@pytest.fixture(scope="module")
def store():
    return synthetic_store(questions=6, branches=70, seed=3)


@pytest.mark.parametrize(
    ("body", "line"),
    [
        (["x = 2 ** (70 - episode.width)", "if x > 0:", "    n = 1"], 6),
        (["i = 0", "while 2 ** i > 0:", "    i = i + 1"], 7),
        (["x = np.full(1, 9223372036854775807)", "x[0] += n"], 7),
    ],
    ids=["another program", "endless but for an overflow", "an element"],
)
def test_a_whole_number_of_more_than_64_bits_fails_at_once(body, line, store):
    run = validate(read_candidate(reading_after(*body)), store)
    assert run.failure.startswith("failed: ") and "OverflowError: a whole number" in run.failure
    assert f"in line {line}" in run.failure or f"candidate.py:{line}" in run.failure
    assert run.seconds < 30


@pytest.mark.parametrize("body", ["n = 1", "return -1"], ids=["other decisions", "another answer"])
def test_another_program_in_plain_python_is_refused(body, store):
    failure = validate(read_candidate(reading_after(ODD, "if x > 0:", f"    {body}")), store).failure
    assert failure.startswith("refused: compiled and in plain Python it differs (question ")
    assert "it takes other decisions" in failure and ", beta " in failure


def test_what_does_not_end_in_plain_python_is_refused_soon(store, monkeypatch):
    monkeypatch.setattr(agreement, "SECONDS", 1.0)
    candidate = read_candidate(reading_after(ODD, "while x > 0:", "    x = x * 1"))
    assert run_jailed(candidate, [store], [0.5], [0], EXACT).failure.endswith("it did not end within 1 seconds")


def test_notes_without_end_cost_neither_memory_nor_time(store):
    candidate = read_candidate(reading_after("for i in range(20000):", '    episode.note("x", i)'))
    start = time.monotonic()
    assert run_jailed(candidate, [store], [0.5], [0], EXACT).failure is None
    assert time.monotonic() - start < 60


def asked_of(monkeypatch):
    """What is asked of jails in plain Python, as it is asked."""
    asked = []
    run_plain = agreement.run_plain

    def noting(candidate, stores, anonymised, episodes, rules, limits):
        asked.append(episodes)
        return run_plain(candidate, stores, anonymised, episodes, rules, limits)

    monkeypatch.setattr(agreement, "run_plain", noting)
    return asked


def test_half_of_the_sample_has_orders_that_nobody_foresees(store, monkeypatch):
    stores = [store, synthetic_store(questions=3, branches=9, seed=1)]
    asked = asked_of(monkeypatch)
    for _ in range(2):
        run = run_jailed(read_candidate(READER), stores, [0.0, 1.0], range(5), EXACT)
        assert run.failure is None
        assert [len(rows) for rows in run.rows] == [6 * 5, 6 * 5, 3 * 5, 3 * 5]
        assert all(set(rows["seed"]) == set(range(5)) for rows in run.rows)
    fresh = [{one.seed for one in episodes} - set(range(5)) for episodes in asked]
    assert all(1 <= len(seeds) <= agreement.UNFORESEEN for seeds in fresh)
    assert fresh[0].isdisjoint(fresh[1])
    for episodes in asked:
        assert agreement.SAMPLE * 0.6 < len(episodes) <= agreement.SAMPLE
        assert 0.3 < sum(one.seed >= 5 for one in episodes) / len(episodes) < 0.7
        assert {one.store for one in episodes} == {0, 1} and {one.beta for one in episodes} == {0.0, 1.0}


def test_one_word_that_plain_python_does_not_come_to_is_refused(store, monkeypatch):
    """As if compiled code had done something else in one episode."""
    run_plain = agreement.run_plain

    def changed(*arguments):
        first, *rest = run_plain(*arguments)
        return [replace(first, log=(*first.log[:-1], first.log[-1] + 1)), *rest]

    monkeypatch.setattr(agreement, "run_plain", changed)
    assert "it takes other decisions" in run_jailed(read_candidate(READER), [store], [0.5], [0], EXACT).failure
