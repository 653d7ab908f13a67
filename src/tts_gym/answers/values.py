r"""What a value says: a number, a quantity, a date, a list, an interval, a matrix, words, a formula."""

from __future__ import annotations

import re
from collections.abc import Callable
from fractions import Fraction

from tts_gym.answers.asked import NOTHING, Asked
from tts_gym.answers.calendar import read_date, read_time
from tts_gym.answers.numbers import Number, number, positional
from tts_gym.answers.quantities import in_unit, read_quantity
from tts_gym.answers.reading import Group, Leaf, Reading, Word, of_number
from tts_gym.answers.spelling import latex
from tts_gym.answers.structure import (
    COMPARISON,
    CONJUNCTION,
    plus_minus,
    read_list,
    read_matrix,
    read_union,
    split_top,
)
from tts_gym.answers.units import Unit
from tts_gym.answers.wording import is_text, plain_words

PERCENT = Unit({"percent": 1})

TRUTH = frozenset({"yes", "no", "true", "false"})
RANGE = re.compile(r"([0-9]+(?:\.[0-9]+)?)((?: ?- ?[0-9]+(?:\.[0-9]+)?)+)")
DOTTED = re.compile(r"v?[0-9]+(?:\.[0-9]+){2,}")
TOKENS = re.compile(r"-?[0-9.]+(?: -?[0-9.]+)+|[A-Z](?: [A-Z])+|(?:[A-Za-z0-9_.#*?@|-]{1,6} )+[A-Za-z0-9_.#*?@|-]{1,6}")
BOARD = re.compile(r"(?:^| )(?:[_.#*?@|]+|[A-Za-z]+[0-9]+[A-Za-z0-9]*)(?: |$)")
RATIO = re.compile(r"[^:]{1,60}(?::[^:]{1,60})+")
EQUALS = re.compile(r"(?<![<>!=:\\])=(?!=)|≈")
NAME = re.compile(
    r"(?:the )?((?:[A-Za-z]|\\[a-zA-Z]++|\|)(?:[A-Za-z' ]|\\[a-zA-Z]++|_ ?[A-Za-z0-9]|_ ?\{[^{}]*\}|\([^()]*\)|\\?\|)*)"
)
MEMBER = re.compile(r"([A-Za-z](?:_[0-9a-z])?(?:, ?[A-Za-z])*|\([a-z], ?[a-z]\)) ?\\in ?(.+)")
CONSTANT = re.compile(r"\+ ?c$")
ELLIPSIS = r"\ldots"
EMPTY_SET = Group("{}", (), ordered=False)


def named(text: str) -> tuple[str | None, str]:
    r"""What gets a value in ``text``, such as x, P(A) or \angle ABC, and the value; of a calculation the result."""
    *left, right = (part.strip() for part in EQUALS.split(text))
    if not left or not right:
        member = MEMBER.fullmatch(text)
        return (member[1], member[2].strip()) if member else (None, text)
    if not all(map(_is_closed, left)):
        return None, text
    if not any(map(has_variables, left)) and not has_variables(right):
        return "", right
    name = NAME.fullmatch(left[0])
    if name is None or (len(left) > 1 and not all(map(_is_closed, left[1:]))):
        return None, text
    return " ".join(name[1].replace("\\", "").split()), right


def _is_closed(text: str) -> bool:
    """Whether ``text`` is no part of a list."""
    return len(split_top(CONJUNCTION.sub(", ", text)) or ()) == 1


def has_variables(text: str) -> bool:
    """Whether ``text`` holds letters that are no unit, no function and no constant."""
    bare = re.sub(
        r"\\(?:begin|end) ?\{[a-z]+\}|\\[a-zA-Z]+|(?<![a-zA-Z])(?:sqrt|pi|sin|cos|tan|log|ln|exp)(?![a-zA-Z])",
        " ",
        text,
    )
    quantity = read_quantity(text)
    if quantity is not None:
        bare = "" if quantity.number is not None else quantity.head if "\\" not in quantity.head else ""
    return number(text) is None and bool(re.search(r"[a-zA-Z]", re.sub(r"(?<![a-zA-Z])[ie](?![a-zA-Z])", "", bare)))


