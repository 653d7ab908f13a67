"""A log recounted gives what the episode came to; any other log is refused, or costs what it says was done."""

import random

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import PARAMETERS, episode_rules, random_questions, random_rules, recorded_questions, store_of

from tts_gym.agents.programs import PROGRAMS
from tts_gym.agents.replay import branch_order, replay_episode
from tts_gym.datasets import RecordedBranch, RecordedQuestion
from tts_gym.episode.actions import BRANCH, CONTINUE, END, PROBE, PRUNE, atomic_actions, on_branch, run_word
from tts_gym.episode.compiled import borrow, compiled_episode
from tts_gym.episode.episode import ReplayEpisode, episode_fields
from tts_gym.episode.recount import log_of, longest_log, recount
from tts_gym.episode.rules import EpisodeRules
from tts_gym.episode.transitions import reset

JIT = not numba.config.DISABLE_JIT
STATE = ("count", "depths", "codes", "finished", "pruned", "completions", "class_of")


def begin(store, question, seed, rules):
    fields = episode_fields(store, rules, int(store.branch_counts.max()), int(longest_log(store, rules)[question]))
    fields["order"] = branch_order(int(store.branch_counts[question]), seed)
    episode = ReplayEpisode(fields)
    reset(episode, question)
    return fields, episode


def state_of(values):
    """All that an episode has come to, as numbers."""
    width = values["count"][0]
    parts = [values[name] if name in ("count", "class_of") else values[name][:width] for name in STATE]
    return [[int(number) for number in part] for part in parts]


def recounted(log, store, question, seed, rules):
    """What a log comes to in plain Python and compiled, which agree, or the exception."""
    log = np.array(log, np.int32)
    fields, interpreted = begin(store, question, seed, rules)
    outcomes = []
    try:
        recount(interpreted, log)
        outcomes.append(state_of(vars(interpreted)))
    except (ValueError, IndexError) as error:
        outcomes.append((type(error), str(error)))
    if JIT:
        try:
            recount_compiled(compiled_episode(fields), question, log)
            outcomes.append(state_of(fields))
        except (ValueError, IndexError) as error:
            outcomes.append((type(error), str(error)))
        assert outcomes[0] == outcomes[1]
    return outcomes[0]


@numba.njit
def recount_compiled(episode, question, log):
    e = borrow(episode)
    reset(e, question)
    recount(e, log)


def call(e, kind, i, k):
    """One call of the episode interface that may change it."""
    steps = np.arange(e.width) % (k + 1)
    calls = [
        lambda: e.branch(k), lambda: e.read(k), lambda: e.advance(i, k), lambda: e.advance_all(k),
        lambda: e.advance_each(steps), lambda: e.finish(i), lambda: e.probe(i), lambda: e.prune(i),
    ]  # fmt: skip
    return calls[kind]()


CALLS = st.lists(st.tuples(st.integers(0, 7), st.integers(0, 5), st.integers(1, 4)), max_size=15)


def played(store, question, rules, calls):
    _, episode = begin(store, question, 1, rules)
    for kind, i, k in calls:
        if i < episode.width or kind in (0, 1, 3, 4):
            call(episode, kind, i, k)
    return episode


@settings(max_examples=150, deadline=None, derandomize=True)
@given(recorded_questions(), episode_rules(), CALLS)
def test_a_log_comes_to_what_the_episode_came_to(recorded, rules, calls):
    store = store_of(*recorded)
    question = len(store) - 1
    episode = played(store, question, rules, calls)
    log = log_of(episode)
    assert len(log) == episode.count[-1] <= longest_log(store, rules)[question]
    assert recounted(log, store, question, 1, rules) == state_of(vars(episode))


@pytest.mark.parametrize("seed", range(0, 100, 10))
def test_long_walks_come_to_what_they_came_to(seed):
    for number in range(seed, seed + 10):
        rng = random.Random(number)
        interval = rng.choice([1, 10, 100])
        store = store_of(interval, random_questions(rng, interval, most_branches=6, most_probes=5))
        rules = random_rules(rng, store)
        calls = [(rng.randrange(8), rng.randrange(6), rng.randint(1, 3)) for _ in range(60)]
        for question in range(len(store)):
            episode = played(store, question, rules, calls)
            assert episode.count[-1] <= longest_log(store, rules)[question]
            assert recounted(log_of(episode), store, question, 1, rules) == state_of(vars(episode))


@pytest.mark.parametrize("name", list(PROGRAMS))
def test_a_program_is_recounted(name):
    program = PROGRAMS[name]

    @settings(max_examples=25, deadline=None, derandomize=True)
    @given(recorded_questions(), episode_rules(), st.fixed_dictionaries(PARAMETERS[name]))
    def check(recorded, rules, parameters):
        store = store_of(*recorded)
        episode, _ = replay_episode(program, program.arguments(program.resolve(parameters)), store, 0, 3, rules)
        assert recounted(log_of(episode), store, 0, 3, rules) == state_of(vars(episode))

    check()


