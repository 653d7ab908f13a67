"""Units behind a number: which they are, and how many of one make another."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction

from tts_gym.answers.unit_table import TABLE

SPEEDS = {"mph": "mile/hour", "kph": "km/hour", "kmh": "km/hour", "fps": "foot/second"}
TEMPERATURE = re.compile(r"\bdegrees? (celsius|fahrenheit)\b", re.IGNORECASE)
PER_CENT = re.compile(r"\bper cent\b|\bpercentage points?\b", re.IGNORECASE)
SPEED = re.compile(rf"\b({'|'.join(SPEEDS)})\b", re.IGNORECASE)


@dataclass(frozen=True)
class Unit:
    """A product of powers of units.

    Attributes:
        powers: exponent of each dimension; of what is not in ``TABLE``, such as eggs, its singular.
        factor: how many of the dimensions' first units it is.
    """

    powers: Mapping[str, int] = field(default_factory=dict)
    factor: Fraction = Fraction(1)

    def __hash__(self) -> int:
        """Equal units have equal hashes."""
        return hash((frozenset(self.powers.items()), self.factor))

    @property
    def name(self) -> str:
        """What it measures, in one spelling."""
        return " ".join(f"{name}^{power}" for name, power in sorted(self.powers.items()))

    def measures_like(self, other: Unit) -> bool:
        """Whether quantities in the two can be compared."""
        return self.powers == other.powers


NAMES: dict[str, str] = {}
for _unit, (_, _, _others) in TABLE.items():
    for _name in (_unit, *_others.split()):
        NAMES[_name] = _unit
        if len(_name) > 2 and _name.isalpha():
            NAMES[f"{_name}s"] = _unit

SYMBOLS = frozenset(name for name in NAMES if len(name) <= 3 or not name.isalpha())
"""Names whose case counts, as of the megajoule and the millijoule; a word may be written in any."""

PREFIX_CURRENCY = r"\\?\$|[€£¥₹]|(?:USD|EUR|GBP|INR|JPY|CNY|RMB) |Rs\.? "
WORD = r"\^\\circ ?[CF]?|[°%$€£¥₹¢]|'{1,2}|[A-Za-zµΩ\u00c0-\u024f\u0370-\uffdc][A-Za-z\u00c0-\u024f\u0370-\uffdc-]*\.?"
POWER = r" ?\^ ?\{?-?[1-9]\}?"
TOKEN = re.compile(rf"({WORD})({POWER})?")
FACTOR = re.compile(r"\^ ?\{?(-?[1-9])\}?")

OWN = "number of "
"""What the dimension of a unit that is not in ``TABLE`` begins with."""

SHOUTED = frozenset((
    "km", "cm", "mm", "kg", "usd", "eur", "gbp", "inr", "jpy", "cny", "rmb", "hr", "min", "sec", "lbs", "deg", "ft",
    "oz",
))  # fmt: skip
"""Symbols that are written in capitals as well."""

NO_UNIT = frozenset((
    "squared", "cubed", "factorial", "choose", "times", "plus", "minus", "over", "divided", "point", "modulo",
    "mod", "base", "less", "more", "root", "power", "and", "or", "to", "not", "if", "x", "y", "z", "n", "k", "i",
    "e", "pi", "sin", "cos", "tan", "log", "ln", "exp", "sqrt", "max", "min", "gcd", "lcm", "am", "pm", "a.m.",
    "p.m.", "a.m", "p.m", "noon", "midnight", "hundred", "thousand", "million", "billion", "trillion", "dozen",
    "half", "halves", "third", "thirds", "quarter", "quarters", "fourth", "fourths", "fifth", "fifths", "sixth",
    "sixths", "seventh", "eighth", "ninth", "tenth", "tenths", "one", "two", "three", "four", "five", "six",
    "seven", "eight", "nine", "ten", "eleven", "twelve", "undefined", "infinity", "inf", "in", "is",
    "are", "was", "the", "mod",
))  # fmt: skip
FILLERS = frozenset({"of", "the", "a", "an", "each", "total", "in", "approximately", "about", "long", "away", "per"})
ARTICLES = frozenset({"of", "the", "a", "an"})
SQUARE = {"square": 2, "sq": 2, "sq.": 2, "cubic": 3, "cu": 3}


def read_unit(text: str) -> Unit | None:
    """The unit that ``text`` names, such as "km/h", "square units" or "eggs per day"; None where it names none.

    Args:
        text: what stands behind a number, in spelling ``spelling.spell``; may be empty, which names none.
    """
    text = _spelled_out(text).strip().removeprefix("-").strip()
    if not text or len(text) > 80:
        return None
    powers: dict[str, int] = {}
    factor = Fraction(1)
    above, place, raised = 1, 0, 1
    while place < len(text):
        if text[place] in " .,*" or text.startswith("\\cdot", place):
            place += 5 if text[place] == "\\" else 1
            continue
        if text[place] == "/":
            above, place = -1, place + 1
            continue
        token = TOKEN.match(text, place)
        if token is None:
            return None
        place = token.end()
        word = token[1]
        lowered = word.casefold().rstrip(".")
        if lowered == "per":
            above = -1
            continue
        if lowered in SQUARE:
            raised = SQUARE[lowered]
            continue
        if lowered in ARTICLES or (lowered in FILLERS and powers):
            continue
        if lowered in NO_UNIT and word not in NAMES:
            return None
        power = above * raised * (int(FACTOR.search(token[2])[1]) if token[2] else 1)  # type: ignore[index]
        raised = 1
        dimension, size = _known(word)
        powers[dimension] = powers.get(dimension, 0) + power
        factor *= size**power
    powers = {name: power for name, power in powers.items() if power}
    return Unit(powers, factor) if powers else None


def _spelled_out(text: str) -> str:
    text = PER_CENT.sub("percent", text.replace("\\mu ", "µ").replace("\\Omega", "Ω"))
    text = TEMPERATURE.sub(r"\1", text)
    return SPEED.sub(lambda match: SPEEDS[match[1].lower()], text)


def _known(word: str) -> tuple[str, Fraction]:
    """Dimension and size of a unit; what is not in the table is a dimension of its own."""
    word = word.replace(" ", "")
    lowered = word.casefold().rstrip(".")
    unit = NAMES.get(word) or NAMES.get(word.rstrip("."))
    if unit is None and lowered not in SYMBOLS:
        unit = NAMES.get(lowered)
    if unit is None and lowered in SHOUTED and (word.isupper() or word.istitle()):
        unit = NAMES[lowered]
    if unit is None:
        return OWN + _singular(lowered), Fraction(1)
    dimension, size, _ = TABLE[unit]
    return dimension, Fraction(size)


def _singular(word: str) -> str:
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word


def is_known(text: str) -> bool:
    """Whether all of ``text`` is units of the table, so that it is no product of variables."""
    words = [match[1] for match in TOKEN.finditer(_spelled_out(text))]
    return bool(words) and all(
        word.casefold().rstrip(".") in SQUARE or word.casefold() == "per" or not _known(word)[0].startswith(OWN)
        for word in words
    )
