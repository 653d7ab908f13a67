"""What a jail sends may be anything: logs that recount are results, and everything else is no result."""

import struct
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tts_gym.agents import PROGRAMS
from tts_gym.agents.recount import Recounter
from tts_gym.agents.replay import replay, replay_logged
from tts_gym.datasets import synthetic_store
from tts_gym.episode.actions import BRANCH, END, on_branch, run_word
from tts_gym.episode.loop import Logs
from tts_gym.episode.rules import EpisodeRules
from tts_gym.sandbox.anonymise import MalformedError, anonymise
from tts_gym.sandbox.messages import FailedError, logs_message, outcome_message
from tts_gym.sandbox.results import Block, grade, read_results

STORE = synthetic_store(questions=3, branches=4, seed=1)
SEEDS = [0, 1]
ANONYMISED = anonymise(STORE, np.random.default_rng(0))
SEEN = replace(STORE, tables=ANONYMISED.tables)
RULES = EpisodeRules(published=True)
BLOCK = Block(STORE, ANONYMISED, Recounter(SEEN, SEEDS, RULES), 0.5)
EPISODES = len(STORE) * len(SEEDS)
DONE = outcome_message({"failure": None, "schedule": []})


class TooShortError(Exception):
    pass


def heard(data, parameters=0, blocks=(BLOCK,)):
    """What is made of ``data``, and what of it was not asked for."""
    left = bytearray(data)

    def read(size):
        assert 0 <= size <= 2**22, "more is asked for than a message may hold"
        if len(left) < size:
            raise TooShortError
        part = left[:size]
        del left[:size]
        return part

    return read_results(read, blocks, SEEDS, parameters, lambda run, logs: None), bytes(left)


def logs_of(*logs, codes=None):
    words = np.array([word for log in logs for word in log], np.int32)
    ends = np.cumsum([len(log) for log in logs]).astype(np.int64)
    return Logs(words, ends, np.array(codes or [-1] * len(logs), np.int32))


def raw(episodes, size, *numbers):
    return struct.pack("=qq", episodes, size) + np.array(numbers, np.int32).tobytes()


READ = [BRANCH, END]
"""The log of an episode that opens one branch."""


@pytest.mark.parametrize("name", ["cmc", "esc", "parallel-probe", "answer-consistency"])
def test_logs_come_to_the_results_of_the_replay(name):
    program = PROGRAMS[name]
    arguments = program.arguments(program.resolve({}))
    logs = b"".join(logs_message(logs) for _, logs in replay_logged(program, arguments, SEEN, SEEDS, RULES))
    ((rows,), _), left = heard(logs + DONE)
    assert left == b""
    pd.testing.assert_frame_equal(rows, grade(replay(program, arguments, SEEN, SEEDS, RULES), BLOCK, SEEDS))


def test_logs_may_come_in_any_pieces():
    pieces = [logs_message(logs_of(READ))] + [logs_message(logs_of(*[READ] * 2))] * 2 + [logs_message(logs_of([]))]
    ((rows,), _), left = heard(b"".join(pieces) + DONE)
    assert rows["width"].tolist() == [1] * 5 + [0] and left == b""
    assert rows["tokens"].tolist() == [STORE.interval] * 5 + [0]


def test_an_answer_counts_as_soon_as_it_was_shown():
    ((rows,), _), _ = heard(logs_message(logs_of(*[READ] * EPISODES, codes=[0] * EPISODES)) + DONE)
    assert rows["answer"].notna().all()


FEW = [READ] * (EPISODES - 1)
GO_ON = on_branch(0, 0)


