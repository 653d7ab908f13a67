"""What a jail returns is what the same code returns outside."""

import os
import threading

import numpy as np
import pandas as pd
import pytest
from candidates import READER, SOLVER, UNCOMPILABLE, shipped_cmc
from hypothesis import given, settings
from strategies import recorded_questions, store_of

from tts_gym.agents import PROGRAMS, make_controller
from tts_gym.datasets import synthetic_store
from tts_gym.episode.rules import EpisodeRules
from tts_gym.sandbox.anonymise import anonymise, describe, rebuild
from tts_gym.sandbox.candidate import read_candidate
from tts_gym.sandbox.jail import run_jailed

EXACT, PUBLISHED = EpisodeRules(), EpisodeRules(published=True)


@pytest.fixture(scope="module")
def stores():
    return [synthetic_store(questions=5, branches=12, seed=seed) for seed in (1, 2)]


def as_evaluated(controller, store, seeds, rules, beta):
    return controller.run(store, seeds, rules).assign(beta=beta)


@pytest.mark.parametrize("rules", [EXACT, PUBLISHED, EpisodeRules(budget=9_000, probe_cost=3, eager=False)])
@pytest.mark.slow
def test_rows_are_those_of_the_same_program_outside(stores, rules):
    betas, seeds = [0.0, 0.5, 1.0], [3, 1, 4]
    run = run_jailed(read_candidate(shipped_cmc()), stores, betas, seeds, rules)
    assert run.failure is None and run.compiled
    expected = [
        as_evaluated(make_controller(PROGRAMS["cmc"], beta=beta), store, seeds, rules, beta)
        for store in stores
        for beta in betas
    ]
    for rows, outside in zip(run.rows, expected, strict=True):
        pd.testing.assert_frame_equal(rows, outside)


def test_a_jail_compiles_as_the_environment_of_now_says(stores, monkeypatch):
    def reason():
        return run_jailed(read_candidate(UNCOMPILABLE), stores[:1], [0.0], [0], EXACT).failure

    # The recount is compiled by then, as the parent's compiler reads the environment too.
    assert "does not compile" in reason()
    monkeypatch.setenv("NUMBA_DISABLE_JIT", "1")
    assert "IndexError" in reason()


def test_a_class_gets_rows_like_outside_and_sees_no_text(stores):
    names = {}
    exec(SOLVER, names)
    run = run_jailed(read_candidate(SOLVER), stores, [0.5], range(4), PUBLISHED)
    assert run.failure is None and not run.compiled
    for store, rows in zip(stores, run.rows, strict=True):
        outside = make_controller(names["Reader"], beta=0.5).run(store, range(4), PUBLISHED).assign(beta=0.5)
        pd.testing.assert_frame_equal(rows, outside)
    telling = SOLVER.replace("return Counter", "raise ValueError(sorted(set(answers)))\n        return Counter")
    failure = run_jailed(read_candidate(telling), stores, [1.0], range(1), PUBLISHED).failure
    assert failure.startswith("failed: ValueError: ['0'")


def test_the_parameters_of_the_schedule_come_back_as_numbers(stores):
    run = run_jailed(read_candidate(READER), stores[:1], [0.5], [0], EXACT, schedule_betas=(0.0, 1.0))
    assert run.schedule == [{"most": 2, "threshold": 0.8}, {"most": 64, "threshold": 0.99}]


def test_the_width_ceiling_is_kept(stores):
    assert run_jailed(read_candidate(READER), stores, [0.0], [0], EXACT, max_width=2).failure is None
    failure = run_jailed(read_candidate(READER), stores, [0.0, 1.0], range(9), EXACT, max_width=2).failure
    assert failure.startswith("refused: it opened ") and "beta = 1, but 2 is the most" in failure


