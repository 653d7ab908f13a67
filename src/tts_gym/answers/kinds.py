r"""What kind of answer a question asks for, told by its gold answer, and how the answers to it are read then.

What the gold shows is implied in every answer: its unit, its base, the name in "x = 5". What it does not show does not
count. Beyond that a reading is strict; ``alternatives`` are further readings that count against the gold only.
"""

from __future__ import annotations

import re
from fractions import Fraction
from functools import lru_cache

from tts_gym.answers.asked import NOTHING, Asked
from tts_gym.answers.calendar import names_half_of_day, on_a_clock
from tts_gym.answers.inequalities import compared_variable
from tts_gym.answers.normalise import plain_words
from tts_gym.answers.numbers import PREFIXED, Number, join_thousands, number, positional
from tts_gym.answers.objects import read_object
from tts_gym.answers.quantities import Quantity, has_variables, read_quantity
from tts_gym.answers.reading import Reading, Word, of_number
from tts_gym.answers.spelling import spell
from tts_gym.answers.structure import nesting, read_list
from tts_gym.answers.substances import with_subscripts
from tts_gym.answers.units import read_unit
from tts_gym.answers.values import (
    EQUALS,
    PERCENT,
    RATIO,
    TRUTH,
    common_name,
    grouped,
    is_ratio,
    is_words,
    named,
    read_bare,
    read_equation,
    read_ratio,
    read_value,
    real_numbers,
    value_of,
)

LABELLED = re.compile(r"\(?([A-J])(?:\)|\.(?= )|:)\s*(.*)")
LETTER = re.compile(r"(?:(?:option|choice|answer) )?\(?([A-J])\)?[.:]?", re.IGNORECASE)
CALCULATION = re.compile(r"[-( ]*+[0-9]++(?:[) ]*+[-+*/][-( ]*+[0-9]++){3,}[) ]*+")
PREFACE = re.compile(r"(?:≈|approximately|approx\.?|about|roughly|exactly|around|=|~|\\sim(?![a-z])) ?", re.IGNORECASE)
DECIMAL_COMMA = re.compile(r"(?<=[0-9]),(?=[0-9])(?![0-9]{3}(?![0-9]))")
SPACED_THOUSANDS = re.compile(r"(?<=[0-9]) (?=[0-9]{3}(?![0-9]))")
NUMBERED = re.compile(r"# ?([0-9]+)")
GLUED_UNIT = re.compile(r"(.*[0-9}]) ?([a-zA-Z].*)")
SPELLINGS_KEPT = 64
"""Spellings that are remembered, as an answer is read in several ways at a time."""

DEEPEST = 30
"""Brackets in brackets from which on a text is compared as it stands."""


def what_is_asked(gold: str) -> Asked:
    """What ``gold``, as ``normalise.clean`` spells it, shows of the answers to its question."""
    text = _spelled(gold)
    if read_object(gold) is not None:
        return Asked("object")
    if nesting(text) > DEEPEST or plain_words(text) in TRUTH or is_words(text):
        return Asked("words")
    if CALCULATION.fullmatch(text):
        return Asked("calculation")
    if LETTER.fullmatch(text) and text.upper() == text or LABELLED.fullmatch(text):
        return Asked("choice")
    if is_ratio(text):
        return Asked("ratio")
    in_base = positional(text)
    if in_base is not None:
        return Asked(prefix=text[:2]) if PREFIXED.match(text) else Asked(base=in_base.base)
    name, value = named(text)
    if name is None and len(EQUALS.split(text)) > 1:
        parts = read_list(text)
        return Asked("equation", name=common_name(parts.parts) if parts else None)
    if name is not None and has_variables(value):
        return Asked("equation", name=name)
    quantity = None if number(value) else read_quantity(value)
    exact = number(value)
    enclosed = read_list(value)
    return Asked(
        unit=quantity.unit if quantity else None,
        name=name or compared_variable(value),
        share=exact is not None and 0 < abs(exact.value) < 1,
        brackets=enclosed.brackets if enclosed else None,
        is_decimal=any(found.places is not None for found in (exact, quantity and quantity.number) if found),
        names_half=names_half_of_day(value),
    )


def read(answer: str, asked: Asked = NOTHING) -> Reading:
    """What ``answer``, as ``normalise.clean`` spells it, says where the gold answer is as ``asked``.

    Args:
        answer: the answer.
        asked: what the gold answer shows of it; nothing for an answer by itself.
    """
    text = _spelled(answer)
    if asked.kind == "object":
        return read_object(answer) or Word("text", plain_words(text))
    if asked.kind == "words" or nesting(text) > DEEPEST:
        return Word("text", plain_words(text))
    if asked.kind == "calculation":
        return Word("calculation", text.replace(" ", ""))
    if asked.kind == "choice":
        return _choice(text) or read_value(text, NOTHING)
    if asked.kind == "ratio" and RATIO.fullmatch(text):
        return read_ratio(text)
    if asked.kind == "equation" and len(EQUALS.split(text)) > 1:
        return read_equation(text, asked)
    return read_value(text, asked)


