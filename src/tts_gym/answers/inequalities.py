r"""What compares one variable with values, such as "x > 3", "1 < x \le 2", "\|x\| > 1" and "x \ne 2", as intervals."""

from __future__ import annotations

import re
from typing import NamedTuple

from tts_gym.answers.quantities import has_variables
from tts_gym.answers.structure import Enclosed, read_list, read_union

COMPARISON = re.compile(r"(<=|>=|!=|<|>|\\(?:le|ge|ne)(?![a-z]))")
SIGNS = {r"\le": "<=", r"\ge": ">=", r"\ne": "!="}
VARIABLE = re.compile(r"\|?((?:[a-zA-Z]|\\[a-z]+)(?:_\{?[a-zA-Z0-9]\}?)?)\|?")
REAL_NUMBERS = re.compile(
    r"R|(?:the )?(?:set of )?(?:all )?real(?: number)?s(?: x)?|(?:for )?all (?:real )?x", re.IGNORECASE
)
INFINITY = r"\infty"


class Solution(NamedTuple):
    """The values that a variable may have.

    Attributes:
        variable: its name without a backslash; empty where none is named.
        intervals: where the values are; the brackets tell which ends belong to them.
    """

    variable: str
    intervals: tuple[Enclosed, ...]


def read_inequality(text: str) -> Solution | None:
    """What the inequality ``text`` says; None where it is none, or compares more than one variable with values."""
    pieces = COMPARISON.split(text)
    sides, signs = [side.strip() for side in pieces[::2]], [SIGNS.get(sign, sign) for sign in pieces[1::2]]
    if len(signs) == 2 and signs[0][0] == signs[1][0] != "!" and VARIABLE.fullmatch(sides[1]):
        low, high = (0, 2) if signs[0][0] == "<" else (2, 0)
        closed = [sign[1:] == "=" for sign in (signs if low == 0 else signs[::-1])]
        return Solution(_name(sides[1]), (_interval(sides[low], sides[high], *closed),))
    if len(signs) != 1:
        return None
    (left, right), sign = sides, signs[0]
    if left and not has_variables(left) and VARIABLE.fullmatch(right):
        left, right, sign = right, left, {"<": ">", ">": "<"}.get(sign[0], sign[0]) + sign[1:]
    if not (VARIABLE.fullmatch(left) or not left) or has_variables(right) or not right:
        return None
    return Solution(_name(left), _intervals(sign, right, is_absolute=left.startswith("|")))


def compared_variable(text: str) -> str | None:
    """The variable of an inequality, or of the first of several."""
    listed = read_list(text)
    for part in (text, *(read_union(text) or ()), *(listed.parts if listed else ())):
        solution = read_inequality(part)
        if solution is not None:
            return solution.variable or None
    return None


def _intervals(sign: str, right: str, is_absolute: bool) -> tuple[Enclosed, ...]:
    closed = sign[1:] == "="
    low, high = (f"-{right}" if is_absolute else right), right
    if sign == "!=":
        between = (_interval(low, high, False, False),) if is_absolute else ()
        return (_interval(f"-{INFINITY}", low, False, False), *between, _interval(high, INFINITY, False, False))
    if sign[0] == "<" and is_absolute:
        return (_interval(low, high, closed, closed),)
    if sign[0] == "<":
        return (_interval(f"-{INFINITY}", high, False, closed),)
    above = _interval(high, INFINITY, closed, False)
    return (_interval(f"-{INFINITY}", low, False, closed), above) if is_absolute else (above,)


def _interval(low: str, high: str, low_closed: bool, high_closed: bool) -> Enclosed:
    return Enclosed(("[" if low_closed else "(") + ("]" if high_closed else ")"), (low, high))


def _name(variable: str) -> str:
    match = VARIABLE.fullmatch(variable)
    return match[1].removeprefix("\\") if match else ""