@pytest.mark.slow
def test_jails_may_run_beside_one_another(stores):
    runs = {}

    def work(beta):
        runs[beta] = run_jailed(read_candidate(READER), stores, [beta], [0], EXACT)

    threads = [threading.Thread(target=work, args=(beta,)) for beta in (0.0, 1.0)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {beta: run.rows[0]["beta"].iloc[0] for beta, run in runs.items()} == {0.0: 0.0, 1.0: 1.0}


def test_every_layer_is_reached_where_the_system_has_it(stores):
    run = run_jailed(read_candidate(READER), stores, [0.0], [0], EXACT)
    layers = run.isolation.split(" + ")
    assert layers[0] == "process group" and "rlimits" in layers
    if os.uname().machine in ("x86_64", "aarch64"):
        assert "seccomp" in layers


@pytest.mark.slow
def test_what_may_be_called_compiles_in_the_jail(stores):
    source = """
def schedule(beta):
    steps = [0.25, 0.5]
    found = {"a": min(steps) + math.floor(3 * beta)}
    found["b"] = sum(steps) if beta > 0.5 else 0.75
    return found


def program(episode, a, b):
    x = np.zeros(4) + np.arange(4) * a
    x[1:] = np.sqrt(np.abs(x[1:])) + np.exp(-x[1:]) + np.log1p(np.maximum(x[1:], 0))
    y = np.sort(x + np.ones(4) + np.full(4, b))
    z = np.cumsum(np.minimum(np.maximum(y, 0), 2)) + np.where(y > 1, 1.0, 0.0) + np.sign(y) + np.floor(y) + np.ceil(y)
    total = z.sum() + z.mean() + z.max() + np.std(z) + np.var(z) + np.prod(np.minimum(z, 1)) + z.min()
    counts = np.array([0.0, 1.0, 1.0])
    place = np.count_nonzero(y < 0.5) + int(np.argmax(counts)) + int(np.argmin(counts)) + len(np.unique(y))
    if np.isnan(total) or not np.isfinite(total) or np.any(np.isnan(z)) or np.all(z < 0):
        return -1
    items = [1.0]
    items.append(math.exp(-a) + math.sqrt(2) + math.lgamma(3.0) + math.erf(b) + math.log2(4) + math.pow(2, 0.5))
    last = items.pop()
    for i, value in enumerate(z):
        last += round(value) + i
    for one, other in zip(y, counts):
        last += one * other + abs(one - other) + float(int(bool(one)))
    count: int = 0
    while count < 3 and episode.branch() >= 0:
        count += 1
    shape = z.shape[0] + z.size + z.copy().astype(np.int64).argmax()
    if last + total + place + shape > math.inf:
        return -1
    w = last if count > 1 else -last
    w **= 2
    return episode.leader(ACTIVE)
"""
    run = run_jailed(read_candidate(source), stores[:1], [0.0, 1.0], [0], EXACT)
    assert run.failure is None


@settings(deadline=None, max_examples=30)
@given(recorded_questions())
def test_an_anonymised_store_holds_no_word_and_gives_the_same_episodes(recorded):
    interval, questions = recorded
    store = store_of(interval, questions)
    anonymised = anonymise(store, np.random.default_rng(0))
    data = b"".join(np.ascontiguousarray(array).tobytes() for array in anonymised.tables)
    rebuilt, end = rebuild(describe(anonymised.tables, interval), memoryview(data), 0, "store 0")
    assert end == len(data)
    assert not rebuilt.gold.any() and set(rebuilt.questions) == {""} and not rebuilt.metadata
    assert {text for texts in rebuilt.class_texts for text in texts} == {""}
    controller = make_controller(PROGRAMS["sc"], n=3)
    seen, outside = controller.run(rebuilt, range(2), EXACT), controller.run(store, range(2), EXACT)
    for column in ("tokens", "sequential_tokens", "width", "probes", "stop_step"):
        assert seen[column].tolist() == outside[column].tolist()
    for first, last, originals in zip(
        store.tables.answer_start[store.tables.branch_start[:-1]],
        store.tables.answer_start[store.tables.branch_start[1:]],
        anonymised.originals,
        strict=True,
    ):
        assert (originals[rebuilt.tables.answers[first:last]] == store.tables.answers[first:last]).all()


@pytest.mark.slow
def test_a_killed_fork_server_is_replaced(stores):
    from tts_gym.sandbox import fork_server

    assert run_jailed(read_candidate(READER), stores, [0.0], [0], EXACT).failure is None
    for idle in fork_server._idle:
        idle._process.kill()
        idle._process.wait()
    assert run_jailed(read_candidate(READER), stores, [0.0], [0], EXACT).failure is None