WORDS = st.one_of(st.integers(-14, 24), st.sampled_from([2**31 - 1, -(2**31)]))


@settings(max_examples=200, deadline=None, derandomize=True)
@given(recorded_questions(), episode_rules(), CALLS, st.integers(0, 40), st.integers(0, 2), WORDS)
def test_a_changed_log_is_refused_or_costs_what_it_says(recorded, rules, calls, place, change, word):
    store = store_of(*recorded)
    log = log_of(played(store, 0, rules, calls))
    place = min(place, len(log))
    log[place : place + min(change, 1)] = [word] if change < 2 else []
    found = recounted(log, store, 0, 1, rules)
    if isinstance(found, tuple):
        return
    _, honest = begin(store, 0, 1, rules)
    for kind, i, k in as_calls(log):
        call(honest, kind, i, k)
    assert found[1:] == state_of(vars(honest))[1:]
    assert found[0][:2] == honest.count[:2]  # Tokens are those of the actions, in whatever calls they are taken.
    assert found[0][1] <= rules.budget and found[0][2] <= found[0][1]


def as_calls(log):
    """A log as calls, each of one branch."""
    opened = 0
    for place, word in enumerate(log):
        run = -log[place + 1] if place + 1 < len(log) and log[place + 1] < 0 else 2
        times, whole = divmod(run, 2)
        if word == BRANCH:
            yield (1 if whole else 0), 0, 1
            opened += 1
        elif word > BRANCH:
            i, kind = divmod(word - 2, 3)
            yield {CONTINUE: 5 if whole else 2, PROBE: 6, PRUNE: 7}[kind], i, times


STORE = store_of(
    100,
    [
        RecordedQuestion(
            "0",
            "?",
            "a",
            [RecordedBranch(250, ["a", "b"], "a"), RecordedBranch(90, [], "b"), RecordedBranch(40, ["b"], "b")],
        )
    ],
)
GO_ON, LOOK, DROP = (on_branch(kind, 0) for kind in (CONTINUE, PROBE, PRUNE))
REFUSED = {
    "a branch that is not open": [GO_ON, END],
    "a probe of a branch that is not open": [LOOK],
    "a negative action": [-3, BRANCH, END],
    "a huge branch": [BRANCH, END, 2**31 - 1],
    "more branches than there are": [BRANCH, END] * 4,
    "a branch beyond its end": [BRANCH, END, GO_ON, run_word(3, False), END],
    "fewer intervals than it is read for": [BRANCH, run_word(2, True), END],
    "a run of no interval": [BRANCH, END, GO_ON, run_word(0, False), END],
    "a run of one, spelled out": [BRANCH, END, GO_ON, run_word(1, False), END],
    "an opening of two intervals": [BRANCH, run_word(2, False), END],
    "whole, after a look": [BRANCH, END, GO_ON, END, GO_ON, run_word(1, True), END],
    "a finished branch that goes on": [BRANCH, run_word(3, True), END, GO_ON, END],
    "a pruned branch that goes on": [BRANCH, END, DROP, GO_ON, END],
    "a branch pruned twice": [BRANCH, END, DROP, DROP],
    "a run after a probe": [BRANCH, END, DROP, run_word(2, False)],
    "a probe of what is shown": [BRANCH, END, LOOK],
    "a call of nothing": [BRANCH, END, END],
    "a call that is not ended": [BRANCH],
    "a pruning within a call": [BRANCH, DROP, END],
    "garbage at the end": [BRANCH, END, 7],
    "more than any episode": [BRANCH, END] * 1000,
}  # fmt: skip


@pytest.mark.parametrize("log", REFUSED.values(), ids=REFUSED)
def test_a_log_of_what_did_not_happen_is_refused(log):
    kind, reason = recounted(log, STORE, 0, 0, EpisodeRules(published=True))
    assert kind in (ValueError, IndexError) and reason


def test_a_log_beyond_the_budget_is_refused():
    log = [BRANCH, END, BRANCH, END]
    assert recounted(log, STORE, 0, 0, EpisodeRules(budget=200))[0][0] == 2
    assert recounted(log, STORE, 0, 0, EpisodeRules(budget=199))[0] is ValueError


def test_branches_are_parallel_within_a_call_in_which_each_goes_on_once():
    order = branch_order(3, 0).tolist()
    first = on_branch(CONTINUE, order.index(0))
    opening = [BRANCH, BRANCH, BRANCH, END]
    once = recounted([*opening, first, run_word(2, False), END], STORE, 0, 0, EpisodeRules())
    assert once[0][:4] == [3, 250 + 90 + 40, 250, 2]
    assert recounted([*opening, first, first, END], STORE, 0, 0, EpisodeRules())[0] is ValueError


def test_a_log_expands_to_its_atomic_actions():
    log = [BRANCH, BRANCH, run_word(3, True), END, LOOK, GO_ON, run_word(2, False), END, DROP]
    expanded = [BRANCH, BRANCH, *[on_branch(CONTINUE, 1)] * 2, LOOK, GO_ON, GO_ON, DROP]
    assert list(atomic_actions(log)) == expanded
