"""What is compared as it stands though algebra could read it: ranges, rows of tokens, boards, identifiers, versions."""

from __future__ import annotations

import re

from tts_gym.answers.spelling import FUNCTION

RANGE = re.compile(r"[0-9]+(?:\.[0-9]+)?(?: ?- ?[0-9]+(?:\.[0-9]+)?)+")
BEFORE_RANGE = re.compile(r"[$€£¥₹]|from ")
TO = re.compile(r"(?<=[0-9]) (?:to|through) (?=[0-9])")
SIZE = re.compile(r"[0-9.]+(?: (?:x|by) [0-9.]+)+")
DOTTED = re.compile(r"[0-9]+(?:\.[0-9]+){2,}")
IDENTIFIER = re.compile(r"(?=[A-Za-z0-9.]*[A-Za-z][0-9])[A-Za-z0-9.]+")
QUOTED = re.compile(r"'[^']*[A-Za-z][^']*'|\"[^\"]*[A-Za-z][^\"]*\"")
LETTERS = re.compile(r"[a-z](?:(?: | and | or )[a-z])+")
TOKENS = re.compile(r"-?[0-9.]+(?: -?[0-9.]+)+|[A-Z](?: [A-Z])+|(?:[A-Za-z0-9_.#*?@|-]{1,6} )+[A-Za-z0-9_.#*?@|-]{1,6}")
BOARD = re.compile(r"(?:^| )(?:[_.#*?@|]+|[A-Za-z]+[0-9]+[A-Za-z0-9]*)(?: |$)")


def plain_range(text: str) -> str | None:
    """The range of "5 - 10", "$5-10" or "5 to 10" as "5-10", which is no difference; None where ``text`` is none."""
    start = BEFORE_RANGE.match(text)
    plain = TO.sub("-", text[start.end() :] if start else text)
    return plain.replace(" ", "") if RANGE.fullmatch(plain) else None


def are_tokens(text: str) -> bool:
    """Whether ``text`` is a row of numbers, of capitals, or of squares of a board."""
    return TOKENS.fullmatch(text) is not None and (
        not re.search(r"[A-Za-z]", text)
        or re.fullmatch(r"[A-Z](?: [A-Z])+", text) is not None
        or BOARD.search(text) is not None
    )


def are_letters(text: str) -> bool:
    """Whether ``text`` is a row of small letters, which may be a product where the gold answer is something else."""
    return LETTERS.fullmatch(text) is not None


def stands_as_it_is(text: str) -> bool:
    """Whether ``text`` is no formula: tokens, an identifier such as C6H12O6, a version, a size, a negation by "~"."""
    if IDENTIFIER.fullmatch(text):
        return FUNCTION.search(text) is None
    return "~" in text or any(form.fullmatch(text) for form in (QUOTED, DOTTED, SIZE)) or are_tokens(text)
