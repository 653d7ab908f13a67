r"""Numbers, exactly: integers, decimals, fractions, mixed numbers, powers of ten, repeating decimals, words, bases."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

LONGEST_PERIOD = 200
"""Characters of a repeating decimal."""

LARGEST_EXPONENT = 5000
"""Powers of ten beyond it are left to algebra."""


@dataclass(frozen=True)
class Number:
    """An exact number and how it was written.

    Attributes:
        value: what it is.
        places: decimal places, where it was written as a decimal with a point, which may have been rounded; else None.
        digits: significant digits of such a decimal.
    """

    value: Fraction
    places: int | None = None
    digits: int = 0

    def scaled(self, factor: Fraction) -> Number:
        """The number in another unit; a power of ten moves the decimal point."""
        if factor == 1:
            return self
        return Number(self.value * factor)


GROUPS = r"[0-9]{1,3}(?:,[0-9]{3})+|[0-9]{1,2}(?:,[0-9]{2})+,[0-9]{3}|[0-9]{1,3}(?:['_][0-9]{3})+"
WHOLE = rf"(?:{GROUPS}|[0-9]+)"
DECIMAL = rf"(?:{WHOLE}\.[0-9]*|\.[0-9]+|{WHOLE})"
PLAIN = re.compile(DECIMAL)
CONTINENTAL = re.compile(r"([0-9]{1,3}(?:\.[0-9]{3})+),([0-9]+)|([1-9][0-9]{0,2}(?:\.[0-9]{3}){2,})")
ORDINAL = re.compile(r"([0-9]*(?:(?<!1)(?:1st|2nd|3rd)|[04-9]th|1[1-3]th))")
EXPONENT = re.compile(rf"({DECIMAL})[eE]([+-]?[0-9]{{1,4}})")
TEN_POWER = re.compile(
    rf"(?:({DECIMAL}) ?(?:\\cdot|\*|x) ?)?10 ?\^ ?(?:\{{ ?([+-]?[0-9]{{1,4}}) ?\}}|([+-]?[0-9]{{1,4}}))"
)
SIGNED = rf"[+-]? ?{DECIMAL}"
QUOTIENT = re.compile(rf"({DECIMAL}) ?/ ?({SIGNED})")
TEX = rf"\\frac ?(?:\{{ ?({SIGNED}) ?\}}|([0-9])) ?(?:\{{ ?({SIGNED}) ?\}}|([0-9]))"
TEX_FRACTION = re.compile(TEX)
MIXED = re.compile(rf"({WHOLE}) (?:and )?([0-9]+) ?/ ?([0-9]+)")
TEX_MIXED = re.compile(rf"({WHOLE}) ?{TEX}")
REPEATING = re.compile(
    r"([0-9]*)\.([0-9]*) ?(?:\\overline ?\{ ?([0-9]+) ?\}|\\bar ?\{? ?([0-9]+) ?\}?|\(([0-9]+)\)"
    r"|\\dot ?\{ ?([0-9]) ?\}(?:([0-9]*)\\dot ?\{ ?([0-9]) ?\})?)"
)
ENDLESS = re.compile(r"([0-9]*)\.([0-9]*?)(?:([0-9]{1,6}?)\3{2,}|([0-9])\4{2,}) ?\\ldots")
CUT_OFF = re.compile(r"([0-9]*\.[0-9]+) ?\\ldots")
ENCLOSED = re.compile(r"\(([^()]*)\)|\{([^{}]*)\}")
SPACED = re.compile(r"[-+]?[1-9][0-9]{0,2}(?: [0-9]{3})*? 0[0-9]{2}(?: [0-9]{3})*(?:\.[0-9]+)?")
"""Thousands by spaces where they can be nothing else: no number in a row of numbers begins with a zero."""

THIN_SPACES = re.compile(r"(?<=[0-9])(?:\{,\}|\\[,! ]|,\\!|[\u2009\u202f])(?=[0-9]{3}(?![0-9]))")


def join_thousands(text: str) -> str:
    r"""Commas for what else may stand between thousands: ``1{,}234\,567`` in LaTeX, ``1 000 000``."""
    joined = THIN_SPACES.sub(",", text)
    return joined.replace(" ", ",") if SPACED.fullmatch(joined) else joined


def number(text: str) -> Number | None:
    """The number that ``text`` is, in spelling ``spelling.spell``; None where it is none or is not written as one."""
    text = text.strip()
    if (enclosed := ENCLOSED.fullmatch(text)) is not None:
        return number(enclosed[1] or enclosed[2] or "")
    negative = text.startswith("-")
    unsigned = text[1:].lstrip() if text[:1] in {"+", "-"} else text
    found = _unsigned(unsigned)
    if found is None:
        return None
    return Number(-found.value, found.places, found.digits) if negative else found


def _unsigned(text: str) -> Number | None:
    if (enclosed := ENCLOSED.fullmatch(text)) is not None:
        text = enclosed[1] or enclosed[2] or ""
    if PLAIN.fullmatch(text):
        return _decimal(text)
    if continental := CONTINENTAL.fullmatch(text):
        return _decimal(f"{(continental[1] or continental[3]).replace('.', '')}.{continental[2] or ''}")
    if ORDINAL.fullmatch(text):
        return _decimal(text[:-2])
    return _scientific(text) or _fraction(text) or _repeating(text) or in_words(text)


def _scientific(text: str) -> Number | None:
    match = EXPONENT.fullmatch(text) or TEN_POWER.fullmatch(text)
    if match is None:
        return None
    exponent = int(match[2] or match[3])
    return (
        Number(_decimal(match[1] or "1").value * Fraction(10) ** exponent)
        if abs(exponent) <= LARGEST_EXPONENT
        else None
    )


def _fraction(text: str) -> Number | None:
    if mixed := MIXED.fullmatch(text):
        return _quotient(mixed[2], mixed[3], _decimal(mixed[1]).value)
    if mixed := TEX_MIXED.fullmatch(text):
        return _quotient(mixed[2] or mixed[3], mixed[4] or mixed[5], _decimal(mixed[1]).value)
    if quotient := QUOTIENT.fullmatch(text):
        return _quotient(quotient[1], quotient[2])
    if quotient := TEX_FRACTION.fullmatch(text):
        return _quotient(quotient[1] or quotient[2], quotient[3] or quotient[4])
    return None


def _decimal(text: str) -> Number:
    whole, _, part = re.sub("[,'_]", "", text).partition(".")
    value = Fraction(int((whole or "0") + part), 10 ** len(part))
    return Number(value, len(part), len((whole + part).lstrip("0"))) if part else Number(value)


def _signed(text: str) -> Fraction:
    text = text.replace(" ", "")
    return -_decimal(text[1:]).value if text.startswith("-") else _decimal(text.removeprefix("+")).value


def _quotient(numerator: str, denominator: str, whole: Fraction = Fraction(0)) -> Number | None:
    below = _signed(denominator)
    return Number(whole + _signed(numerator) / below) if below else None


def _repeating(text: str) -> Number | None:
    if len(text) > LONGEST_PERIOD:
        return None
    match = REPEATING.fullmatch(text)
    if match is not None:
        period = match[3] or match[4] or match[5] or match[6] + (match[7] or "") + (match[8] or "")
        whole, fixed = match[1], match[2]
    elif match := ENDLESS.fullmatch(text):
        whole, fixed, period = match[1], match[2], match[3] or match[4]
    else:
        match = CUT_OFF.fullmatch(text)
        return _decimal(match[1]) if match else None
    scale = 10 ** len(fixed)
    tail = Fraction(int(period), (10 ** len(period) - 1) * scale)
    return Number(Fraction(int((whole or "0") + fixed), scale) + tail)


UNITS = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)  # fmt: skip
TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
SMALL = {word: value for value, word in enumerate(UNITS)} | {word: 10 * tens for tens, word in enumerate(TENS, start=2)}
LARGE = {"thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
ORDINALS = ("third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")
PARTS = {"half": 2, "halves": 2, "quarter": 4, "quarters": 4} | {
    name + plural: value for value, name in enumerate(ORDINALS, start=3) for plural in ("", "s")
}


def in_words(text: str) -> Number | None:
    """The number of "twenty-one", "two thirds", "2 million" or "three and a half"."""
    words = text.casefold().replace("-", " ").split()
    if not words or len(words) > 12 or not any(word.isalpha() for word in words):
        return None
    if words[-1] in PARTS:
        return _parts_in_words(words)
    value = _whole_in_words(words)
    return None if value is None else Number(value)


def _parts_in_words(words: list[str]) -> Number | None:
    parts = words[-1]
    before = words[:-1]
    whole = Fraction(0)
    if "and" in before:
        place = before.index("and")
        known = _whole_in_words(before[:place])
        if known is None:
            return None
        whole, before = known, before[place + 1 :]
    count = Fraction(1) if before in ([], ["a"], ["one"]) else _whole_in_words(before)
    return None if count is None else Number(whole + count / PARTS[parts])


def _whole_in_words(words: list[str]) -> Fraction | None:
    total, group = Fraction(0), Fraction(0)
    seen = False
    for place, word in enumerate(words):
        if word == "and" and seen and place < len(words) - 1:
            continue
        if word in SMALL:
            if seen and group % 100 and not (group % 10 == 0 and SMALL[word] < 10):
                return None
            group += SMALL[word]
        elif word == "hundred":
            group = (group or Fraction(1)) * 100
        elif word == "dozen":
            group = (group or Fraction(1)) * 12
        elif word in LARGE:
            total, group = total + (group or Fraction(1)) * LARGE[word], Fraction(0)
        elif place == 0 and PLAIN.fullmatch(word):
            group = _decimal(word).value
        elif word == "a" and place == 0 and len(words) > 1:
            group = Fraction(0)
        else:
            return None
        seen = True
    return total + group if seen else None


PREFIXED = re.compile(r"(-?)0(?:[xX]([0-9a-fA-F]+)|[bB]([01]+)|[oO]([0-7]+))")
SUBSCRIPTED = re.compile(r"\(?(-?[0-9][0-9a-zA-Z]{0,60})\)? ?_ ?(?:\{ ?([0-9]{1,2}|[a-z]{3,7}) ?\}|([0-9]{1,2}))")
HEXADECIMAL = re.compile(r"\(?(-?[0-9a-fA-F]{2,60})\)? ?_ ?(?:\{ ?16 ?\}|16)")
NAMED = re.compile(r"(-?[0-9a-fA-F]+) (?:in )?(?:base[ -]?([0-9]{1,2})|(binary|octal|hexadecimal|hex))")
BASES = {"binary": 2, "octal": 8, "hexadecimal": 16, "hex": 16}


@dataclass(frozen=True)
class Positional:
    """An integer written in a base.

    Attributes:
        value: what it is.
        digits: how it was written, without prefix and base.
        base: the base.
    """

    value: int
    digits: str
    base: int


def positional(text: str) -> Positional | None:
    """The integer of "0xff", "1011_2" or "17 in base 8"; None where ``text`` names no base, or has other digits."""
    if match := PREFIXED.fullmatch(text):
        digits = match[2] or match[3] or match[4]
        base = 16 if match[2] else 2 if match[3] else 8
        return _positional(match[1] + digits, base)
    if match := SUBSCRIPTED.fullmatch(text):
        named = number(match[2] or match[3])
        return None if named is None else _positional(match[1], int(named.value))
    if match := HEXADECIMAL.fullmatch(text):
        return _positional(match[1], 16)
    if match := NAMED.fullmatch(text):
        return _positional(match[1], BASES[match[3]] if match[3] else int(match[2]))
    return None


def _positional(digits: str, base: int) -> Positional | None:
    try:
        return Positional(int(digits, base), digits.casefold(), base) if 2 <= base <= 36 else None
    except ValueError:
        return None