def alternatives(answer: str, asked: Asked) -> list[Reading]:
    """Further readings of ``answer`` that count where one of them is the gold answer.

    Args:
        answer: as for ``read``.
        asked: what the gold answer shows of it.
    """
    text = _spelled(answer)
    if nesting(text) > DEEPEST or asked.kind == "object":
        return []
    found: list[Reading | None] = []
    if (labelled := LABELLED.fullmatch(text)) is not None:
        found += [Word("choice", labelled[1]), read_value(labelled[2], asked) if labelled[2] else None]
    name, value = named(text)
    if asked.kind == "equation" and name is None:
        found.append(read_value(value, Asked(name=asked.name)))
    found += [*_percentages(value, asked), *_other_bases(value, asked), *_other_lists(value, asked)]
    found += [real_numbers(value), *_times(value, asked), *_decimal_comma(value, asked)]
    if (numbered := NUMBERED.fullmatch(value)) is not None:
        found.append(read_value(numbered[1], NOTHING))
    joined = SPACED_THOUSANDS.sub("", value)
    if joined != value:
        found.append(read_value(joined, asked))
    glued = GLUED_UNIT.fullmatch(value)
    if asked.unit is not None and glued is not None and read_unit(glued[2]) == asked.unit:
        found.append(read_value(glued[1], NOTHING))
    if not value.isascii() or "." in value:
        found.append(Word("spelling", value))
    return [value_of(name, reading, asked) for reading in found if reading is not None]


def read_gold(gold: str, asked: Asked) -> list[Reading]:
    """All that the gold answer says; its first reading is that of the answers as they are asked for.

    Args:
        gold: as answers are for ``read``.
        asked: ``what_is_asked`` of it.
    """
    name, value = named(_spelled(gold))
    values = [read_value(value, NOTHING)] if asked.kind == "equation" and name is not None else []
    clock = on_a_clock(value) if asked.names_half is not None else None
    return [read(gold, asked), *alternatives(gold, asked), *values, *([clock] if clock else [])]


@lru_cache(SPELLINGS_KEPT)
def _spelled(text: str) -> str:
    spelled = spell(join_thousands(text))
    if spelled.endswith(".") and not spelled.endswith((" p.m.", " a.m.")):
        spelled = spelled[:-1].rstrip()
    if (preface := PREFACE.match(spelled)) is not None:
        return spelled[preface.end() :]
    substance = with_subscripts(spelled)
    return spelled if positional(substance) else substance


def _choice(text: str) -> Word | None:
    letter = LETTER.fullmatch(text) or LABELLED.fullmatch(text)
    return Word("choice", letter[1].upper()) if letter else None


def _percentages(text: str, asked: Asked) -> list[Reading | None]:
    """A percentage as a share, and a share as a percentage, where the gold is one of the two."""
    exact = number(text)
    if asked.unit == PERCENT and exact is not None:
        return [of_number(exact.scaled(Fraction(100)))]
    quantity: Quantity | None = read_quantity(text)
    if asked.unit is None and quantity is not None and quantity.unit == PERCENT and quantity.number is not None:
        return [of_number(quantity.number.scaled(Fraction(1, 100))), of_number(quantity.number)]
    return []


def _times(text: str, asked: Asked) -> list[Reading | None]:
    """The time on a clock, where either the gold answer or ``text`` leaves open which half of the day it means."""
    if asked.names_half is None or names_half_of_day(text) is not (not asked.names_half):
        return []
    return [on_a_clock(text)]


def _decimal_comma(text: str, asked: Asked) -> list[Reading | None]:
    """A decimal with a comma, where the gold answer is one with a point."""
    if not asked.is_decimal or text.count(",") != 1 or DECIMAL_COMMA.search(text) is None:
        return []
    return [read_value(text.replace(",", "."), asked)]


def _other_bases(text: str, asked: Asked) -> list[Reading | None]:
    """The digits alone where the gold names no base, and digits without the prefix that the gold has."""
    in_base = positional(text)
    if in_base is None and asked.prefix:
        in_base = positional(asked.prefix + text)
        return [] if in_base is None else [of_number(Number(Fraction(in_base.value)))]
    if in_base is None or asked.base is not None or not in_base.digits.isdigit() or PREFIXED.match(text):
        return []
    return [of_number(Number(Fraction(int(in_base.digits))))]


def _other_lists(text: str, asked: Asked) -> list[Reading | None]:
    """A list in other brackets where the gold has none, and values of assignments where it is a tuple."""
    listed = read_list(text)
    if listed is None:
        return []
    if asked.brackets == "" and listed.brackets == "[]":
        return [grouped("", listed.parts, asked)]
    assigned = {name: value for name, value in map(named, listed.parts) if name}
    if asked.brackets == "()" and not listed.brackets and len(assigned) == len(listed.parts):
        return [grouped("()", tuple(value for _, value in sorted(assigned.items())), asked)]
    return [read_bare(listed.parts[0], asked)] if listed.brackets == "[]" and len(listed.parts) == 1 else []
