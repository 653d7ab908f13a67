"""A class in a jail is served call by call: what is counted and graded is what was played outside it."""

import json
import random

import pandas as pd
import pytest
from candidates import SOLVER
from hostile_classes import BROKEN, CHARGES_LESS, FORGES, HARMLESS, LEAVES, NO_CALL, PEEKS, READING, body
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import episode_rules, recorded_questions, store_of

from tts_gym.agents import make_controller
from tts_gym.agents.controller import with_probes_paid
from tts_gym.datasets import synthetic_store
from tts_gym.episode.rules import EpisodeRules
from tts_gym.sandbox import serving
from tts_gym.sandbox.candidate import Candidate, read_candidate
from tts_gym.sandbox.child import class_runner
from tts_gym.sandbox.jail import Limits, run_jailed, validate
from tts_gym.sandbox.serving import Serving

pytestmark = pytest.mark.usefixtures("interpreted")

EXACT, PUBLISHED = EpisodeRules(), EpisodeRules(published=True)


@pytest.fixture(scope="module")
def stores():
    return [synthetic_store(questions=4, branches=40, seed=seed) for seed in (1, 2)]


def own_rows(source, name, stores, betas, seeds, rules):
    """The rows of the class run as one's own, by store and value of the knob."""
    names = {}
    exec(source, names)
    controllers = [(make_controller(names[name], beta=beta), beta) for beta in betas]
    return [own.run(store, seeds, rules).assign(beta=beta) for store in stores for own, beta in controllers]


def check_rows(run, expected):
    assert run.failure is None
    for served, own in zip(run.rows, expected, strict=True):
        pd.testing.assert_frame_equal(served, own)


PRUNING = """
from collections import Counter


class Pruning:
    '''Opens branches, gives up those that disagree for long, and reads more where too few are left.'''

    def __init__(self, config):
        self.width, self.patience = round(2 + 10 * config["beta"]), 2

    def solve(self, question):
        latest, running, disagreed = {}, [], Counter()
        for _ in range(self.width):
            answer, index, finished = question.probe_new()
            latest[index] = answer
            if not finished:
                running.append(index)
        while running:
            winner = Counter(latest.values()).most_common(1)[0][0]
            for index in list(running):
                latest[index], finished = question.probe_more(index)
                disagreed[index] = 0 if latest[index] == winner else disagreed[index] + 1
                if disagreed[index] >= self.patience:
                    del latest[index]
                if finished or disagreed[index] >= self.patience:
                    running.remove(index)
        if question.get_seq_and_total_tokens()[0] > 6000 or not latest:
            try:
                for _ in range(10**6):
                    latest[-len(latest)] = question.get_new_branch_final_answer()
            except ValueError:
                pass
        votes = [answer for answer in latest.values() if answer != "ERR"]
        return Counter(votes).most_common(1)[0][0] if votes else None
"""


@pytest.mark.parametrize("rules", [EXACT, PUBLISHED], ids=["exact", "published"])
@pytest.mark.parametrize(("source", "name"), [(SOLVER, "Reader"), (PRUNING, "Pruning")])
def test_an_honest_class_has_the_rows_that_it_has_outside(source, name, rules, stores):
    betas, seeds = [0.0, 1.0], [3, 1]
    run = run_jailed(read_candidate(source), stores, betas, seeds, rules, schedule_betas=[0.5])
    check_rows(run, own_rows(source, name, stores, betas, seeds, rules))
    assert run.schedule == [{"beta": 0.5}] and not run.compiled


def test_a_class_is_validated_like_a_program(stores):
    assert validate(read_candidate(SOLVER), stores[0]).failure is None
    failure = validate(read_candidate(SOLVER.replace("1 + 3 *", "40 - 30 *")), stores[0]).failure
    assert failure.startswith("refused: a larger beta must not spend less")
    chance = SOLVER.replace("self.most = ", "import os; self.most = os.urandom(1)[0] % 9 + ")
    assert validate(read_candidate(chance), stores[0]).failure.startswith("refused: it is not deterministic")


class Hop:
    """Calls and answers by chance, the same way whatever the answers are called."""

    def __init__(self, config):
        self.chance = random.Random(config["beta"])

    def solve(self, question):
        seen, told = [], []
        for _ in range(self.chance.randint(0, 20)):
            call = self.chance.choice(["probe_new", "probe_more", "get_new_branch_final_answer"])
            arguments = (self.chance.randint(-1, 6),) if call == "probe_more" else ()
            try:
                shown = getattr(question, call)(*arguments)
            except IndexError as error:
                told.append((type(error).__name__, str(error)))
                continue
            text, *rest = shown if isinstance(shown, tuple) else (shown,)
            seen += [text] if text not in seen else []
            told.append((seen.index(text), *rest, *question.get_seq_and_total_tokens()))
        self.chance.seed(repr(told))
        return self.chance.choice([*seen, None])


class Done(BaseException):
    """There is no reply."""


class Replies:
    """What a jail reads its replies from, joined to a ``Serving`` without a jail."""

    def __init__(self, served):
        self.served, self.reply = served, b"\n"

    def send(self, line):
        if self.reply is not None:
            self.reply = self.served.reply(line.removesuffix(b"\n"))

    def readline(self):
        if self.reply is None:
            raise Done
        assert len(self.reply) < 4096 and self.reply.endswith(b"\n")
        return self.reply