@pytest.mark.parametrize(
    "message",
    [
        raw(-1, 0),
        raw(2**62, 0),
        raw(EPISODES + 1, 0, *[0] * 2 * (EPISODES + 1)),
        raw(1, -1, -1, 0),
        raw(1, 2**62, -1, 0),
        raw(1, 2**40, -1, 2**31 - 1),
        raw(1, 2, -1, 3, *READ),
        raw(1, 2, -1, 1, *READ),
        raw(2, 2, -1, -1, 3, -1, *READ),
        raw(2, 2, -1, -1, 2**31 - 1, -(2**31) + 3, *READ),
        raw(0, -1),
        raw(0, 2**40),
        raw(0, 2, 0),
        DONE,
        outcome_message({"failure": 3, "schedule": []}),
        logs_message(logs_of(*[READ] * EPISODES, codes=[1] * EPISODES)) + DONE,
        logs_message(logs_of(*[READ] * EPISODES, codes=[-2] * EPISODES)) + DONE,
        logs_message(logs_of(*[[]] * EPISODES, codes=[0] * EPISODES)) + DONE,
        logs_message(logs_of(*[READ] * EPISODES, codes=[2**31 - 1] * EPISODES)) + DONE,
        logs_message(logs_of(*FEW, [*READ, 7])) + DONE,
        logs_message(logs_of(*FEW, [BRANCH])) + DONE,
        logs_message(logs_of(*FEW, READ * 5)) + DONE,
        logs_message(logs_of(*FEW, [-(2**31), 2**31 - 1])) + DONE,
        logs_message(logs_of(*FEW, [BRANCH, run_word(2**30 - 1, False), END])) + DONE,
        logs_message(logs_of(*FEW, [*READ, GO_ON, run_word(2**30 - 1, True), END])) + DONE,
        logs_message(logs_of(*FEW, [END] * 100_000)) + DONE,
        logs_message(logs_of(*[READ] * EPISODES)) + logs_message(logs_of(READ)),
        logs_message(logs_of(*[READ] * EPISODES)) + raw(0, 4) + b"[[[[",
        logs_message(logs_of(*[READ] * EPISODES)) + raw(0, 100_000) + b"9" * 100_000,
        logs_message(logs_of(*[READ] * EPISODES)) + raw(0, 100_000) + b"[" * 100_000,
        logs_message(logs_of(*[READ] * EPISODES)) + outcome_message({"failure": None, "schedule": [{"a": 1}]}),
        logs_message(logs_of(*[READ] * EPISODES)) + outcome_message({"failure": None, "schedule": [], "more": 1}),
        b"\xff" * 10_000,
        b"{" * 10_000,
    ],
)  # fmt: skip
def test_anything_else_is_no_result(message):
    with pytest.raises(ValueError, match=r"^[^\n]{5,200}$"):
        heard(message)


@pytest.mark.parametrize("cut", [0, 1, 15, 16, 20, 60, -1, -len(DONE), -len(DONE) - 1])
def test_a_message_that_ends_early_is_waited_for(cut):
    message = logs_message(logs_of(*[READ] * EPISODES)) + DONE
    with pytest.raises(TooShortError):
        heard(message[: cut if cut else 0])


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 10**6), st.binary(min_size=1, max_size=9))
def test_a_message_changed_anywhere_gives_no_exception_of_the_parent(place, change):
    message = bytearray(logs_message(logs_of(*[READ] * EPISODES, codes=[0] * EPISODES)) + DONE)
    place %= len(message)
    message[place : place + len(change)] = change
    try:
        heard(message)
    except (ValueError, FailedError, TooShortError):
        return


def test_a_failure_is_told_in_one_printable_line():
    for before in (b"", logs_message(logs_of(READ)), logs_message(logs_of(*[READ] * EPISODES))):
        with pytest.raises(FailedError) as failure:
            heard(before + outcome_message({"failure": "\x1b]0;owned\x07\x1b[2J\ud800\u202e", "schedule": []}))
        assert str(failure.value).isascii() and str(failure.value).isprintable()


@pytest.mark.parametrize(
    "schedule",
    [
        [{"a": 10**400}],
        [{"a": 2**63}],
        [{"a": float("nan")}],
        [{"a": float("inf")}],
        [{"a": "1"}],
        [{"a": None}],
        [[1]],
        [{"a": 1}, {"b": 1}],
        [{"a": 1}, {"a": 1, "b": 1}],
        [{"\x1b[2J": 1}],
        [{"a" * 100: 1}],
        [{f"a{k}": 1 for k in range(100)}],
    ],
)
def test_parameters_that_nothing_can_take_are_no_result(schedule):
    with pytest.raises(MalformedError, match="parameters"):
        heard(outcome_message({"failure": None, "schedule": schedule}), len(schedule), [])
