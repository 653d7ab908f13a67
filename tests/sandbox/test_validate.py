"""What a candidate promises, found out by running it in the jail."""

import pandas as pd
import pytest
from candidates import READER, SOLVER, UNCOMPILABLE, shipped_cmc

from tts_gym.datasets import synthetic_store
from tts_gym.sandbox import contract
from tts_gym.sandbox.candidate import read_candidate
from tts_gym.sandbox.jail import validate


@pytest.fixture(scope="module")
def store():
    return synthetic_store(questions=6, branches=70, seed=3)


@pytest.mark.parametrize("source", [READER, SOLVER, shipped_cmc()], ids=["reader", "solver", "cmc"])
def test_a_good_candidate_passes(source, store):
    assert validate(read_candidate(source), store).failure is None


SCHEDULE = READER.index("    return {")
REST = READER.index("\n\n", SCHEDULE)


def with_schedule(*lines):
    return READER[:SCHEDULE] + "".join(f"    {line}\n" for line in lines) + READER[REST:]


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (with_schedule("return {'most': 3}"), "schedule(0) returned the parameters most, but program takes"),
        (with_schedule("return {'most': 3, 'threshold': 1, 'x': 2}"), "returned the parameters most, threshold, x"),
        (with_schedule("return 3"), "schedule(0) returned 3: return a dict"),
        (with_schedule("x = 3"), "schedule(0) returned None"),
        (with_schedule("return {'most': 3, 'threshold': 1 / (beta - 0.5)}"), "ZeroDivisionError"),
        (with_schedule("return {'most': 3, 'threshold': math.inf}"), "threshold = inf: return finite numbers"),
        (with_schedule("return {'most': 3, 'threshold': [1]}"), "threshold = [1]: return finite numbers"),
        (with_schedule("return {'most': 2**70, 'threshold': 1}"), "return finite numbers"),
        (
            with_schedule("return {'most': 3, 'threshold': (beta - 0.5) ** 2}"),
            "the parameter threshold of schedule is not monotone in beta: it falls at first and rises from beta = 0.5",
        ),
        (with_schedule("return {'most': round(60 - 50 * beta), 'threshold': 1}"), "a larger beta must not spend less"),
        (READER.replace("62 * beta", "68 * beta").replace("0.8 + 0.19 * beta", "1.0"), "but 64 is the most"),
        (READER.replace("return episode.leader(FINISHED)", "return 77"), "not an answer of this episode"),
        (UNCOMPILABLE, "not compile: can"),
        (SOLVER.replace("Counter(answers).most_common(1)[0][0]", "3"), "the text of an answer"),
        (
            SOLVER.replace("self.most =", "Reader.n = getattr(Reader, 'n', 0) % 5 + 1; self.most = Reader.n #"),
            "not deterministic: question ",
        ),
        ("import random\n" + SOLVER.replace("self.most)", "random.randrange(1, 9))"), "not deterministic"),
        ("import time\n" + SOLVER.replace("self.most)", "time.monotonic_ns() % 7 + 1)"), "not deterministic"),
    ],
)  # fmt: skip
def test_a_broken_promise_is_told(source, words, store):
    reason = validate(read_candidate(source), store).failure
    assert reason is not None and words in reason and "\n" not in reason


def test_constant_and_falling_parameters_are_monotone():
    schedule = [{"same": 1, "less": -beta, "more": round(3 * beta)} for beta in contract.SCHEDULE_BETAS]
    assert contract.not_monotone(schedule) is None
    assert "parameter more" in contract.not_monotone([*schedule[:-1], {"same": 1, "less": -1, "more": 0}])


def test_a_small_fall_of_tokens_is_chance():
    def rows(tokens, beta):
        return pd.DataFrame({"tokens": [tokens], "beta": [beta]})

    assert contract.tokens_fall([rows(100, 0.0), rows(99, 0.5), rows(300, 1.0)]) is None
    assert "from 100 at beta = 0 to 97 at 0.5" in contract.tokens_fall([rows(100, 0.0), rows(97, 0.5)])