def is_words(text: str) -> bool:
    """Whether ``text`` is compared as it stands: words, tokens, grids, and lists of these."""
    if number(text) or positional(text) or RANGE.fullmatch(text) or read_quantity(text):
        return False
    if read_date(text) is not None or read_time(text) is not None:
        return False
    listed = read_list(text)
    if listed is not None:
        parts = [part for part in listed.parts if part != ELLIPSIS]
        return bool(parts) and all(is_words(part) or re.fullmatch(r"[A-Z]", part) for part in parts)
    if named(text)[0] is not None or named(text)[1] != text:
        return False
    return _are_tokens(text) or is_text(text)


def _are_tokens(text: str) -> bool:
    return TOKENS.fullmatch(text) is not None and (
        not re.search(r"[A-Za-z]", text)
        or re.fullmatch(r"[A-Z](?: [A-Z])+", text) is not None
        or BOARD.search(text) is not None
    )


def read_value(text: str, asked: Asked) -> Reading:
    """The reading of ``text`` where no kind of its own is asked for."""
    name, value = named(text)
    reading = read_bare(value, asked)
    if name and asked.name and name.casefold() != asked.name.casefold():
        return Group(f"value of {name}", (reading,))
    return reading


def read_bare(text: str, asked: Asked) -> Reading:
    """The reading of a value without a name."""
    if "$" in text.lstrip("+-$ ").rstrip("$ "):
        return Word("text", plain_words(text))
    for reader in READERS:
        reading = reader(text, asked)
        if reading is not None:
            return reading
    return Leaf(latex(CONSTANT.sub("+ C", text)))


def _truth(text: str, asked: Asked) -> Reading | None:
    plain = plain_words(text)
    return Word("text", plain) if plain in TRUTH else None


def _moment(text: str, asked: Asked) -> Reading | None:
    return read_date(text) or read_time(text)


def _number(text: str, asked: Asked) -> Reading | None:
    if asked.base is not None:
        in_base = positional(text) or positional(f"{text}_{asked.base}")
        return Word("text", text) if in_base is None else of_number(Number(Fraction(in_base.value)))
    if RANGE.fullmatch(text):
        return Word("range", text.replace(" ", ""))
    exact = number(text)
    if exact is not None:
        return of_number(exact)
    in_base = positional(text)
    return None if in_base is None else of_number(Number(Fraction(in_base.value)))


def _quantity(text: str, asked: Asked) -> Reading | None:
    quantity = read_quantity(text)
    if quantity is None:
        return None
    leaf = of_number(quantity.number) if quantity.number else Leaf(latex(quantity.head))
    if asked.unit is not None:
        converted = in_unit(quantity, leaf, asked.unit)
        if converted is not None:
            return converted
    elif not quantity.compound:
        return _share(leaf) if asked.share and quantity.unit == PERCENT else leaf
    return Group(f"{quantity.unit.factor} {quantity.unit.name}", (leaf,))


def _share(leaf: Leaf) -> Leaf:
    return leaf if leaf.number is None else of_number(leaf.number.scaled(Fraction(1, 100)))


def _sequence(text: str, asked: Asked) -> Reading | None:
    if DOTTED.fullmatch(text) or _are_tokens(text):
        return Word("text", plain_words(text))
    return None


def _ratio(text: str, asked: Asked) -> Reading | None:
    if not RATIO.fullmatch(text) or is_text(text):
        return None
    parts = [read_bare(part.strip(), NOTHING) for part in text.split(":")]
    exact = [part.number.value for part in parts if isinstance(part, Leaf) and part.number is not None]
    if len(exact) == len(parts) and exact[0]:
        parts = [of_number(Number(value / exact[0])) for value in exact]
    return Group("ratio", tuple(parts))


def _words(text: str, asked: Asked) -> Reading | None:
    listed = read_list(text)
    if listed is not None and not all(is_words(part) for part in listed.parts):
        return None
    return Word("text", plain_words(text)) if is_text(text) else None


def _matrix(text: str, asked: Asked) -> Reading | None:
    rows = read_matrix(text)
    if rows is None:
        return None
    return Group("matrix", tuple(Group("row", tuple(read_bare(cell, NOTHING) for cell in row)) for row in rows))


def _list(text: str, asked: Asked) -> Reading | None:
    listed = read_list(text)
    if listed is None:
        return None
    return grouped(listed.brackets, listed.parts, asked)


