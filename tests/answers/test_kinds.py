"""Renaming never splits, changing a digit never merges, whatever the kind of answer."""

import re
import time

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from answers.hostile import HOSTILE
from tts_gym.answers.equivalence import Equivalence
from tts_gym.answers.kinds import alternatives, read, read_gold, what_is_asked
from tts_gym.answers.normalise import clean

WHOLE = st.integers(0, 10**6)
SMALL = st.integers(2, 99)


@st.composite
def answers(draw):
    """An answer in LaTeX, of any kind that has digits."""
    a, b, c, d = (draw(SMALL) for _ in range(4))
    return draw(
        st.sampled_from(
            [
                str(draw(WHOLE)),
                f"-{draw(WHOLE)}",
                f"{a}.{b:02}",
                rf"\frac{{{a}}}{{{b}}}",
                f"({a}, {b})",
                rf"\{{{a}, {100 + b}, {200 + c}\}}",
                f"[{a}, {100 + b})",
                rf"(-\infty, {a}] \cup ({100 + b}, \infty)",
                rf"{a}\text{{ km}}",
                rf"{a}^\circ",
                rf"{a}\%",
                f"20{b:02}-{1 + c % 9:02}-{10 + d % 9}",
                f"{a} {b} {c} {d}",
                f"0x{a:x}{b:x}f",
                rf"1{a % 8}{b % 8}_{{8}}",
                rf"\sqrt{{{a}}} + {b}",
                rf"{a}x^{{{b % 5 + 2}}} + {c}y",
                rf"y = {a}x + {b}",
                rf"\begin{{pmatrix}} {a} & {b} \\ {c} & {d} \end{{pmatrix}}",
                rf"{a}:{b}:{c}",
                f"{a}-{100 + b}",
                f"x > {a}",
                rf"{a} \le x < {100 + b}",
                rf"x = {a}, x = {100 + b}",
                f"{a} apples and {100 + b} oranges",
                f"v{a}.{b}",
                f"e^{{-{100 + a}}}",
            ]
        )
    )


RENAMINGS = (
    lambda text: f"${text}$",
    lambda text: rf"\({text}\)",
    lambda text: f"  {text}  ",
    lambda text: text.replace(" ", "  "),
    lambda text: text.replace(r"\frac", r"\dfrac"),
    lambda text: text.replace("-", "−"),
    lambda text: text + ".",
    lambda text: rf"\mathbf{{{text}}}" if "{" not in text else text,
    lambda text: rf"\text{{{text}}}" if text.isdigit() else text,
    lambda text: text.translate({ord(digit): chr(0xFF10 + int(digit)) for digit in "0123456789"}),
    lambda text: (
        rf"\left{text[0]}{text[1:-1]}\right{text[-1]}" if re.fullmatch(r"[(\[][^()\[\]]*[)\]]", text) else text
    ),
)


@pytest.fixture(scope="module")
def equivalence():
    with Equivalence() as shared:
        yield shared


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(answer=answers(), renaming=st.sampled_from(RENAMINGS), other=st.sampled_from(RENAMINGS))
def test_renaming_never_splits(equivalence, answer, renaming, other):
    assume(renaming is not other)
    assert equivalence.same(renaming(answer), answer)
    assert equivalence.same(other(renaming(answer)), renaming(answer))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(answer=answers(), data=st.data())
def test_changing_a_digit_never_merges(equivalence, answer, data):
    places = [match.start() for match in re.finditer("[0-9]", answer)]
    place = data.draw(st.sampled_from(places))
    digit = data.draw(st.sampled_from("123456789"))
    changed = answer[:place] + digit + answer[place + 1 :]
    assume(digit != answer[place] and not answer.startswith("0x") and "_{" not in answer)
    fractions = [re.fullmatch(r"\\frac\{(\d+)\}\{(\d+)\}", text) for text in (answer, changed)]
    assume(
        not all(fractions) or int(fractions[0][1]) * int(fractions[1][2]) != int(fractions[1][1]) * int(fractions[0][2])
    )
    assume(not (":" in answer and proportional(answer, changed)))
    assert not equivalence.same(changed, answer)
    assert not equivalence.same(answer, changed)


IN_X = (
    "x > 3", r"x \ne 3", "|x| < 3", r"1 < x \le 2", "x<1 or x>3", "x>1, x<5", r"x \in (1,2)", "x=3", "x = 3, 5",
    "x=3, x=5", "x = 12 cm", r"x=28\%", "x=(0,1.5)", "2x+1", "x^2 = 4", r"\sin x", "x'", r"\frac{dx}{dt}", "f(x)",
)  # fmt: skip


@pytest.mark.parametrize("answer", IN_X)
def test_another_variable_makes_another_answer(equivalence, answer):
    other = answer.replace("x", "y")
    assert not equivalence.same(other, answer)
    assert not equivalence.same(answer, other)


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=SMALL, units=st.permutations(["nm", "µm", "mm", "cm", "m", "km", "Mm"]))
def test_another_prefix_makes_another_answer(equivalence, value, units):
    assert not equivalence.same(f"{value} {units[0]}", f"{value} {units[1]}")


def proportional(one, other):
    first, second = ([int(part) for part in text.split(":")] for text in (one, other))
    return all(a * second[0] == b * first[0] for a, b in zip(first, second, strict=True))


@given(value=st.integers(16, 10**9), other=st.integers(16, 10**9), base=st.sampled_from([2, 8, 16]))
def test_integers_in_a_base_are_equal_as_integers_are(equivalence, value, other, base):
    prefix = {2: "0b{:b}", 8: "0o{:o}", 16: "0x{:x}"}[base]
    assert equivalence.same(prefix.format(other), prefix.format(value)) == (value == other)
    assert equivalence.same(prefix.format(value), str(value))


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_reading_hostile_answers_takes_no_time(text):
    answer = clean(text)
    start = time.process_time()
    if answer is not None:
        asked = what_is_asked(answer)
        assert read(answer, asked) == read(answer, asked)
        alternatives(answer, asked), read_gold(answer, asked)
    assert time.process_time() - start < 5
