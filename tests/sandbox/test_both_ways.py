"""A candidate runs in its jail as it does in plain Python, on every column of every episode; or it fails there."""

import numpy as np
import pandas as pd
import pytest
from refused import program

from tts_gym.agents.controller import graded_rows
from tts_gym.agents.programs.program import Program
from tts_gym.agents.replay import replay
from tts_gym.datasets import synthetic_store
from tts_gym.episode.rules import EpisodeRules
from tts_gym.sandbox.candidate import read_candidate
from tts_gym.sandbox.jail import Limits, run_jailed
from tts_gym.sandbox.names import names_of

RULES, LIMITS, SEEDS = EpisodeRules(), Limits(seconds=120), range(3)
LEAST = -9223372036854775807

SAME = {
    "signs of quotients": "(-7) // 2 + (-7) % 3 + 7 // -2 + 7 % -3 + 9 + (-n) // 4 + n % -3",
    "signs of real quotients": "int((-n * 1.5) // 2.0 + (-n * 1.5) % 3.0 + n % -2.5) + 30",
    "rounding half to even": "round(0.5) + round(n + 1.5) + round(-0.5) - n + int(-2.9) + 4",
    "numbers of several types": "int(max(n, 2.5) - min(1, 0.5) * 2) % 5 + max(n > 3, 0) + (n > 3) + (n > 2)",
    "chains": "1 if 1 < n <= 99 > 3 else 2",
    "what is not looked at": "1 if n < 0 and 1 // (n - n) > 0 or n > 3 else 2",
    "comparing nan": "(1 if math.nan == math.nan else 2) + (3 if max(math.nan, n) == n else 4)",
    "negative zero": "1 if math.copysign(1.0, -0.0 * n) < 0 else 2",
    "powers": "int((-2) ** 3 + 2.0 ** -1 * n + n**2 + n**0.5 + (n * 0.5) ** -2) % 7",
    "functions": "int(math.log(n) + math.exp(-n) + math.exp(-1e9) + math.sqrt(n) + math.lgamma(n))",
    "the largest number": "1 if 9223372036854775807 - n + n == 9223372036854775807 and abs(-n) == n else 2",
}
"""Branches to read."""

SAME_ARRAYS = {
    "ties": "x = np.array([1, 3, 3, 2])\nm = int(np.argmax(x)) + 2 * int(x.argmin()) + 1",
    "order of sums": "x = np.array([1e16, 1.0, -1e16, 1.0])\nm = int(np.sum(x)) + 2",
    "real zeros": "x = np.zeros(3)\nx[0] = n / 2\nm = int(x[0] * 2) % 5 + 1",
    "whole zeros": "x = np.zeros(3, np.int64)\nx[0] = n / 4\nm = x[0] % 4 + 1",
    "from the end": "x = np.arange(5)\nm = x[-1] - x[-5] + x[1:].size + x[:n].size + x[1:n].size + x[:].size",
    "an alias": "x = np.arange(6)\ny = x[1:4]\ny += 1\ny[0] = 3\nm = x[1] + x[2]",
    "powers of elements": "x = np.zeros(3) ** -1.0\ny = np.full(3, -2.0) ** 0.5\nm = 1 if x[0] > n > y[0] else 2",
    "elements that overflow": "x = np.full(1, 2**62) * np.full(1, 4)\nm = 1 if x[0] == 0 else 2",
    "overlapping": "x = np.arange(6)\nx[1:] = x[:-1]\nm = x[5] + 1",
    "two names of a list": "x = [1]\ny = x\ny.append(2)\ny[0] = n\ny[0] += 1\nm = len(x) + x[1] + x[0]",
    "a list that grows": "x = [1, 2]\nfor v in x:\n    if len(x) < 6:\n        x.append(v)\nm = len(x)",
    "a list that shrinks": "x = [1, 2, 3]\nfor v in x:\n    x.pop()\nm = len(x) + 1",
    "a number joins a list": "x = [1]\nx.append(0.5)\nm = 1 if x[1] > 0 else 2",
    "masks": "x = np.arange(n)\nm = x[~(x > 2)].size + x[np.array([0, -1])][1]",
    "what arrays warn of": "x = np.zeros(3) / np.zeros(3)\nm = 1 if x[0] != x[0] and np.log(np.zeros(1))[0] < 0 else 2",
}
"""Statements that find ``m``, the branches to read."""

