"""Compiled replay, interpreted replay and the model agree: on every program, and on any sequence of calls."""

import random
from collections import Counter, defaultdict
from dataclasses import replace

import numba
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from strategies import (
    PARAMETERS,
    SIGNAL_VALUES,
    alike_stores,
    episode_rules,
    model_of,
    random_questions,
    random_rules,
    recorded_questions,
    still_alike,
    store_of,
)

from tts_gym.agents.programs import PROGRAMS
from tts_gym.agents.programs.cmc import cmc, schedule
from tts_gym.agents.programs.crew import crew
from tts_gym.agents.programs.crew import schedule as crew_schedule
from tts_gym.agents.programs.deepconf import deepconf
from tts_gym.agents.programs.deepconf_online import deepconf_online
from tts_gym.agents.programs.early_stopping_self_consistency import early_stopping_self_consistency
from tts_gym.agents.programs.parallel_probe import parallel_probe
from tts_gym.agents.programs.relay import relay
from tts_gym.agents.replay import branch_order, replay, replay_episode
from tts_gym.datasets import RecordedBranch, RecordedQuestion
from tts_gym.envs.atomic import admissible
from tts_gym.episode.actions import BRANCH, action_count, atomic_actions, decode_action
from tts_gym.episode.aggregation import CONFIDENT, LEARNED, WEIGHTED
from tts_gym.episode.compiled import borrow, compiled_episode
from tts_gym.episode.episode import ReplayEpisode, episode_fields
from tts_gym.episode.loop import compiled_drive, room_for_logs
from tts_gym.episode.recount import log_of
from tts_gym.episode.rules import EpisodeRules
from tts_gym.episode.state import COMPLETED, LOGGED, PROBES, STEPS
from tts_gym.episode.transitions import reset

JIT = not numba.config.DISABLE_JIT
LOG_SIZE = 256
SEEDS = (0, 5)


def spelled(log):
    """The actions of a kernel's log as the model writes them."""
    return [("branch",) if action == BRANCH else decode_action(action) for action in atomic_actions(log)]


def compiled_log(program, arguments, store, question, seed, rules):
    fields = episode_fields(store, rules, int(store.branch_counts.max()), LOG_SIZE)
    orders = branch_order(int(store.branch_counts[question]), seed)[np.newaxis]
    result, progress = np.empty((1, 6), np.int64), np.zeros(1, np.int64)
    inputs = (np.array([question]), orders, arguments, store.grading, program.upper_bound, result, progress)
    compiled_drive(program.function)(compiled_episode(fields), *inputs, room_for_logs(0, 0))
    return fields["log"][: fields["count"][LOGGED]].tolist()


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
            if program.upper_bound:
                finals = [branch.recorded.final for branch in model.finished_order]
                answer = next((final for final in finals if final in store.right_classes(question)), answer)
            expected = [answer, model.tokens, model.sequential_tokens, model.width, model.probes, model.steps]
            assert results == expected
            episode, _ = replay_episode(program, arguments, store, question, seed, rules)
            log = log_of(episode)
            assert spelled(log) == model.log
            if JIT:
                assert compiled_log(program, arguments, store, question, seed, rules) == log

    check()


CALLS = ("branch", "read", "advance", "advance_all", "advance_each", "finish", "probe", "prune", "signal")
SIGNALS = tuple(SIGNAL_VALUES)
NOTHING = 99.0


def nan_as_number(value):
    """``value``, in a form that equals itself."""
    return NOTHING if np.isnan(value) else value


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
    if kind == 7:
        return int(e.prune(i))
    return nan_as_number(e.signal("topk_confidence", i, k))


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
        for name in SIGNALS:
            seen.append(nan_as_number(e.signal(name, i)))
            for k in range(e.depth(i) - int(e.is_finished(i))):
                seen.append(nan_as_number(e.signal(name, i, k + 1)))
    for pool in range(3):
        seen.append(e.leader(pool))
        seen.append(e.confidence(pool))
        for count in e.votes(pool):
            seen.append(count)
    for aggregator in range(CONFIDENT + 1):
        seen.append(e.aggregate(aggregator, 2.5))
    for weighing in (WEIGHTED, LEARNED, CONFIDENT):
        for weight in e.weighted_votes(weighing, 2.5):
            seen.append(weight)
    return seen


