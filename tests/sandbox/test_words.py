"""Every word of candidates, compiled and given what it does not expect: it fails, or does what plain Python does."""

import itertools
import math
import subprocess
import sys
import warnings

import numpy as np
import pytest
from refused import program

from tts_gym.datasets import load_store
from tts_gym.episode.rules import EpisodeRules
from tts_gym.sandbox.candidate import read_candidate
from tts_gym.sandbox.jail import run_jailed
from tts_gym.sandbox.runs import Limits
from tts_gym.sandbox.vocabulary import (
    ARRAY,
    BUILTINS,
    EITHER,
    ITEMS,
    MEMBERS,
    MODULES,
    NUMBER,
    SEQUENCE,
    TYPE,
)

WHOLE = (0, -1, 3, 2**62, -(2**63))
REAL = (0.0, -2.5, math.nan, math.inf, 1e300)
ARRAYS = (
    np.zeros(0),
    np.array([2.0, 1.0, 1.0]),
    np.array([math.nan, 1.0, -math.inf, math.nan, 0.0]),
    np.full(5000, 0.5),
)
COUNTS = (np.zeros(0, np.int64), np.array([-3, 2**62, 7]), np.arange(5000))
TRUTHS = (np.zeros(0, np.bool_), np.array([True, False, True]))
TUPLES = ((2.0, 1.0, 1.5), (3.0,))
VALUES = {
    NUMBER: (WHOLE, REAL),
    ARRAY: (ARRAYS, COUNTS, TRUTHS),
    EITHER: (ARRAYS, WHOLE),
    SEQUENCE: (ARRAYS, COUNTS, TUPLES),
}


def words():
    """Expressions over ``a``, ``b`` and ``c``, and the values to try for each."""
    for module, functions in MODULES.items():
        for name, signature in functions.items():
            needed = [kind for kind in signature.takes if kind != TYPE]
            yield f"{module}.{name}", f"{module}.{name}({', '.join('abc'[: len(needed)])})", needed
    for name, signature in BUILTINS.items():
        if signature.gives != ITEMS:
            needed = signature.takes[: signature.needed]
            yield name, f"{name}({', '.join('abc'[: len(needed)])})", needed
    for name, signature in MEMBERS[ARRAY].items():
        needed = [kind for kind in signature.takes if kind != TYPE]
        call = f"a.copy().{name}({'np.int64' if TYPE in signature.takes else 'b' * len(needed)})"
        yield f"array.{name}", call, [ARRAY, *needed]


def differing():
    """Go through all words, and say where compiled code gives what plain Python does not."""
    import numba

    import tts_gym.sandbox.child.arithmetic  # noqa: F401

    for name, expression, needed in words():
        function = eval(f"lambda {', '.join('abc'[: len(needed)])}: {expression}", {"np": np, "math": math})
        compiled, works = numba.njit(boundscheck=True)(function), False
        for chosen in itertools.product(*(VALUES[kind] for kind in needed)):
            for values in itertools.product(*chosen):
                try:
                    found = compiled(*values)
                except Exception:
                    continue
                works = True
                if not agree(found, function, values):
                    yield f"{name} of {values} gives {found}"
        if not works:
            yield f"{name} never works"


def agree(found, function, values):
    """Whether ``found`` is what ``function`` gives; numbers of more than 64 bits and those outside a domain are not."""
    try:
        expected = function(*values)
    except Exception:
        return not isinstance(found, np.ndarray)
    if found is None or (isinstance(expected, int) and abs(expected) >= 2**63):
        return True
    return np.shape(found) == np.shape(expected) and np.allclose(found, expected, equal_nan=True)


@pytest.mark.slow
def test_every_word_fails_or_does_what_plain_python_does():
    run = subprocess.run([sys.executable, __file__], capture_output=True, text=True)
    assert (run.returncode, run.stdout) == (0, ""), run.stderr


TOUCHING = "def touch(x, first, last):\n    for i in range(first, last):\n        x[i] += 1\n    return 1\n\n\n"


@pytest.mark.parametrize("place", ["0, 5", "-5, 1", "n - 40, n"])
def test_an_index_is_checked_in_a_helper_that_goes_over_a_view(place, store_file):
    source = program(f"x = np.ones(9)\nreturn touch(x[2:6], {place})", TOUCHING)
    run = run_jailed(read_candidate(source), [load_store(store_file)], [0.5], [0], EpisodeRules(), Limits(seconds=120))
    assert run.failure is not None and "IndexError" in run.failure


OVERFLOWING = """
import numba, numpy as np
import tts_gym.sandbox.child.arithmetic

@numba.njit(boundscheck=True)
def overflowing(i):
    x = np.zeros(4)
    if i < 3:
        j = i - 10
        if j > 100:
            return x[j]
    return x[3]

overflowing(-(2**63) + 5)
"""


def test_an_index_does_not_overflow():
    """As the compiler comes, it infers from ``i < 3`` that ``j`` is not large."""
    run = subprocess.run([sys.executable, "-c", OVERFLOWING], capture_output=True, text=True)
    assert run.stderr.strip().endswith("OverflowError: a whole number has more than 64 bits")


if __name__ == "__main__":
    np.seterr(all="ignore")
    warnings.simplefilter("ignore")
    for difference in differing():
        print(difference)