FAILING = {
    "a sum that overflows": ("x = 9223372036854775805\nm = 1 if x + n > 0 else 2", "OverflowError"),
    "a product that overflows": ("x = 1\nfor i in range(70):\n    x = x * 2\nm = 1 if x > 0 else 2", "OverflowError"),
    "a power that overflows": ("m = 1 if 2 ** (n + 60) > 0 else 2", "OverflowError"),
    "a square that overflows": ("x = n * 4294967296\nm = 1 if x**2 > 0 else 2", "OverflowError"),
    "a difference that overflows": (f"x = {LEAST}\nm = 1 if x - n < 0 else 2", "OverflowError"),
    "in place": ("x = 9223372036854775805\nx += n\nx -= n\nm = 1", "OverflowError"),
    "the least turned": (f"x = {LEAST} - n // n\nm = 1 if -x > 0 else 2", "OverflowError"),
    "the size of the least": (f"x = {LEAST} - n // n\nm = 1 if abs(x) > 0 else 2", "OverflowError"),
    "the least divided": (f"x = {LEAST} - n // n\nm = 1 if x // (0 - n // n) > 0 else 2", "OverflowError"),
    "a power below zero": ("k = 0 - n\nm = 1 if 2**k > 0 else 3", "to a negative power"),
    "a square below zero": ("m = 1 if n**-2 > 0 else 3", "to a negative power"),
    "a logarithm of zero": ("m = 1 if math.log(episode.width) < 0 else 2", "ValueError"),
    "a large exponential": ("m = 1 if math.exp(1000 * n) > 3 else 2", "Error"),
    "a root below zero": ("m = 1 if (-1.0 * n) ** 0.5 > 3 else 2", "Error"),
    "zero to a negative power": ("m = 1 if (0.0 * n) ** -1 > 3 else 2", "Error"),
    "an element over zero": ("x = np.ones(3)\nm = 1 if x[0] / episode.width > 3 else 2", "ZeroDivisionError"),
    "half a number in a list": ("x = [1, 2]\nx[0] = 0.5\nm = 1 if x[0] > 0 else 3", "does not compile"),
    "half a number in place": ("x = [1, 2]\nx[0] *= 0.5\nm = 1 if x[0] > 0 else 3", "does not compile"),
    "half a bound": ("x = np.arange(9)\nm = x[0 : n / 2].size", "does not compile"),
    "rounded digits": ("m = int(100 * round(2.675 + n - n, 2)) - 260", "does not compile"),
}
"""Statements that mean something else to machine code, and why they fail."""


def reading(statements):
    return program(f"{statements}\nepisode.read(m)\nepisode.branch(1)\nreturn episode.leader(FINISHED)")


@pytest.fixture(scope="module")
def store():
    return synthetic_store(questions=3, branches=12, seed=3)


def jailed(source, store):
    return run_jailed(read_candidate(source), [store], [0.1], SEEDS, RULES, LIMITS)


def assert_same(source, store):
    run = jailed(source, store)
    assert run.failure is None
    names = names_of(source, audited=True)
    arguments = tuple(names["schedule"](0.1).values())
    with np.errstate(all="ignore"):
        plain = replay(Program("program", names["program"]), arguments, store, SEEDS, RULES, interpreted=True)
    pd.testing.assert_frame_equal(run.rows[0].drop(columns="beta"), graded_rows(store, SEEDS, plain))


def test_numbers_are_those_of_plain_python(store):
    counts = "".join(f"m = (m * 3 + {count}) % 7\n" for count in SAME.values())
    assert_same(reading(f"m = 0\n{counts}m += 1"), store)


@pytest.mark.slow
@pytest.mark.parametrize("name", SAME)
def test_a_number_is_that_of_plain_python(name, store):
    assert_same(reading(f"m = {SAME[name]}"), store)


@pytest.mark.slow
@pytest.mark.parametrize("name", SAME_ARRAYS)
def test_arrays_and_lists_are_those_of_plain_python(name, store):
    assert_same(reading(SAME_ARRAYS[name]), store)


@pytest.mark.slow
@pytest.mark.parametrize("name", FAILING)
def test_what_machine_code_does_otherwise_fails(name, store):
    statements, reason = FAILING[name]
    failure = jailed(reading(statements), store).failure
    assert failure is not None and reason in failure
