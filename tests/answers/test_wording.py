import unicodedata
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from answers.hostile import HOSTILE
from tts_gym.answers.wording import LONGEST_ANSWER, clean, may_be_same, number, split_unit, structure, words


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("  5 \n\t 6 ", "5 6"),
        ("１２ａ", "12a"),
        ("𝟏𝟐", "12"),
        ("−3", "-3"),
        ("1\x00\u200b2\x1b", "12"),
        ("5\N{NO-BREAK SPACE}km", "5 km"),
        ("x²", "x²"),
        ("½", "½"),
        ("а", "\N{CYRILLIC SMALL LETTER A}"),
        ("∅", "∅"),
        ("1" * LONGEST_ANSWER, "1" * LONGEST_ANSWER),
    ],
)
def test_look_alikes_get_one_spelling_and_different_things_keep_theirs(text, cleaned):
    assert clean(text) == cleaned


@pytest.mark.parametrize("text", ["", " \n", "\x00", "?", "...", "{}", "NaN", "nan", "ERR", "1" * (LONGEST_ANSWER + 1)])
def test_no_answer(text):
    assert clean(text) is None


@given(text=st.text() | st.sampled_from(list(HOSTILE.values())))
def test_a_cleaned_answer_stays_as_it_is_and_can_be_stored(text):
    cleaned = clean(text)
    if cleaned is not None:
        assert clean(cleaned) == cleaned
        assert cleaned.encode() and not any(unicodedata.category(char) in {"Cc", "Cf", "Zl", "Zp"} for char in cleaned)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("007", 7), ("-5", -5), ("+5", 5), ("5.", 5), ("1,000", 1000), ("1{,}000", 1000), (r"12\,345\,678", 12345678),
        ("0.50", "1/2"), (".5", "1/2"), ("-1.25", "-5/4"), ("1,234.5", "2469/2"), ("1e5", 100000), ("2.5E-1", "1/4"),
        ("1/2", "1/2"), ("-3 / 6", "-1/2"), (r"\frac{1}{2}", "1/2"), (r"-\dfrac{3}{4}", "-3/4"), (r"\tfrac12", "1/2"),
        ("3 1/2", "7/2"), (r"3\frac{1}{2}", "7/2"), ("-3 1/2", "-7/2"), ("$5", 5), (r"\$5.50", "11/2"), ("-$5", -5),
        ("9%", 9), (r"9\%", 9),
    ],
)  # fmt: skip
def test_numbers_are_read_exactly(text, value):
    assert number(text) == Fraction(value)


@pytest.mark.parametrize(
    "text",
    ["", "-", ".", "1 2", "1,00", "0,5",
     "1,2", "--5", "5$6", "1/0", r"\frac{1}{0}", "٣", "²", "x", "1.2.3", "1/2/3", "e5",
     "1e", "1e9999", "1_000", "(5)", "[5]", "5!", "Infinity", "NaN", "0x10", "1+1"],
)  # fmt: skip
def test_what_is_no_number(text):
    assert number(text) is None


@given(value=st.fractions())
def test_every_fraction_is_read_back(value):
    assert number(str(value)) == value
    assert number(f"{'-' * (value < 0)}\\frac{{{abs(value.numerator)}}}{{{value.denominator}}}") == value


@given(value=st.decimals(allow_nan=False, allow_infinity=False, places=7))
def test_every_decimal_is_read_back(value):
    assert number(str(value)) == number(f"{value:,f}") == Fraction(value)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("144 minutes.", ("144", "minutes")),
        (r"5\text{ km}", ("5", "km")),
        (r"3 \mathrm{cm}^2", ("3", "cm^2")),
        ("20 square meters", ("20", "square meters")),
        (r"\frac{1}{2} hours", (r"\frac{1}{2}", "hours")),
        (r"30^\circ", ("30", r"^\circ")),
    ],
)
def test_units(text, parts):
    assert split_unit(text) == parts


@pytest.mark.parametrize(
    "text",
    ["10 million", "3 dozen", "2 thirds", "5 squared", "5 times seven", "3 xy", "3xyzw", "2 hours and 24 minutes", "km",
     r"\text{5 km}", r"10\text{ million}"],
)  # fmt: skip
def test_what_is_no_unit(text):
    assert split_unit(text) == (text, "")


@pytest.mark.parametrize(
    "text", ["5", "xy + 1", r"\sin x", r"\frac{a}{b}", "abs", "x", r"\begin{pmatrix}1\end{pmatrix}"]
)
def test_formulas_are_not_words(text):
    assert (words(text) is None) == (text != "abs")


def test_words_are_compared_without_case_and_markup():
    assert words("Even") == words(r"\text{even}") == words(r"$\textbf{even}$.") == "even"
    assert words("no") != words("on") and words("Москва") == "москва"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("(1,2)", "()"), (r"\left[1, 2\right)", "[)"), ("1, 2", "{}"), (r"\{1,2\}", "{}"), ("(1,2),(3,4)", "{}"),
        ("1<x<2", "<"), (r"x \leq 5", "<"), (r"\left(5\right)", ""), ("f(1,2)", ""), (r"(1,2)\cup(3,4)", ""), ("", ""),
        (")(", ""), ("1" + ")" * 9 + ",", "{}"),
    ],
)  # fmt: skip
def test_structure(text, expected):
    assert structure(text) == expected


def test_structures_that_may_be_the_same():
    assert may_be_same("", "()") and may_be_same("{}", "{}") and may_be_same("<", "[)")
    assert not may_be_same("()", "[]") and not may_be_same("()", "{}") and not may_be_same("<", "{}")
    assert all(
        may_be_same(one, other) == may_be_same(other, one) for one in ("", "()", "{}", "<") for other in ("<", "()")
    )
