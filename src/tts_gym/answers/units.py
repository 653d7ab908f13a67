"""Units behind a number: which they are, and how many of one make another."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction

PERCENT = "%"
DEGREE = "degree"

TABLE: dict[str, tuple[str, str, str]] = {
    # unit: (dimension, how many of the first unit of its dimension it is, other names)
    "m": ("length", "1", "meter metre"),
    "km": ("length", "1000", "kilometer kilometre"),
    "cm": ("length", "1/100", "centimeter centimetre"),
    "mm": ("length", "1/1000", "millimeter millimetre"),
    "dm": ("length", "1/10", "decimeter decimetre"),
    "inch": ("length", "127/5000", "in inches"),
    "foot": ("length", "381/1250", "ft feet"),
    "yard": ("length", "1143/1250", "yd"),
    "mile": ("length", "201168/125", "mi"),
    "second": ("time", "1", "s sec secs"),
    "ms": ("time", "1/1000", "millisecond"),
    "minute": ("time", "60", "min mins"),
    "hour": ("time", "3600", "h hr hrs"),
    "day": ("time", "86400", ""),
    "week": ("time", "604800", "wk"),
    "month": ("months", "1", ""),
    "year": ("months", "12", "yr yrs"),
    "g": ("mass", "1", "gram gramme"),
    "kg": ("mass", "1000", "kilogram kilo"),
    "mg": ("mass", "1/1000", "milligram"),
    "ton": ("mass", "1000000", "tonne"),
    "ounce": ("avoirdupois", "1", "oz"),
    "pound": ("avoirdupois", "16", "lb lbs"),
    "liter": ("volume", "1", "l L litre"),
    "ml": ("volume", "1/1000", "mL milliliter millilitre"),
    "cl": ("volume", "1/100", "cL centiliter centilitre"),
    "gallon": ("gallons", "1", "gal"),
    DEGREE: ("angle", "1", r"° ^\circ deg degs"),
    "arcminute": ("angle", "1/60", "'"),
    "arcsecond": ("angle", "1/3600", "''"),
    "radian": ("radians", "1", "rad"),
    "dollar": ("dollars", "1", r"$ usd us$ bucks"),
    "cent": ("dollars", "1/100", "¢"),
    "euro": ("euros", "1", "€ eur"),
    "£": ("sterling", "1", "gbp quid"),
    "penny": ("sterling", "1/100", "pence"),
    "¥": ("yen", "1", "yen jpy yuan cny"),
    "₹": ("rupees", "1", "rupee inr rs"),
    "N": ("force", "1", "newton"),
    "J": ("energy", "1", "joule"),
    "kJ": ("energy", "1000", "kilojoule"),
    "eV": ("electronvolts", "1", "electronvolt"),
    "W": ("power", "1", "watt"),
    "kW": ("power", "1000", "kilowatt"),
    "Pa": ("pressure", "1", "pascal"),
    "kPa": ("pressure", "1000", "kilopascal"),
    "Hz": ("frequency", "1", "hertz"),
    "V": ("voltage", "1", "volt"),
    "A": ("current", "1", "amp ampere"),
    "mol": ("amount", "1", "mole"),
    "K": ("kelvins", "1", "kelvin"),
    "celsius": ("celsius", "1", r"°C ^\circC"),
    "fahrenheit": ("fahrenheit", "1", r"°F ^\circF"),
    "percent": ("percent", "1", "% pct pc percentage"),
}
SPEEDS = {"mph": "mile/hour", "kph": "km/hour", "kmh": "km/hour", "fps": "foot/second"}
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

PREFIX_CURRENCY = r"(?:US)?\\?\$|[€£¥₹]|(?:USD|EUR|GBP) "
WORD = r"\^\\circ ?[CF]?|[°%$€£¥₹¢]|'{1,2}|[A-Za-zµΩ\u00c0-\u024f\u0370-\uffdc][A-Za-z\u00c0-\u024f\u0370-\uffdc-]*\.?"
POWER = r" ?\^ ?\{?-?[1-9]\}?"
TOKEN = re.compile(rf"({WORD})({POWER})?")
FACTOR = re.compile(r"\^ ?\{?(-?[1-9])\}?")

NO_UNIT = frozenset((
    "squared", "cubed", "factorial", "choose", "times", "plus", "minus", "over", "divided", "point", "modulo",
    "mod", "base", "less", "more", "root", "power", "and", "or", "to", "not", "if", "x", "y", "z", "n", "k", "i",
    "e", "pi", "sin", "cos", "tan", "log", "ln", "exp", "sqrt", "max", "min", "gcd", "lcm", "am", "pm", "a.m.",
    "p.m.", "a.m", "p.m", "noon", "midnight", "hundred", "thousand", "million", "billion", "trillion", "dozen",
    "half", "halves", "third", "thirds", "quarter", "quarters", "fourth", "fourths", "fifth", "fifths", "sixth",
    "sixths", "seventh", "eighth", "ninth", "tenth", "tenths", "one", "two", "three", "four", "five", "six",
    "seven", "eight", "nine", "ten", "eleven", "twelve", "undefined", "infinity", "inf", "cup", "cap", "in", "is",
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
    return SPEED.sub(lambda match: SPEEDS[match[1].lower()], text)


def _known(word: str) -> tuple[str, Fraction]:
    """Dimension and size of a unit; what is not in the table is a dimension of its own."""
    word = word.replace(" ", "")
    lowered = word.casefold().rstrip(".")
    unit = NAMES.get(word) or NAMES.get(word.rstrip("."))
    if unit is None and lowered not in SYMBOLS:
        unit = NAMES.get(lowered)
    if unit is None and lowered in {"km", "cm", "mm", "kg", "usd", "eur", "gbp", "hr", "min", "sec", "lbs", "deg"}:
        unit = NAMES[lowered]
    if unit is None:
        return _singular(lowered), Fraction(1)
    dimension, size, _ = TABLE[unit]
    return dimension, Fraction(size)


def _singular(word: str) -> str:
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word


def is_known(text: str) -> bool:
    """Whether all of ``text`` is units of the table, so that it is no product of variables."""
    words = [match[1] for match in TOKEN.finditer(_spelled_out(text))]
    return bool(words) and all(
        word.casefold().rstrip(".") in SQUARE
        or word.casefold() == "per"
        or _known(word)[0] != _singular(word.casefold())
        for word in words
    )
