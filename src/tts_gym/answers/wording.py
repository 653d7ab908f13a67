"""What can be said of an answer's text by rule, exactly and in linear time: what is decided here is never computed.

The rules err on the side of "different". Where two answers are different by a rule, they stay so whatever a computer
algebra system makes of them; it takes prose for a product of its letters, for one, and (1, 2) for a set.
"""

from __future__ import annotations

import re
import unicodedata
from fractions import Fraction

LONGEST_ANSWER = 500
"""Characters in the longest text that is taken for an answer."""

NOT_ANSWERS = frozenset({"nan", "err"})
EMPTY_SETS_AND_INFINITIES = "∅∞"

MINUS = "\N{MINUS SIGN}"
FULL_WIDTH = range(0xFF01, 0xFF5F)
MATHEMATICAL = range(0x1D400, 0x1D800)


def clean(text: str) -> str | None:
    """One spelling for texts that look alike and mean the same, or None where there is no answer in ``text``.

    Full-width characters and mathematical letters and digits become plain ones, U+2212 becomes a hyphen; superscripts
    and vulgar fractions stay, as x² is not x2. Characters without a shape are dropped, runs of white space become one
    space. A text that is empty, longer than ``LONGEST_ANSWER``, punctuation only, "NaN" or "ERR" is no answer.
    """
    if len(text) > 4 * LONGEST_ANSWER:
        return None
    cleaned = " ".join("".join(map(_plain, text)).split())
    if not cleaned or len(cleaned) > LONGEST_ANSWER or cleaned.casefold() in NOT_ANSWERS:
        return None
    return cleaned if any(char.isalnum() or char in EMPTY_SETS_AND_INFINITIES for char in cleaned) else None


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


WHOLE = r"(?:[1-9][0-9]{0,2}(?:,[0-9]{3})+|[0-9]+)"
DECIMAL = rf"(?:(?:{WHOLE}\.[0-9]+|{WHOLE}|\.[0-9]+)(?:[eE][+-]?[0-9]{{1,3}})?)"
SIMPLE = re.compile(rf"({DECIMAL})(?: ?/ ?({DECIMAL}))?")
MIXED = re.compile(rf"({WHOLE}) ([0-9]+) ?/ ?([0-9]+)")
TEX_FRACTION = re.compile(
    rf"({WHOLE})? ?\\[dt]?frac ?(?:\{{ ?({DECIMAL}) ?\}}|([0-9])) ?(?:\{{ ?({DECIMAL}) ?\}}|([0-9]))"
)
THOUSANDS = re.compile(r"(?<=[0-9])(?:\{,\}|\\[,! ]|,\\!)(?=[0-9]{3})")
SIGNED = re.compile(r"(?:\\?\$)?([+-]?) ?(?:\\?\$)? ?(.*?)\.?(?: ?\\?%)?")


def number(text: str) -> Fraction | None:
    """The exact value of an integer, a decimal or a fraction, plain or in LaTeX; None where ``text`` is no such thing.

    Understood are a sign, commas or thin spaces between thousands, mixed fractions, a dollar sign before the digits,
    and a percent sign behind them, which is left out: 9% is 9 here, not 0.09.
    """
    signed = SIGNED.fullmatch(THOUSANDS.sub(",", text))
    parts = _parts(signed[2]) if signed else None
    if signed is None or parts is None:
        return None
    whole, numerator, denominator = parts
    return None if not denominator else (whole + numerator / denominator) * (-1 if signed[1] == "-" else 1)


def _parts(text: str) -> tuple[Fraction, Fraction, Fraction] | None:
    """Whole number, numerator and denominator of an unsigned number."""
    if simple := SIMPLE.fullmatch(text):
        return Fraction(0), _value(simple[1]), _value(simple[2] or "1")
    if mixed := MIXED.fullmatch(text):
        return _value(mixed[1]), _value(mixed[2]), _value(mixed[3])
    if tex := TEX_FRACTION.fullmatch(text):
        return _value(tex[1] or "0"), _value(tex[2] or tex[3]), _value(tex[4] or tex[5])
    return None


def _value(digits: str) -> Fraction:
    return Fraction(digits.replace(",", ""))


