"""A number or a formula with a unit: "5 km", "$18/day", "28 %", "2 hours 30 minutes"."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

from tts_gym.answers.numbers import Number, number
from tts_gym.answers.reading import Group, Leaf, Reading, of_number
from tts_gym.answers.spelling import TRIGONOMETRIC
from tts_gym.answers.unit_table import TABLE
from tts_gym.answers.units import ARTICLES, PREFIX_CURRENCY, Unit, is_known, read_unit

LONGEST_UNIT = 80
"""Characters of a unit."""

CURRENCY = re.compile(rf"([+-]?) ?({PREFIX_CURRENCY}) ?([+-]?.*)")
LETTERS = re.compile(r"(?<![a-zA-Z\\])[a-zA-Z]|(?<=[0-9}])[a-zA-Z]")
UNIT_START = re.compile(r"[A-Za-z°%$€£¥₹¢'/µΩ\u00c0-\uffdc]|\^ ?\\circ|-[a-zA-Z]|\\(?:cdot|mu) ?[a-zA-Z]|\\Omega")
SHORT_WORDS = frozenset((
    "man", "men", "boy", "kid", "cup", "egg", "car", "bus", "pen", "dog", "cat", "cow", "hen", "pig", "box", "bag",
    "can", "jar", "pie", "toy", "hat", "key", "row", "lap", "cm", "km",
))  # fmt: skip
PART = re.compile(r"([0-9.,/ ]*[0-9]) ?(\^\\circ|'{1,2}|[a-zA-Z]+\.?)(?:,? (?:and )?| ?(?=[0-9]))")


@dataclass(frozen=True)
class Quantity:
    """A number or a formula with its unit.

    Attributes:
        head: the text before the unit, a number or a formula.
        unit: the unit.
        number: what ``head`` is, where it is a number.
        compound: whether it is a sum such as "2 hours 30 minutes", which its first number alone does not stand for.
    """

    head: str
    unit: Unit
    number: Number | None
    compound: bool = False


def read_quantity(text: str) -> Quantity | None:
    """The quantity that ``text`` is, in spelling ``spelling.spell``; None where it has no unit."""
    if (compound := _compound(text)) is not None:
        return compound
    currency = CURRENCY.fullmatch(text)
    if currency is not None:
        sign, symbol, rest = currency.groups()
        head, tail = _split(rest) or (rest, "")
        unit = read_unit(symbol.replace("\\", "").strip() + tail)
        value = number(sign + head)
        if unit is not None and value is not None:
            return Quantity(sign + head, unit, value)
        return None
    parts = _split(text)
    if parts is None:
        return None
    unit = read_unit(parts[1])
    return None if unit is None else Quantity(parts[0], unit, number(parts[0]))


def _split(text: str) -> tuple[str, str] | None:
    """A head and the unit behind it."""
    for place in range(max(1, len(text) - LONGEST_UNIT), len(text)):
        before, tail = text[place - 1], text[place:]
        if before.isspace() or before == "\\" or not UNIT_START.match(tail.lstrip()):
            continue
        if before.isalpha() and (not tail.startswith(" ") or _is_name(text[:place])):
            continue
        head = text[:place].rstrip()
        if _may_be_unit(tail, number(head) is not None, head) and read_unit(tail) is not None:
            return head, tail
    return None


def _is_name(head: str) -> bool:
    r"""Whether ``head`` ends in a letter that is not of a command such as ``\pi`` or of a number in words."""
    return not re.search(r"\\[a-zA-Z]+$", head) and number(head) is None


def _may_be_unit(tail: str, after_number: bool, head: str) -> bool:
    known = is_known(tail)
    if not after_number:
        is_angle = TRIGONOMETRIC.search(head) is not None
        has_letters = LETTERS.search(re.sub(r"\\[a-zA-Z]+", " ", head)) is not None
        return known and tail[0] in " ^°%" and head != "" and not is_angle and not has_letters
    if tail[0].isalpha():
        return known and len(tail) > 1
    words = re.findall(r"[^\W\d_]+", tail.replace("\\circ", "").replace("\\cdot", ""))
    return known or all(len(word) >= 4 or word in SHORT_WORDS or word in ARTICLES or is_known(word) for word in words)


def _compound(text: str) -> Quantity | None:
    if len(text) > LONGEST_UNIT:
        return None
    parts = PART.findall(text + " ")
    if len(parts) < 2 or "".join(PART.split(text + " ")[::3]).strip(", "):
        return None
    total, dimension, sizes = Fraction(0), None, []
    for amount, name in parts:
        value, unit = number(amount.strip()), read_unit(name)
        if value is None or unit is None or (dimension is not None and unit.powers != dimension):
            return None
        dimension = unit.powers
        sizes.append(unit.factor)
        total += value.value * unit.factor
    if dimension is None or sizes != sorted(set(sizes), reverse=True) or next(iter(dimension)) not in DIMENSIONS:
        return None
    return Quantity(text, Unit(dimension), Number(total), compound=True)


DIMENSIONS = frozenset(dimension for dimension, _, _ in TABLE.values())


def in_unit(quantity: Quantity, leaf: Leaf, wanted: Unit) -> Reading | None:
    """``quantity``, whose head is ``leaf``, as so many of ``wanted``; None where it measures something else.

    Args:
        quantity: with a unit of any kind.
        leaf: its head as a number or a formula.
        wanted: the unit that the gold answer has.
    """
    if not quantity.unit.measures_like(wanted):
        return None
    ratio = quantity.unit.factor / wanted.factor
    if leaf.number is not None:
        return of_number(leaf.number.scaled(ratio))
    return leaf if ratio == 1 else Group(f"times {ratio}", (leaf,))


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
