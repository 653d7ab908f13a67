r"""What a value says: a number, a quantity, a date, a list, an interval, a matrix, words, a formula."""

from __future__ import annotations

import re
from collections.abc import Callable
from fractions import Fraction

from tts_gym.answers.asked import NOTHING, Asked
from tts_gym.answers.calendar import read_date, read_time
from tts_gym.answers.inequalities import INFINITY, REAL_NUMBERS, read_inequality
from tts_gym.answers.normalise import is_text, plain_words
from tts_gym.answers.numbers import Number, number, positional
from tts_gym.answers.quantities import has_variables, in_unit, read_quantity
from tts_gym.answers.reading import Group, Leaf, Reading, Word, of_number
from tts_gym.answers.spelling import latex
from tts_gym.answers.structure import (
    CONJUNCTION,
    Enclosed,
    plus_minus,
    read_list,
    read_matrix,
    read_union,
    split_top,
)
from tts_gym.answers.tokens import are_letters, are_tokens, plain_range, stands_as_it_is
from tts_gym.answers.units import Unit

PERCENT = Unit({"percent": 1})

TRUTH = frozenset({"yes", "no", "true", "false"})
RATIO = re.compile(r"[^:]{1,60}(?::[^:]{1,60})+")
EQUALS = re.compile(r"(?<![<>!=:\\])=(?!=)|≈")
NAME = re.compile(
    r"(?:the )?(\([a-z](?:_[0-9])?(?:, ?[a-z](?:_[0-9])?)+\)"
    r"|(?:[A-Za-z]|\\[a-zA-Z]++|\|)"
    r"(?:[A-Za-z' ]|\\[a-zA-Z]++|_ ?[A-Za-z0-9]|_ ?\{[^{}]*\}|\^ ?\{ ?-1 ?\}|\([^()]*\)|\\?\|)*)"
)
MEMBER = re.compile(r"([A-Za-z](?:_[0-9a-z])?(?:, ?[A-Za-z])*|\([a-z], ?[a-z]\)) ?\\in ?(.+)")
HAS_UNIT = re.compile(r"[^\W\d_]|[%$°€£¥₹¢']")
CONSTANT = re.compile(r"\+ ?c$")
ELLIPSIS = r"\ldots"
EMPTY_SET = Group("{}", (), ordered=False)
SEVERAL = "several"
"""The name that is asked for where each of several variables counts."""


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


def is_words(text: str) -> bool:
    """Whether ``text`` is compared as it stands: words, tokens, grids, and lists of these."""
    if number(text) or positional(text) or plain_range(text) or read_quantity(text):
        return False
    if read_date(text) is not None or read_time(text) is not None:
        return False
    if are_letters(text):
        return True
    listed = read_list(text)
    if listed is not None:
        parts = [part for part in listed.parts if part != ELLIPSIS]
        return bool(parts) and all(is_words(part) or re.fullmatch(r"[A-Z]", part) for part in parts)
    if named(text)[0] is not None or named(text)[1] != text:
        return False
    return are_tokens(text) or is_text(text)


def read_value(text: str, asked: Asked) -> Reading:
    """The reading of ``text`` where no kind of its own is asked for.

    Args:
        text: spelled by ``spelling.spell``.
        asked: what the gold answer shows of it.
    """
    name, value = named(text)
    return value_of(name, _only_member(read_bare(value, asked)), asked)


def _only_member(reading: Reading) -> Reading:
    """A set of one member as the member, but for the set that holds the empty one."""
    if isinstance(reading, Group) and reading.kind == "{}" and len(reading.parts) == 1:
        member = reading.parts[0]
        return reading if member == EMPTY_SET else member
    return reading


def value_of(name: str | None, reading: Reading, asked: Asked) -> Reading:
    """``reading`` as the value of ``name``, where the gold answer gives a value to another name.

    Args:
        name: None or empty where the answer names nothing.
        reading: of the value.
        asked: what the gold answer shows of it.
    """
    if name and asked.name and name.casefold() != asked.name.casefold():
        return Group(f"value of {name}", (reading,))
    return reading


def read_bare(text: str, asked: Asked) -> Reading:
    """The reading of a value without a name.

    Args:
        text: spelled by ``spelling.spell``.
        asked: what the gold answer shows of it.
    """
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
    spanned = plain_range(text)
    if spanned is not None:
        return Word("range", spanned)
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
    return Word("text", plain_words(text)) if stands_as_it_is(text) else None


