"""What a worker process runs: one request a line on standard input, one reply a line on standard output, both JSON.

This file is run by its path and imports nothing of the package, so that a worker starts fast. Whatever hangs, crashes
or eats memory does so here, where it can be killed. math-verify and SymPy are imported by the first request for them.
"""

from __future__ import annotations

import ast
import json
import logging
import math
import os
import re
import resource
import signal
import sys
from collections.abc import Callable
from fractions import Fraction
from functools import lru_cache
from itertools import pairwise
from typing import Any
from zlib import crc32

MEMORY = 2 * 2**30
"""Bound on the address space of a worker in bytes."""

PARSED_KEPT = 4096
"""Parsed answers that a worker remembers."""

LARGEST_FACTORIAL = 5000
"""Argument of the largest factorial that is written out."""

DIGITS = 30
"""Digits to which formulas are evaluated."""

POINTS = 2
"""Assignments of numbers to variables under which a formula is evaluated."""

LARGEST_EXACT = 100_000
"""Bits of the largest number that is written out."""

SUBSCRIPTED_CONSTANT = re.compile(r"(?:(?<![A-Za-z\\])I|\\gamma) ?_")
"""What the parser takes for a constant whatever its subscript: it is a name, and only the same as text."""


def search(pattern: str, text: str) -> str | None:
    """The first group of the last match of ``pattern`` in ``text``, or the whole match if there is no group.

    Args:
        pattern: a regular expression.
        text: what is searched.
    """
    groups = [match.group(min(1, match.re.groups)) for match in re.finditer(pattern, text)]
    return groups[-1] if groups else None


def describe(text: str) -> dict[str, Any]:
    """What tells formulas apart that are not equal.

    Returns:
        ``exact``: the numerator and denominator of a rational number, in hexadecimal. ``values``: what equal formulas
        have in common, a pair of decimal strings for the real and the imaginary part, or None where there is no value,
        for each assignment of numbers to the variables; of an equation the ratios of both sides' difference. ``kind``:
        "number", "formula", "equation", or "other" for what has neither; "" where math-verify cannot read it.
    """
    from sympy import Eq, Expr

    parsed = _parse(text)
    if not parsed:
        return {"kind": "", "exact": None, "values": []}
    expression = parsed[0]
    if isinstance(expression, Eq):
        values = _ratios([_value(expression.lhs - expression.rhs, point) for point in range(POINTS)])
        return {"kind": "equation", "exact": None, "values": [_spelled(value) for value in values]}
    if not isinstance(expression, Expr):
        return {"kind": "other", "exact": None, "values": []}
    try:
        exact = _exact(expression)
    except TooLargeError:
        return {"kind": "", "exact": None, "values": []}
    if exact is not None:
        return {"kind": "number", "exact": [hex(exact.numerator), hex(exact.denominator)], "values": []}
    kind = "number" if expression.is_number else "formula"
    values = [_value(expression, point) for point in range(1 if kind == "number" else POINTS)]
    return {"kind": kind, "exact": None, "values": [_spelled(value) for value in values]}


class TooLargeError(Exception):
    """A number is too large to be written out."""


def _exact(expression: Any) -> Fraction | None:
    """The rational number that ``expression`` is by arithmetic alone; None where it is none or takes algebra.

    Raises:
        TooLargeError: it is too large.
    """
    from sympy import Rational

    if isinstance(expression, Rational):
        return _bounded(Fraction(int(expression.p), int(expression.q)))
    arguments = [_exact(argument) for argument in expression.args]
    rule = ARITHMETIC.get(type(expression).__name__)
    if rule is None or not arguments or any(argument is None for argument in arguments):
        return None
    try:
        found = rule(*arguments)
    except (ArithmeticError, ValueError):
        return None
    return None if found is None else _bounded(found)


def _bounded(number: Fraction) -> Fraction:
    if max(number.numerator.bit_length(), number.denominator.bit_length()) > LARGEST_EXACT:
        raise TooLargeError
    return number


def _power(base: Fraction, exponent: Fraction) -> Fraction | None:
    if base == 1:
        return base
    bits = max(base.numerator.bit_length(), base.denominator.bit_length())
    if base and abs(exponent) * bits > 2 * LARGEST_EXACT:
        raise TooLargeError
    if exponent.denominator == 1:
        return base**exponent.numerator
    roots = [_root(part, exponent.denominator) for part in (base.numerator, base.denominator)]
    if base < 0 or None in roots:
        return None
    return Fraction(*roots) ** exponent.numerator  # type: ignore[arg-type]


def _root(number: int, degree: int) -> int | None:
    from sympy import integer_nthroot

    root, is_exact = integer_nthroot(max(number, 0), degree)
    return int(root) if is_exact else None


def _factorial(number: Fraction) -> Fraction | None:
    if number > LARGEST_FACTORIAL:
        raise TooLargeError
    return Fraction(math.factorial(int(number))) if number >= 0 and number.denominator == 1 else None


def _binomial(whole: Fraction, part: Fraction) -> Fraction | None:
    if whole.denominator > 1 or part.denominator > 1 or not 0 <= part <= whole:
        return None
    if min(part, whole - part) > LARGEST_FACTORIAL:
        raise TooLargeError
    return Fraction(math.comb(int(whole), int(part)))


def _sum(*parts: Fraction) -> Fraction:
    return sum(parts, Fraction(0))


ARITHMETIC: dict[str, Callable[..., Fraction | None]] = {
    "Add": _sum,
    "Mul": lambda *factors: math.prod(factors, start=Fraction(1)),
    "Pow": _power,
    "Abs": abs,
    "floor": lambda number: Fraction(math.floor(number)),
    "ceiling": lambda number: Fraction(math.ceil(number)),
    "factorial": _factorial,
    "binomial": _binomial,
    "Mod": lambda number, base: number % base,
    "UnevaluatedExpr": lambda number: number,
}


