"""Compiled replay, interpreted replay and the model agree: on every program, and on any sequence of calls."""

from dataclasses import replace

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import PARAMETERS, episode_rules, model_of, recorded_questions, store_of

from tts_gym.agents.drive import compiled_drive
from tts_gym.agents.programs import PROGRAMS
from tts_gym.agents.replay import branch_order, replay, replay_episode
from tts_gym.envs.actions import BRANCH, decode_action
from tts_gym.envs.compiled import borrow, compiled_episode
from tts_gym.envs.episode import ReplayEpisode, episode_fields
from tts_gym.envs.state import ACTIONS, COMPLETED, PROBES, STEPS
from tts_gym.envs.transitions import reset

JIT = not numba.config.DISABLE_JIT
LOG_SIZE = 64
SEEDS = (0, 5)


def spelled(log):
    """The actions of a kernel's log as the model writes them."""
    return [("branch",) if action == BRANCH else decode_action(action) for action in log]


def compiled_log(program, arguments, store, question, seed, rules):
    fields = episode_fields(store, rules, int(store.branch_counts.max()), LOG_SIZE)
    orders = branch_order(int(store.branch_counts[question]), seed)[np.newaxis]
    result, progress = np.empty((1, 6), np.int64), np.zeros(1, np.int64)
    inputs = (np.array([question]), orders, arguments, store.gold, program.upper_bound, result, progress)
    compiled_drive(program.function)(compiled_episode(fields), *inputs)
    return fields["log"][: fields["count"][ACTIONS]].tolist()


@pytest.mark.parametrize("name", list(PROGRAMS))
def test_a_program_does_the_same_on_every_substrate(name):
    program = PROGRAMS[name]

    @settings(max_examples=60 if JIT else 20, deadline=None, derandomize=True)
    @given(recorded_questions(), episode_rules(), st.fixed_dictionaries(PARAMETERS[name]))
    def check(recorded, rules, parameters):
        rules = replace(rules, eager=True, probe_cost=0)
        store = store_of(*recorded)
        arguments = program.arguments(program.resolve(parameters))
        interpreted = replay(program, arguments, store, SEEDS, rules, interpreted=True)
        assert (replay(program, arguments, store, SEEDS, rules) == interpreted).all()
        for row, results in enumerate(interpreted.tolist()):
            question, seed = row // len(SEEDS), SEEDS[row % len(SEEDS)]
            model = model_of(store, question, seed, rules)
            code = program.function(model, *arguments)
            answer = model.revealed[code] if code >= 0 else -1
            if program.upper_bound and any(b.recorded.final == store.gold[question] for b in model.finished_order):
                answer = store.gold[question]
            expected = [answer, model.tokens, model.sequential_tokens, model.width, model.probes, model.steps]
            assert results == expected
            episode, _ = replay_episode(program, arguments, store, question, seed, rules, LOG_SIZE)
            log = episode.log[: episode.count[ACTIONS]]
            assert spelled(log) == model.log
            if JIT:
                assert compiled_log(program, arguments, store, question, seed, rules) == log

    check()


CALLS = ("branch", "read", "advance", "advance_all", "advance_each", "finish", "probe", "prune")


def call(e, kind, i, k):
    """One call of the episode interface by its number in ``CALLS``; returns what it returns."""
    if kind == 0:
        return e.branch(k)
    if kind == 1:
        return e.read(k)
    if kind == 2:
        return e.advance(i, k)
    if kind == 3:
        return e.advance_all(k)
    if kind == 4:
        return e.advance_each(np.arange(e.width) % (k + 1))
    if kind == 5:
        return int(e.finish(i))
    if kind == 6:
        return e.probe(i)
    return int(e.prune(i))


def observe(e):
    """Everything that can be asked of an episode, as numbers."""
    seen = [float(e.width), e.completed, e.tokens, e.sequential_tokens, e.budget, e.max_width]
    for i in range(e.width):
        seen.append(e.depth(i))
        seen.append(e.length(i))
        seen.append(e.answer(i))
        seen.append(e.is_active(i))
        seen.append(e.is_finished(i))
        seen.append(e.is_valid(e.answer(i)))
    for pool in range(3):
        seen.append(e.leader(pool))
        seen.append(e.confidence(pool))
        for count in e.votes(pool):
            seen.append(count)
    return seen


@numba.njit
def call_and_observe(episode, kind, i, k):
    e = borrow(episode)
    result = call_compiled(e, kind, i, k)
    return result, observe_compiled(e)


@numba.njit
def begin(episode, question):
    reset(borrow(episode), question)


call_compiled, observe_compiled = numba.njit(call), numba.njit(observe)


@settings(max_examples=150 if JIT else 40, deadline=None, derandomize=True)
@given(
    recorded_questions(),
    episode_rules(),
    st.lists(st.tuples(st.integers(0, 7), st.integers(0, 6), st.integers(1, 4)), max_size=15),
)
def test_any_calls_do_the_same_on_every_substrate(recorded, rules, calls):
    store = store_of(*recorded)
    question = len(store) - 1
    fields = episode_fields(store, rules, int(store.branch_counts.max()), LOG_SIZE)
    order = branch_order(int(store.branch_counts[question]), 1)
    fields["order"] = order
    model, interpreted = model_of(store, question, 1, rules), ReplayEpisode(fields)
    reset(interpreted, question)
    if JIT:
        compiled = compiled_episode(fields)
        begin(compiled, question)
    for kind, i, k in calls:
        if kind in (2, 5, 6, 7) and i >= model.width:
            with pytest.raises(IndexError):
                call(model, kind, i, k)
            with pytest.raises(IndexError, match="not opened"):
                call(interpreted, kind, i, k)
            continue
        expected = call(model, kind, i, k), observe(model)
        assert (call(interpreted, kind, i, k), observe(interpreted)) == expected
        if JIT:
            assert call_and_observe(compiled, kind, i, k) == expected
        count = interpreted.count
        assert (count[COMPLETED], count[PROBES], count[STEPS]) == (model.completed, model.probes, model.steps)
    assert spelled(interpreted.log[: interpreted.count[ACTIONS]]) == model.log


@settings(max_examples=50, deadline=None, derandomize=True)
@given(
    recorded_questions(), episode_rules(), st.lists(st.tuples(st.integers(0, 7), st.integers(0, 6), st.integers(1, 4)))
)
def test_a_budget_is_never_exceeded_and_exact_tokens_are_those_generated(recorded, rules, calls):
    store = store_of(*recorded)
    rules = replace(rules, published=False)
    model = model_of(store, 0, 0, rules)
    for kind, i, k in calls:
        if kind not in (2, 5, 6, 7) or i < model.width:
            call(model, kind, i, k)
    assert model.tokens <= rules.budget
    probed = sum(action[0] == "probe" for action in model.log) * rules.probe_cost
    assert model.tokens == probed + sum(model.length(i) for i in range(model.width))
    assert model.sequential_tokens <= model.tokens
