"""Answers as text: one spelling for what is stored, and one in which words are compared."""

from __future__ import annotations

import re
import unicodedata

LONGEST_ANSWER = 4000
"""Characters in the longest text that is taken for an answer."""

NOT_ANSWERS = frozenset({"nan", "err"})
EMPTY_SETS_AND_INFINITIES = "∅∞"
EMPTY_SET = re.compile(r"\\\{ ?(?:\\[,;:!] ?)*\\\}")

MINUS = "\N{MINUS SIGN}"
FULL_WIDTH = range(0xFF01, 0xFF5F)
MATHEMATICAL = range(0x1D400, 0x1D800)


def clean(text: str) -> str | None:
    """One spelling for texts that look alike and mean the same, or None where there is no answer in ``text``.

    Full-width characters and mathematical letters and digits become plain ones, U+2212 becomes a hyphen; superscripts
    and vulgar fractions stay, as x² is not x2. Characters without a shape are dropped, runs of white space become one
    space. A text that is empty, longer than ``LONGEST_ANSWER``, "NaN", "ERR", or punctuation other than an empty set is
    no answer.
    """
    if len(text) > 4 * LONGEST_ANSWER:
        return None
    return _answer(" ".join("".join(map(_plain, text)).split()))


def clean_lines(text: str) -> str | None:
    """As ``clean``, but lines stay, and so does the white space in them."""
    if len(text) > 4 * LONGEST_ANSWER:
        return None
    lines = ("".join(map(_plain, line)).rstrip() for line in text.strip().splitlines())
    return _answer("\n".join(lines))


def _answer(cleaned: str) -> str | None:
    if not cleaned or len(cleaned) > LONGEST_ANSWER or cleaned.casefold() in NOT_ANSWERS:
        return None
    return cleaned if EMPTY_SET.fullmatch(cleaned) or any(map(_says_something, cleaned)) else None


def _says_something(char: str) -> bool:
    return char.isalnum() or char in EMPTY_SETS_AND_INFINITIES or unicodedata.category(char) == "So"


def _plain(char: str) -> str:
    if char.isascii() and char.isprintable():
        return char
    if char == MINUS:
        return "-"
    if ord(char) in FULL_WIDTH or ord(char) in MATHEMATICAL:
        return unicodedata.normalize("NFKC", char)
    if char.isspace():
        return " "
    return "" if unicodedata.category(char) in {"Cc", "Cf", "Cs"} else char


TEXT_COMMAND = re.compile(r"\\(?:text|mathrm|textrm|textbf|textit|mathbf|mbox|operatorname) ?\{([^{}]*)\}")
NO_WORDS = re.compile(
    r"\\(?:begin|end) ?\{[a-z*]+\}|\\[a-zA-Z]+"
    r"|(?<![a-zA-Z])(?:arc)?(?:sinh?|cosh?|tanh?|sec|csc|cot|log|ln|exp|sqrt|cbrt|abs|max|min|gcd|lcm|mod|inf|infinity|pi"
    r"|theta|alpha|beta|gamma|lambda)(?![a-zA-Z])"
)
TWO_LETTERS = re.compile(r"[a-zA-Z]{2}")
WORD = re.compile(r"[^\W\d_]{3,}|[^\W\d_a-zA-Z]{2,}")
COMMAND = re.compile(r"\\([a-zA-Z]+)")
NONE_OF_THEM = re.compile(r"no (?:real |integer |such )?[a-z]+s")
ENDS = " .,;:!?\"'`$*"


def is_text(text: str) -> bool:
    """Whether ``text`` holds words: three letters that are no LaTeX command or function, or nothing but two."""
    return TWO_LETTERS.fullmatch(text) is not None or WORD.search(NO_WORDS.sub(" ", text)) is not None


def plain_words(text: str) -> str:
    """What is compared of words, tokens and grids: no case, no white space but single spaces, no marks at the ends."""
    plain = (
        " ".join(COMMAND.sub(r" \1", TEXT_COMMAND.sub(r"\1", text)).casefold().split()).strip(ENDS).removeprefix("the ")
    )
    return plain[:-1] if NONE_OF_THEM.fullmatch(plain) else plain
