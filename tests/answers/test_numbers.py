from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tts_gym.answers.numbers import join_thousands, number, positional
from tts_gym.answers.spelling import spell


def value(text):
    found = number(spell(join_thousands(text)))
    return None if found is None else found.value


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("007", 7), ("-5", -5), ("+5", 5), ("5.", 5), ("1,000", 1000), ("1{,}000", 1000), (r"12\,345\,678", 12345678),
        ("0.50", "1/2"), (".5", "1/2"), ("-1.25", "-5/4"), ("1,234.5", "2469/2"), ("1e5", 100000), ("2.5E-1", "1/4"),
        ("1/2", "1/2"), ("-3 / 6", "-1/2"), (r"\frac{1}{2}", "1/2"), (r"-\dfrac{3}{4}", "-3/4"), (r"\tfrac12", "1/2"),
        ("3 1/2", "7/2"), (r"3\frac{1}{2}", "7/2"), ("-3 1/2", "-7/2"),
        (r"\frac{-3}{4}", "-3/4"), (r"\frac{3}{-4}", "-3/4"),
        ("1'234'567", 1234567), ("1_000_000", 1000000), ("1,00,000", 100000), ("1.234,56", "30864/25"), ("(5)", 5),
        ("1.2×10^5", 120000), (r"1.2 \times 10^{5}", 120000), ("10⁵", 100000), ("10^{-400}", Fraction(1, 10**400)),
        (r"0.\overline{36}", "4/11"), (r"0.\dot{3}", "1/3"), ("0.(3)", "1/3"), (r"0.\overline{9}", 1),
        ("0.333...", "1/3"),
        (r"0.1\dot{4}285\dot{7}", Fraction(1, 10) + Fraction(42857, 999990)), ("½", "1/2"), ("3½", "7/2"), ("٤٢", 42),
        ("twelve", 12), ("twenty-one", 21), ("zero", 0), ("two-thirds", "2/3"),
        ("2 million", 2000000), ("a half", "1/2"),
        ("one hundred and five", 105), ("three and a half", "7/2"),
        ("3 dozen", 36), ("two thousand six hundred", 2600),
    ],
)  # fmt: skip
def test_numbers_are_read_exactly(text, expected):
    assert value(text) == Fraction(expected)


@pytest.mark.parametrize(
    "text",
    ["", "-", ".", "1 2", "1,00", "0,5", "1,2", "--5", "5$6", "1/0", r"\frac{1}{0}", "x", "1.2.3", "1/2/3", "e5", "1e",
     "1e99999", "[5]", "5!", "Infinity", "NaN", "0x10", "1+1", "two three", "half a loaf", "and", "a"],
)  # fmt: skip
def test_what_is_no_number(text):
    assert value(text) is None


@given(exact=st.fractions())
def test_every_fraction_is_read_back(exact):
    assert value(str(exact)) == exact
    assert value(f"{'-' * (exact < 0)}\\frac{{{abs(exact.numerator)}}}{{{exact.denominator}}}") == exact


@given(decimal=st.decimals(allow_nan=False, allow_infinity=False, places=7))
def test_every_decimal_is_read_back(decimal):
    assert value(str(decimal)) == value(f"{decimal:,f}") == Fraction(decimal)


@given(digits=st.text("0123456789", min_size=1, max_size=12), tail=st.text("0123456789", min_size=1, max_size=6))
def test_a_decimal_remembers_its_places(digits, tail):
    found = number(f"{digits}.{tail}")
    assert found.places == len(tail) and found.digits == len((digits + tail).lstrip("0"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [("0xff", 255), ("0xFF", 255), ("0b1010", 10), ("0o17", 15), ("1011_2", 11), ("1011_{2}", 11), ("ff_{16}", 255),
     ("17 in base 8", 15), ("1010 binary", 10), ("-0x10", -16)],
)  # fmt: skip
def test_integers_in_a_base(text, expected):
    assert positional(text).value == expected


@pytest.mark.parametrize("text", ["255", "12_2", "x_2", "a_{12}", "0xg", "9_1", "1_37"])
def test_what_names_no_base_or_has_other_digits(text):
    assert positional(text) is None


@given(number=st.integers(0, 10**9), base=st.sampled_from([2, 8, 16]))
def test_every_base_is_read_back(number, base):
    spelled = {2: bin, 8: oct, 16: hex}[base](number)
    assert positional(spelled).value == positional(f"{spelled[2:]:0>2}_{{{base}}}").value == number