@numba.njit
def call_and_observe(episode, kind, i, k):
    e = borrow(episode)
    result = call_compiled(e, kind, i, k)
    return result, observe_compiled(e)


@numba.njit
def begin(episode, question):
    reset(borrow(episode), question)


nan_as_number = numba.extending.register_jitable(nan_as_number)
call_compiled, observe_compiled = numba.njit(call), numba.njit(observe)


@settings(max_examples=150 if JIT else 40, deadline=None, derandomize=True)
@given(
    recorded_questions(),
    episode_rules(),
    st.lists(st.tuples(st.integers(0, 8), st.integers(0, 6), st.integers(1, 4)), max_size=15),
)
@example(  # The budget ends within the only interval of a branch, which is then asked to go on.
    (
        100,
        [RecordedQuestion("0", "?", "a", [RecordedBranch(150, [], "a", signals={name: [] for name in SIGNAL_VALUES})])],
    ),
    EpisodeRules(budget=100),
    [(0, 0, 1), (2, 0, 1), (3, 0, 1), (5, 0, 1)],
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
        result = outcome(call, model, kind, i, k)
        if result is IndexError:
            with pytest.raises(IndexError, match="out of range"):
                call(interpreted, kind, i, k)
            continue
        expected = result, observe(model)
        assert (call(interpreted, kind, i, k), observe(interpreted)) == expected
        if JIT:
            assert call_and_observe(compiled, kind, i, k) == expected
        count = interpreted.count
        assert (count[COMPLETED], count[PROBES], count[STEPS]) == (model.completed, model.probes, model.steps)
    assert spelled(log_of(interpreted)) == model.log


@settings(max_examples=400, deadline=None, derandomize=True)
@given(
    st.integers(0, 10**6),
    episode_rules(),
    st.lists(st.tuples(st.integers(0, 8), st.integers(0, 6), st.integers(1, 4)), max_size=15),
)
def test_an_episode_knows_nothing_of_what_comes_later(seed, rules, calls):
    stores, depths, hidden = alike_stores(random.Random(seed))
    ours, theirs = (ReplayEpisode(episode_fields(store, rules, 5, LOG_SIZE)) for store in stores)
    reset(ours, 0), reset(theirs, 0)
    for kind, i, k in calls:
        before = ours.count[LOGGED]
        results = [outcome(call, e, kind, i, k) for e in (ours, theirs)]
        assert ours.log[: before + 1] == theirs.log[: before + 1]  # What is begun at all, whatever comes of it.
        if not still_alike((ours, theirs), depths, hidden):
            break
        assert results[0] == results[1]
        assert observe(ours) == observe(theirs)
        assert ours.log == theirs.log
        for action in range(action_count(5)):
            assert admissible(ours, action) == admissible(theirs, action)


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
    in_vain = model.tokens - probed - sum(model.length(i) for i in range(model.width))
    assert in_vain == 0 or (in_vain % store.interval == 0 and not model.affordable(store.interval))
    assert model.sequential_tokens <= model.tokens


def outcome(act, *arguments):
    """What a call gives, or the type of what it raises."""
    try:
        return act(*arguments)
    except IndexError:
        return IndexError


@pytest.mark.parametrize("seed", range(0, 300 if JIT else 150, 10))
def test_long_walks_do_the_same_on_every_substrate(seed):
    for number in range(seed, seed + 10):
        check_walk(random.Random(number))


def check_walk(rng):
    """Forty calls, some of them inadmissible, in each question of a store, one episode after the other."""
    interval = rng.choice([1, 10, 100])
    store = store_of(interval, random_questions(rng, interval, most_branches=6, most_probes=5))
    rules, ceiling = random_rules(rng, store), rng.choice([2, 6, 9])
    fields = episode_fields(store, rules, ceiling, LOG_SIZE)
    interpreted = ReplayEpisode(fields)
    compiled = compiled_episode(fields) if JIT else None
    for question in range(len(store)):
        order = branch_order(int(store.branch_counts[question]), 1)
        fields["order"][: len(order)] = interpreted.order[: len(order)] = order.tolist()
        model = model_of(store, question, 1, rules)
        model.max_width = min(model.max_width, ceiling)
        reset(interpreted, question)
        if JIT:
            begin(compiled, question)
        for _ in range(40):
            kind, i, k = rng.randrange(len(CALLS)), rng.randint(-1, max(1, model.width)), rng.randint(0, 3)
            expected = outcome(call, model, kind, i, k), observe(model)
            assert (outcome(call, interpreted, kind, i, k), observe(interpreted)) == expected
            if JIT and expected[0] is IndexError:
                with pytest.raises(IndexError, match="out of range"):
                    call_and_observe(compiled, kind, i, k)
            elif JIT:
                assert call_and_observe(compiled, kind, i, k) == expected
            count = interpreted.count
            assert (count[COMPLETED], count[PROBES], count[STEPS]) == (model.completed, model.probes, model.steps)
        log = log_of(interpreted)
        assert spelled(log) == model.log
        if JIT:
            assert fields["log"][: fields["count"][LOGGED]].tolist() == log


def running(e):
    return [i for i in range(e.width) if e.is_active(i) and not e.is_finished(i)]


def cmc_by_the_book(e, beta):
    """Section 6 of the design, sentence by sentence."""
    p = schedule(beta)
    ema, recent, disagreement = 0.0, [], dict.fromkeys(range(e.max_width), 0)
    e.branch(p["n_init"])
    for r in range(500):
        winner = e.leader(0)
        ema = (1 - p["alpha"]) * ema + p["alpha"] * e.confidence(0)
        recent = [*recent, ema][-p["window"] :]
        warm = r >= p["warm_up"]
        if warm and winner != -1:
            for i in running(e):
                disagreement[i] = disagreement[i] + 1 if e.answer(i) != winner else 0
            dissenters = [i for i in running(e) if disagreement[i] >= p["patience"]]
            for i in sorted(dissenters, key=lambda i: (-disagreement[i], i)):
                if len(running(e)) > 2:
                    e.prune(i)
        agrees = [warm and winner != -1 and e.answer(i) == winner for i in range(e.width)]
        e.advance_each([p["burst"] if agreeing else 1 for agreeing in agrees])
        ema = (1 - p["alpha"]) * ema + p["alpha"] * e.confidence(0)
        recent[-1] = ema
        delta = recent[-1] - recent[0]
        if warm and e.completed >= p["min_complete"] and ema >= p["level"] and delta >= -p["slack"]:
            return e.leader(0)
        if not running(e):
            break
        may_widen = e.width < p["max_width"] and r >= max(1, p["warm_up"] // 2)
        if may_widen and delta <= p["trend"] and ema < p["level"]:
            e.branch(min(p["widen"], p["max_width"] - e.width))
    return e.leader(0) if e.completed and e.leader(0) != -1 else e.leader(1)


def look_at_all(e, shown):
    """Add to the answers that each branch has shown, by depth."""
    for i in range(e.width):
        shown[i][e.depth(i)] = e.answer(i)


def came_up_for_good(shown, answer):
    """The depth from which on ``answer`` was shown, of answers by depth."""
    last_other = max((depth for depth, other in shown.items() if other != answer), default=-1)
    return min(depth for depth in shown if depth > last_other)


def crew_by_the_book(e, max_width, size, min_complete, level, limit, sharpness):
    """The docstring of ``crew``, sentence by sentence."""
    shown = defaultdict(dict)
    e.branch(min(size, max_width))
    look_at_all(e, shown)
    while e.advance_all():
        look_at_all(e, shown)
        if e.completed >= min_complete and e.confidence(0) >= level:
            break
        for i in running(e):
            if e.completed and e.depth(i) >= limit:
                e.prune(i)
        if (opened := min(size - len(running(e)), max_width - e.width)) > 0:
            e.branch(opened)
        look_at_all(e, shown)
    if not e.completed:
        return e.leader(1)
    weights = Counter()
    for i in range(e.width):
        if e.is_finished(i) and e.is_valid(e.answer(i)):
            share = came_up_for_good(shown[i], e.answer(i)) / e.depth(i)
            weights[e.answer(i)] += max(1, limit + 1 - e.depth(i)) ** sharpness * share**0.5
    return max(sorted(weights), key=weights.get) if weights else e.leader(0)


def relay_by_the_book(e, max_width, size, min_complete, level, typical):
    """The docstring of ``relay``, sentence by sentence."""
    e.branch(min(size, max_width))
    while e.advance_all():
        if e.completed:
            weights = sorted(e.weighted_votes(WEIGHTED, typical), reverse=True)
            if whole := sum(weights):
                first, second = (weight * e.completed / whole for weight in (*weights, 0)[:2])
            ahead = (first - second) / (first + second + 1) ** 0.5 if whole else 0
            if e.completed >= min_complete and ahead >= level:
                break
            done = [e.depth(i) for i in range(e.width) if e.is_finished(i)]
            for i in running(e):
                if e.depth(i) >= 0.4 * (sum(done) / len(done)) + 0.7 * typical:
                    e.prune(i)
        if (opened := min(size - len(running(e)), max_width - e.width)) > 0:
            e.branch(opened)
    return e.aggregate(LEARNED, typical)


def esc_by_the_book(e, max_samples, window):
    """Likewise; under the published rules an invalid answer is one like any other."""
    for _ in range(max_samples // window):
        first = e.read(window)
        if first < 0:
            break
        read = e.branches[first:]
        votes = [branch.answer for branch in read if branch.finished and (e.published or e.is_valid(branch.answer))]
        if len(votes) == window and len(set(votes)) == 1:
            return votes[0]
    return e.leader(0)


def parallel_probe_by_the_book(e, num_chains, stable_for, patience, warm_up, max_steps):
    """Likewise; a vote without a winner is never stable."""
    e.branch(num_chains)
    counter, stable, previous = dict.fromkeys(range(e.width), 0), 0, None
    for step in range(max_steps):
        if not running(e) or e.advance_all() == 0:
            break
        winner = e.leader(1)
        if step >= warm_up and sum(e.votes(1)) > 1:
            for i in running(e):
                counter[i] = 0 if e.answer(i) == winner else counter[i] + 1
            for i in running(e):
                if counter[i] >= patience:
                    e.prune(i)
            winner = e.leader(1)
        stable = stable + 1 if winner == previous != -1 else 0
        previous = winner
        if stable >= stable_for:
            break
    return e.leader(1)


def confidences_by_the_book(e, name, measure, window):
    """Of each finished branch whose answer counts, by its index."""
    found = {}
    for i in range(e.width):
        branch = e.branches[i]
        values = branch.recorded.signals[name][: branch.advances]
        if branch.finished and values and branch.answer in e.ballots(0):
            size = min(window, len(values))
            windows = sorted(np.mean(values[start : start + size]) for start in range(len(values) - size + 1))
            found[i] = {
                "mean": np.mean(values),
                "tail": np.mean(values[-size:]),
                "bottom": np.mean(windows[: max(1, len(windows) // 10)]),
                "lowest": windows[0],
            }[measure]
    return found


def vote_by_the_book(e, weights):
    """The shares of the answers, in the order of the branches."""
    totals = Counter()
    for i, weight in weights.items():
        totals[e.answer(i)] += weight
    return {code: total / totals.total() for code, total in totals.items()}


def winner_by_the_book(e, weights):
    shares = vote_by_the_book(e, weights)
    return max(shares, key=shares.get) if shares else e.leader(0)


def confident_by_the_book(found, threshold):
    return {i: confidence for i, confidence in found.items() if confidence >= threshold}


def deepconf_by_the_book(e, n, measure, keep, window):
    e.read(n)
    found = confidences_by_the_book(e, "topk_confidence", measure, window)
    threshold = np.percentile(list(found.values()), 100 * (1 - keep)) if found else 0
    return winner_by_the_book(e, confident_by_the_book(found, threshold))


def deepconf_online_by_the_book(e, n_init, max_samples, keep, window, consensus):
    e.read(min(n_init, max_samples))
    found = confidences_by_the_book(e, "topk_confidence", "lowest", window)
    threshold = np.percentile(list(found.values()), 100 * (1 - keep)) if found else 0
    voters = confident_by_the_book(found, threshold)
    while e.width < max_samples and max(vote_by_the_book(e, voters).values(), default=0) < consensus:
        i = e.branch()
        if i < 0:
            break
        while not e.is_finished(i):
            latest = e.branches[i].recorded.signals["topk_confidence"][: e.depth(i)][-window:]
            if len(latest) == window and np.mean(latest) < threshold:
                e.prune(i)
                break
            if not e.advance(i):
                break
        voters = confident_by_the_book(confidences_by_the_book(e, "topk_confidence", "lowest", window), threshold)
    return winner_by_the_book(e, voters)


def random_deepconf(rng):
    """Sizes for which every mean and quantile is exact."""
    measure = rng.choice(["mean", "tail", "bottom", "lowest"])
    return rng.randint(1, 20), measure, rng.choice([0.0, 0.25, 0.5, 1.0]), rng.choice([1, 2, 4])


def random_deepconf_online(rng):
    keep, window, consensus = rng.choice([0.25, 0.5, 0.75, 1.0]), rng.choice([1, 2, 4]), rng.choice([0.6, 0.95])
    return rng.randint(1, 8), rng.randint(1, 20), keep, window, consensus


def random_windows(rng):
    return rng.randint(1, 20), rng.randint(1, 4)


def random_beta(rng):
    return (rng.choice([0.0, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0]),)


def random_crew(rng):
    """Sharpness 1 or 2, for which every weight is exact."""
    exact = {"limit": rng.choice([2, 4, 8, 44]), "sharpness": float(rng.choice([1, 2]))}
    return tuple({**crew_schedule(rng.choice([0.0, 0.2, 0.5, 0.8, 1.0])), **exact}.values())


def random_relay(rng):
    return rng.randint(1, 14), rng.randint(1, 4), rng.randint(1, 3), rng.choice([0.3, 0.77, 1.4]), rng.choice([1, 3, 8])


def random_chains(rng):
    return rng.randint(1, 14), rng.randint(1, 8), rng.randint(1, 4), rng.randint(0, 4), rng.randint(1, 20)


@pytest.mark.parametrize(
    ("program", "by_the_book", "parameters"),
    [
        (lambda e, beta: cmc(e, **schedule(beta)), cmc_by_the_book, random_beta),
        (crew, crew_by_the_book, random_crew),
        (relay, relay_by_the_book, random_relay),
        (early_stopping_self_consistency, esc_by_the_book, random_windows),
        (parallel_probe, parallel_probe_by_the_book, random_chains),
        (deepconf, deepconf_by_the_book, random_deepconf),
        (deepconf_online, deepconf_online_by_the_book, random_deepconf_online),
    ],
    ids=["cmc", "crew", "relay", "esc", "parallel-probe", "deepconf", "deepconf-online"],
)
def test_a_program_follows_its_rules_sentence_by_sentence(program, by_the_book, parameters):
    for seed in range(200):
        rng = random.Random(seed)
        store = store_of(100, random_questions(rng, 100, most_branches=20, most_probes=rng.choice([4, 8, 25])))
        rules, arguments = replace(random_rules(rng, store), eager=True), parameters(rng)
        for question in range(len(store)):
            one, other = model_of(store, question, seed, rules), model_of(store, question, seed, rules)
            assert (program(one, *arguments), one.log) == (by_the_book(other, *arguments), other.log), (seed, question)
            assert (one.tokens, one.sequential_tokens) == (other.tokens, other.sequential_tokens)