SHORT_UNITS = "mm|cm|dm|km|ft|yd|in|mi|kg|mg|lb|lbs|oz|ml|hr|hrs|min|mins|sec|secs|ms|deg|mph|kph|usd|eur"
UNIT = re.compile(
    r"(?P<rest>.*[0-9}\])]) ?(?:\\[,;: ])? ?"
    r"(?P<unit>(?:\\(?:text|mathrm|textrm|mbox|operatorname) ?\{[^{}0-9]*\}|\\degree|\^ ?\{? ?\\circ ?\}?|°)"
    rf"|(?<= )(?:(?:[a-z]{{4,}}|{SHORT_UNITS})(?= |$) ?){{1,2}})"
    r" ?(?:\^ ?\{?[23]\}?)?",
    re.IGNORECASE,
)
NO_UNIT = re.compile(
    r"hundred|thousand|million|billion|trillion|dozen|half|halves|third|quarter|fourth|fifth|sixth|seventh|eighth|ninth"
    r"|tenth|four|five|seven|eight|nine|eleven|twelve|teen|twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety"
    r"|squared|cubed|factorial|choose|times|plus|minus|over|divided|point|modulo|base|less|more|root|power"
)
TEXT_COMMAND = re.compile(r"\\(?:text|mathrm|textrm|textbf|textit|mathbf|mbox|operatorname) ?\{([^{}]*)\}")
NO_WORDS = re.compile(
    r"\\(?:begin|end)\{[a-z*]+\}|\\[a-zA-Z]+"
    r"|(?<![a-zA-Z])(?:arc)?(?:sinh?|cosh?|tanh?|sec|csc|cot|log|ln|exp|sqrt|max|min|gcd|lcm|mod|inf|infinity|pi)(?![a-z])"
)
TWO_LETTERS = re.compile(r"\$?[a-zA-Z]{2}\.?\$?")
WORD = re.compile(r"[^\W\d_]{3,}|[^\W\d_a-zA-Z]{2,}")


def split_unit(text: str) -> tuple[str, str]:
    """A formula and the unit behind it; the unit is empty where there is none."""
    match = UNIT.fullmatch(text.removesuffix("."))
    if match is None or words(match["rest"]) is not None:
        return text, ""
    unit = " ".join(TEXT_COMMAND.sub(r"\1", match[0][match.end("rest") :]).casefold().split())
    return (text, "") if NO_UNIT.search(unit) else (match["rest"], unit)


def words(text: str) -> str | None:
    """What is compared of a text in words; None where ``text`` is a formula.

    Words are three letters or more in a row that are no LaTeX command and no name of a function, or nothing but two.
    """
    plain = TEXT_COMMAND.sub(r"\1", text)
    if not TWO_LETTERS.fullmatch(plain) and not WORD.search(NO_WORDS.sub(" ", plain)):
        return None
    return " ".join(plain.replace("$", "").casefold().rstrip(".").split())


SIZING = re.compile(r"\\(?:left|right|[bB]igg?[lr]?)(?![a-zA-Z])")
INEQUALITY = re.compile(r"[<>≤≥]|\\(?:le|ge|leq|geq|lt|gt|leqslant|geqslant)(?![a-zA-Z])")
OPENING, CLOSING = "([{", ")]}"
INTERVALS = frozenset({"()", "[]", "(]", "[)"})


def structure(text: str) -> str:
    """What encloses a list, such as "()", "[)" or "{}", which a list without brackets has too; "<" for an inequality.

    Empty where ``text`` is neither.
    """
    if INEQUALITY.search(text):
        return "<"
    text = SIZING.sub("", text).replace("$", "").replace("\\{", "{").replace("\\}", "}").replace(" ", "").rstrip(".")
    depth = 0
    has_outer_comma = has_inner_comma = closes_early = False
    for position, char in enumerate(text):
        depth += (char in OPENING) - (char in CLOSING)
        has_outer_comma |= char == "," and depth <= 0
        has_inner_comma |= char == "," and depth == 1
        closes_early |= depth <= 0 and position < len(text) - 1
    if has_outer_comma:
        return "{}"
    enclosed = text[:1] in OPENING and text[-1:] in CLOSING and not closes_early
    return text[0] + text[-1] if text and enclosed and has_inner_comma else ""


def may_be_same(one: str, other: str) -> bool:
    """Whether things of two structures may be the same: a tuple is no set, and an open interval no closed one."""
    return not one or not other or one == other or {one, other} - INTERVALS == {"<"}