def grouped(brackets: str, texts: tuple[str, ...], asked: Asked) -> Reading:
    """The reading of a list.

    Args:
        brackets: what encloses it, see ``structure.Enclosed``.
        texts: its parts; a name before the first, or before all, does not count.
        asked: what the gold answer shows.
    """
    names = {name for name, _ in map(named, texts)}
    if len(names) == 1 and names != {None} and not brackets:
        texts = tuple(named(text)[1] for text in texts)
    elif not brackets and names != {None} and named(texts[0])[0] and names - {None} == {named(texts[0])[0]}:
        texts = (named(texts[0])[1], *texts[1:])
    ordered = brackets not in {"", "{}"} or ELLIPSIS in texts
    expanded: list[str] = []
    for text in texts:
        both = None if ordered else plus_minus(text)
        expanded += both or [text]
    inner = Asked(unit=asked.unit)
    parts = tuple(read_equation(part) if len(EQUALS.split(part)) > 1 else read_bare(part, inner) for part in expanded)
    if not ordered and any(isinstance(part, Word) for part in parts):
        return Group("words", parts)
    if brackets == "{}":
        parts = tuple(dict.fromkeys(parts))
    if brackets in {"", "{}"} and len(parts) == 1 and parts[0] != EMPTY_SET:
        return parts[0]
    return Group(brackets or "{}", parts, ordered)


def _union(text: str, asked: Asked) -> Reading | None:
    members = read_union(text)
    if members is None:
        return None
    return Group("union", tuple(read_bare(member, NOTHING) for member in members), ordered=False)


def _plus_minus(text: str, asked: Asked) -> Reading | None:
    both = plus_minus(text)
    return None if both is None else grouped("{}", both, asked)


def _inequality(text: str, asked: Asked) -> Reading | None:
    r"""Intervals for what compares one variable with values, such as "x > 3", "1 < x \le 2" and "\|x\| > 1"."""
    pieces = COMPARISON.split(text)
    sides, signs = [side.strip() for side in pieces[::2]], [_sign(sign) for sign in pieces[1::2]]
    if len(signs) == 2 and signs[0][0] == signs[1][0] and _is_variable(sides[1]):
        low, high = (0, 2) if signs[0][0] == "<" else (2, 0)
        closed = [sign[1:] == "=" for sign in (signs if low == 0 else signs[::-1])]
        return _interval(sides[low], sides[high], *closed)
    if len(signs) != 1:
        return None
    (left, right), sign = sides, signs[0]
    if left and not has_variables(left) and _is_variable(right):
        left, right, sign = right, left, {"<": ">", ">": "<"}[sign[0]] + sign[1:]
    if not (_is_variable(left) or not left) or has_variables(right) or not right:
        return None
    closed_end = sign[1:] == "="
    if left.startswith("|"):
        if sign[0] == "<":
            return _interval(f"-{right}", right, closed_end, closed_end)
        outside = (
            _interval(r"-\infty", f"-{right}", False, closed_end),
            _interval(right, r"\infty", closed_end, False),
        )
        return Group("union", outside, ordered=False)
    if sign[0] == "<":
        return _interval(r"-\infty", right, False, closed_end)
    return _interval(right, r"\infty", closed_end, False)


def _sign(sign: str) -> str:
    return {r"\le": "<=", r"\ge": ">="}.get(sign, sign)


def _is_variable(text: str) -> bool:
    return re.fullmatch(r"\|?(?:[a-zA-Z]|\\[a-z]+)(?:_\{?[a-zA-Z0-9]\}?)?\|?", text) is not None


def _interval(low: str, high: str, low_closed: bool, high_closed: bool) -> Reading:
    brackets = ("[" if low_closed else "(") + ("]" if high_closed else ")")
    return Group(brackets, (read_bare(low, NOTHING), read_bare(high, NOTHING)))


def _relation(text: str, asked: Asked) -> Reading | None:
    return read_equation(text) if len(EQUALS.split(text)) > 1 else None


def read_equation(text: str) -> Reading:
    """The reading of an equation, or of several in a list."""
    listed = split_top(text)
    if listed is not None and len(listed) > 1:
        return grouped("", tuple(listed), NOTHING)
    return Leaf(latex(EQUALS.sub("=", text)))


READERS: tuple[Callable[[str, Asked], Reading | None], ...] = (
    _truth, _moment, _number, _quantity, _sequence, _ratio, _words, _matrix, _union, _list, _inequality, _plus_minus,
    _relation,
)  # fmt: skip