def is_ratio(text: str) -> bool:
    """Whether ``text`` is a ratio and no time."""
    return RATIO.fullmatch(text) is not None and not is_text(text) and read_time(text) is None


def _ratio(text: str, asked: Asked) -> Reading | None:
    return read_ratio(text) if is_ratio(text) else None


def read_ratio(text: str) -> Reading:
    """The reading of a ratio, which is the same when all its parts are multiplied by a number."""
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
    name = common_name(texts)
    if name is not None and not brackets:
        return value_of(name, grouped("", tuple(named(text)[1] for text in texts), asked), asked)
    if not brackets and names != {None} and named(texts[0])[0] and names - {None} == {named(texts[0])[0]}:
        texts = (named(texts[0])[1], *texts[1:])
    ordered = brackets not in {"", "{}"} or ELLIPSIS in texts
    expanded: list[str] = []
    for text in texts:
        both = None if ordered else _both(text)
        expanded += both or [text]
    compared = {solution.variable for solution in map(read_inequality, expanded) if solution is not None}
    inner = Asked(unit=asked.unit, name=SEVERAL if len(compared) > 1 else asked.name)
    parts = tuple(read_equation(part) if len(EQUALS.split(part)) > 1 else read_bare(part, inner) for part in expanded)
    parts = _with_units(expanded, parts)
    if not ordered and any(isinstance(part, Word) for part in parts):
        return Group("words", parts)
    if brackets == "{}":
        parts = tuple(dict.fromkeys(parts))
    return Group(brackets or "{}", parts, ordered)


def common_name(texts: tuple[str, ...]) -> str | None:
    """What all of ``texts`` give a value to; None where they differ."""
    names = {named(text)[0] for text in texts}
    return names.pop() if len(names) == 1 else None


def _with_units(texts: list[str], parts: tuple[Reading, ...]) -> tuple[Reading, ...]:
    """The readings of ``texts`` with their units, where these differ and so tell which part is which."""
    if not any(map(HAS_UNIT.search, texts)):
        return parts
    units = [quantity and quantity.unit for quantity in map(read_quantity, texts)]
    if len(set(units) - {None}) < 2:
        return parts
    return tuple(Group(f"in {unit}", (part,)) if unit else part for unit, part in zip(units, parts, strict=True))


def _union(text: str, asked: Asked) -> Reading | None:
    members = read_union(text)
    if members is None:
        return None
    return Group("union", tuple(read_bare(member, Asked(name=asked.name)) for member in members), ordered=False)


def _plus_minus(text: str, asked: Asked) -> Reading | None:
    both = _both(text)
    return None if both is None else grouped("{}", both, asked)


def _both(text: str) -> tuple[str, ...] | None:
    """The values of a formula with a plus-minus, none of which is a range."""
    both = plus_minus(text)
    return None if both is None else tuple(f"({one})" if plain_range(one) else one for one in both)


def _inequality(text: str, asked: Asked) -> Reading | None:
    solution = read_inequality(text)
    if solution is None:
        return None
    return value_of(solution.variable, _in_intervals(solution.intervals), asked)


def _in_intervals(intervals: tuple[Enclosed, ...]) -> Reading:
    parts = tuple(Group(one.brackets, tuple(read_bare(end, NOTHING) for end in one.parts)) for one in intervals)
    return parts[0] if len(parts) == 1 else Group("union", parts, ordered=False)


def real_numbers(text: str) -> Reading | None:
    """The interval of all real numbers, where ``text`` names them."""
    everything = Enclosed("()", (f"-{INFINITY}", INFINITY))
    return _in_intervals((everything,)) if REAL_NUMBERS.fullmatch(text) else None


def _relation(text: str, asked: Asked) -> Reading | None:
    return read_equation(text) if len(EQUALS.split(text)) > 1 else None


def read_equation(text: str, asked: Asked = NOTHING) -> Reading:
    """The reading of an equation, or of several in a list.

    Args:
        text: spelled by ``spelling.spell``.
        asked: what the gold answer shows of it.
    """
    listed = split_top(text)
    if listed is not None and len(listed) > 1:
        return grouped("", tuple(listed), Asked(name=asked.name))
    return Leaf(latex(EQUALS.sub("=", text)))


READERS: tuple[Callable[[str, Asked], Reading | None], ...] = (
    _truth, _moment, _number, _quantity, _sequence, _ratio, _words, _matrix, _union, _list, _inequality, _plus_minus,
    _relation,
)  # fmt: skip
