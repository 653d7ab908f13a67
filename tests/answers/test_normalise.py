import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from answers.hostile import HOSTILE
from tts_gym.answers.normalise import LONGEST_ANSWER, clean, is_text, plain_words


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
    "text", ["5", "xy + 1", r"\sin x", r"\frac{a}{b}", "abs", "x", r"\begin{pmatrix}1\end{pmatrix}", "sqrt(3)"]
)
def test_formulas_are_not_words(text):
    assert not is_text(text)


@pytest.mark.parametrize("text", ["Monday", "no", "AB", "CBA", "Москва", "да", "x where x is even"])
def test_words_are_words(text):
    assert is_text(text)


def test_words_are_compared_without_case_and_markup():
    assert plain_words("Even") == plain_words(r"\text{even}") == plain_words(r"$\textbf{even}$.") == "even"
    assert plain_words("no") != plain_words("on")
    assert plain_words("No  solutions.") == plain_words("no solution")