def _value(expression: Any, point: int) -> Any:
    """The value of ``expression``, its variables and calls of unknown functions standing for numbers; None without."""
    from sympy.core.function import AppliedUndef

    try:
        expression = expression.xreplace({call: _stand_in(str(call), point) for call in expression.atoms(AppliedUndef)})
        stand_ins = {symbol: _stand_in(symbol.name, point) for symbol in expression.free_symbols}
        value = expression.evalf(DIGITS, subs=stand_ins)
        if not value.is_number:
            value = expression.subs(stand_ins).doit().evalf(DIGITS)
        return value if value.is_finite and value.is_number else None
    except Exception:
        return None


def _ratios(values: list[Any]) -> list[Any]:
    """Each value through the next, which no constant factor changes."""
    pairs = pairwise(values)
    return [None if one is None or not other else (one / other).evalf(DIGITS) for one, other in pairs]


def _spelled(value: Any) -> list[str] | None:
    if value is None:
        return None
    real, imaginary = value.as_real_imag()
    return [_significant(real), _significant(imaginary)]


def _significant(part: Any) -> str:
    """A real number in digits; what SymPy finds no digit of is zero."""
    return "0" if getattr(part, "_prec", DIGITS) <= 1 else str(part)


def _stand_in(name: str, point: int) -> Any:
    """A number for a variable: between 1 and 2, or between -2 and -1."""
    from sympy import Rational

    part = Rational(crc32(f"{name} {point}".encode()) % 10007, 10007)
    return (part + 1, -part - 1)[point]


def same(one: str, other: str) -> str | None:
    """By which comparison two formulas are equal: "expanded", "scaled" or "math-verify"; None where they are not.

    Args:
        one: a formula or an equation in LaTeX.
        other: another.
    """
    from math_verify import verify
    from sympy import Eq, Expr, cancel, expand, together

    first, second = _parse(one), _parse(other)
    if not first or not second:
        return None
    left, right = first[0], second[0]
    if isinstance(left, Eq) and isinstance(right, Eq):
        ratio = cancel(together((left.lhs - left.rhs) / (right.lhs - right.rhs)))
        return "scaled" if ratio.is_number and ratio.is_finite and ratio != 0 else None
    if isinstance(left, Expr) and isinstance(right, Expr):
        difference = expand(left - right)
        if difference == 0:
            return "expanded"
        if difference.is_Rational:
            return None
    equal = any(verify(*pair, timeout_seconds=None) for pair in ((first, second), (second, first)))
    return "math-verify" if equal else None


def _parse(text: str) -> list[Any]:
    """The formula ``text`` as math-verify takes it, its variables real; empty where it is no formula."""
    from sympy import Eq, Expr

    # The sides of an equation by themselves: the parser takes four times as long over both together.
    if text.count("=") == 1:
        sides = [side for part in text.split("=") for side in _parse_side(part)]
        if len(sides) == 2 and all(isinstance(side, Expr) for side in sides):
            return [Eq(*sides, evaluate=False)]
    return _parse_side(text)


@lru_cache(PARSED_KEPT)
def _parse_side(text: str) -> list[Any]:
    if SUBSCRIPTED_CONSTANT.search(text):
        return []
    from latex2sympy2_extended import NormalizationConfig
    from latex2sympy2_extended.latex2sympy2 import ConversionConfig, latex2sympy

    # Units are left to ``units``: here they would take the s of 144 - 48s for seconds.
    spelling = NormalizationConfig(units=False, malformed_operators=True, nits=True, boxed="none")
    try:
        found = latex2sympy(
            text,
            is_real=True,
            normalization_config=spelling,
            conversion_config=ConversionConfig(lowercase_symbols=False),
        )
    except (MemoryError, KeyboardInterrupt):
        raise
    except Exception:
        return []
    return [_exactly(found)]


def _exactly(expression: Any) -> Any:
    """``expression`` with decimals as fractions, and the letter i for what it nearly always is in an answer."""
    from sympy import Basic, Float, I, Rational

    if not isinstance(expression, Basic):
        return expression
    exact = {number: Rational(str(number)) for number in expression.atoms(Float)}
    return expression.xreplace(exact | {symbol: I for symbol in expression.free_symbols if symbol.name == "i"})


def score(scorer: str, answer: str) -> float | None:
    """What the task that ``scorer`` describes (``collectors.tasks``) gives for ``answer``; None where it raises.

    Args:
        scorer: JSON with "task", its "options", and the "item" as Python writes it.
        answer: as it was found in a text.
    """
    told = json.loads(scorer)
    task = _task(told["task"], json.dumps(told["options"]))
    try:
        return float(task.score_answer(answer, ast.literal_eval(told["item"])))
    except Exception:
        return None


@lru_cache(1)
def _task(name: str, options: str) -> Any:
    from reasoning_gym import create_dataset

    return create_dataset(name, **json.loads(options))


OPERATIONS: dict[str, Callable[..., Any]] = {
    "search": search,
    "describe": describe,
    "same": same,
    "score": score,
}


def main() -> None:
    """Answer requests until standard input ends; one that takes its processor seconds ends the process (SIGPROF)."""
    replies = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    logging.disable(logging.CRITICAL)
    for line in sys.stdin:
        operation, arguments, seconds = json.loads(line)
        signal.setitimer(signal.ITIMER_PROF, seconds)
        result = OPERATIONS[operation](*arguments)
        signal.setitimer(signal.ITIMER_PROF, 0)
        replies.write(json.dumps(result) + "\n")
        replies.flush()


if __name__ == "__main__":
    main()