@settings(deadline=None, max_examples=60)
@given(recorded_questions(), episode_rules(), st.floats(0, 1))
def test_whatever_is_called_comes_to_the_same_as_outside(recorded, rules, beta):
    store = store_of(*recorded)
    served = Serving([store], [beta], range(3), rules)
    replies = Replies(served)
    with pytest.MonkeyPatch.context() as patched, pytest.raises(Done):
        patched.setattr(class_runner, "_solver", lambda _: Hop)
        class_runner.play({"source": ""}, replies.send, replies)
    assert served.failure is None
    (rows,) = served.rows()
    own = make_controller(Hop, beta=beta)
    paid = with_probes_paid(rows, own, rules)
    pd.testing.assert_frame_equal(paid, own.run(store, range(3), rules).assign(beta=beta))


def test_the_order_of_episodes_is_not_told(stores):
    def lengths():
        served, found = Serving(stores, [0.0], range(5), EXACT), []
        reply = served.reply(b'["begin"]')
        while reply:
            served.reply(b'["get_new_branch_final_answer"]')
            found.append(json.loads(served.reply(b'["get_seq_and_total_tokens"]'))[1][1])
            reply = served.reply(b'["answer", null]')
        assert served.failure is None
        return found

    first, second = lengths(), lengths()
    assert first != second and sorted(first) == sorted(second)


def test_an_answer_that_another_episode_showed_does_not_count():
    served = Serving([STORE], [0.0], [0], EXACT)
    for line in (b'["begin"]', *[b'["get_new_branch_final_answer"]'] * 3, b'["answer", null]', b'["answer", "0"]'):
        served.reply(line)
    (rows,) = served.rows()
    assert sorted(rows["width"]) == [0, 3] and rows["answer"].isna().all()


LINES = st.one_of(
    st.binary(max_size=40),
    st.sampled_from(
        [
            b'["begin"]', b'["probe_new"]', b'["get_seq_and_total_tokens"]', b'["answer", null]', b'["answer", "0"]',
            b'["probe_more", 0]', b'["probe_more", 1e400]', b'["probe_more", -1]', b'["fail", "\\ud800\\u001b[2J"]',
            b"[" * 2000, b"9" * 2000, b"NaN", b'"probe_new"', b"{}", b"[[]]", b"[]", b'["probe_new", 1]',
        ]
    ),
    st.lists(st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=9), max_size=3).map(
        lambda call: json.dumps(call).encode()
    ),
)  # fmt: skip


@settings(deadline=None)
@given(st.lists(LINES, max_size=30), st.booleans())
def test_no_line_gets_more_than_a_reply_or_a_printable_reason(lines, begins):
    served = Serving([STORE], [0.5], [0], PUBLISHED)
    for line in [b'["begin"]'] * begins + lines:
        reply = served.reply(line)
        if reply is None:
            break
        assert reply.endswith(b"\n") and json.loads(reply)[0] in (None, "IndexError", "BranchesExhaustedError")
    assert served.failure is None or (served.failure and served.failure.isascii() and served.failure.isprintable())


STORE = synthetic_store(questions=2, branches=3, seed=0)


@pytest.mark.parametrize(("statements", "reason"), BROKEN.values(), ids=BROKEN)
def test_what_is_no_call_ends_the_candidate_with_a_reason(statements, reason):
    patient = Limits(seconds=1 if reason.startswith("timeout: it did") else 60)
    run = run_jailed(Candidate(body(statements), False, ""), [STORE], [0.5], [0], EXACT, patient)
    assert run.rows is None and run.failure.startswith(reason)
    assert run.failure.isascii() and run.failure.isprintable()


@pytest.mark.parametrize("statements", HARMLESS.values(), ids=HARMLESS)
def test_only_an_answer_that_was_shown_counts(statements):
    run = run_jailed(Candidate(body(statements), False, ""), [STORE], [0.5], [0, 1], EXACT)
    assert run.failure is None
    (rows,) = run.rows
    assert rows["answer"].isna().all() and not rows["correct"].any()
    assert rows["width"].tolist() == [int("probe_new" in statements)] * 4


def test_a_class_that_calls_much_has_more_time_but_not_any(stores, monkeypatch):
    patient = SOLVER.replace("answers = ", "import time; time.sleep(0.05)\n        answers = ")
    monkeypatch.setattr("tts_gym.sandbox.jail_process.CALL_SECONDS", 0.2)
    arguments = ([stores[0]], [0.0], range(10), EXACT, Limits(seconds=1))
    assert run_jailed(read_candidate(patient), *arguments).failure is None
    monkeypatch.setattr(serving, "MOST_TIMES", 1)
    assert run_jailed(read_candidate(patient), *arguments).failure == "timeout: it did not end within 1 seconds"


@pytest.mark.parametrize(
    ("source", "reason"),
    [(PEEKS, "failed: AttributeError: 'NoneType'"), (FORGES, NO_CALL), (LEAVES, "failed: PermissionError")],
    ids=["peeks at the tables", "forges results", "leaves an empty root"],
)
def test_a_class_that_means_harm_fails(source, reason, stores):
    run = run_jailed(Candidate(source, False, ""), stores, [0.5], [0], EXACT)
    assert run.rows is None and run.failure.startswith(reason)


@pytest.mark.parametrize("rules", [EXACT, PUBLISHED], ids=["exact", "published"])
def test_a_class_that_patches_what_charges_has_its_honest_worth(rules, stores):
    betas, seeds = [0.0, 0.5], [0, 1]
    run = run_jailed(Candidate(CHARGES_LESS + READING, False, ""), stores, betas, seeds, rules)
    check_rows(run, own_rows(READING, "Hostile", stores, betas, seeds, rules))
