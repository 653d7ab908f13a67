"""Plain Python with checked whole numbers is plain Python, until a number does not fit 64 bits."""

import operator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tts_gym.sandbox.child.overflow import OPERATORS, checked

SIGNS = {"+": operator.add, "-": operator.sub, "*": operator.mul, "//": operator.floordiv, "**": operator.pow}
NEAR = [sign * (2**power + more) for power in (0, 1, 31, 32, 62, 63) for more in (-1, 0, 1) for sign in (1, -1)]
WHOLE = (st.sampled_from(NEAR) | st.integers(-100, 100)).filter(lambda number: -(2**63) <= number < 2**63)


def named(source):
    names = {"np": np}
    exec(compile(checked(source), "candidate.py", "exec"), names)
    names.update(OPERATORS)
    return names


def called(source, *arguments):
    return named(f"def f(x, y):\n{source}")["f"](*arguments)


@given(st.sampled_from(sorted(SIGNS)), WHOLE, WHOLE, st.sampled_from([int, np.int64]))
def test_an_operator_gives_what_python_gives_or_overflows(sign, x, y, kind):
    if sign == "**":
        y %= 80
    expected = SIGNS[sign](x, y) if y or sign != "//" else None
    forms = (
        f"    return x {sign} y\n",
        f"    x {sign}= y\n    return x\n",
        f"    z = [0, x]\n    z[1] {sign}= y\n    return z[1]\n",
    )
    for form in forms:
        if expected is None:
            with pytest.raises(ZeroDivisionError):
                called(form, kind(x), kind(y))
        elif -(2**63) <= expected < 2**63:
            assert called(form, kind(x), kind(y)) == expected
        else:
            with pytest.raises(OverflowError, match="does not fit 64 bits"):
                called(form, kind(x), kind(y))


def test_a_sign_overflows_too():
    assert called("    return -x\n", 2**63 - 1, 0) == -(2**63) + 1
    with pytest.raises(OverflowError):
        called("    return -x\n", -(2**63), 0)


def test_a_power_is_refused_before_it_is_worked_out():
    with pytest.raises(OverflowError):
        called("    return x ** y\n", 3, 2**62)


def test_reals_and_arrays_are_left_as_they_are():
    assert called("    return x ** y\n", 2, -1) == 0.5
    assert called("    return x * y\n", 1e300, 1e300) == float("inf")
    array = np.arange(4)
    same = called("    x += y\n    x[1] *= 5\n    x[2:4] += 1\n    return x\n", array, 1)
    assert same is array
    assert array.tolist() == [1, 10, 4, 5]
    other = called("    return x - y\n", array, 1)
    assert other.tolist() == [0, 9, 3, 4] and array.tolist() == [1, 10, 4, 5]


def test_the_element_is_read_before_the_value_that_it_is_changed_by():
    source = "def g(z):\n    z[0] = 100\n    return 1\n\n\ndef f(z):\n    z[0] += g(z)\n    return z[0]\n"
    plain = {}
    exec(source, plain)
    assert named(source)["f"]([5]) == plain["f"]([5]) == 6


def test_an_error_tells_the_line_of_the_source():
    with pytest.raises(OverflowError) as caught:
        called("    z = 0\n    z = x + (\n        y * y\n    )\n    return z\n", 1, 2**40)
    lines = [entry.lineno + 1 for entry in caught.traceback if str(entry.path).endswith("candidate.py")]
    assert lines[-1] == 4
