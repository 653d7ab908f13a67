"""What a worker process runs: one request a line on standard input, one reply a line on standard output, both JSON.

This file is run by its path and imports nothing of the package, so that a worker starts fast. Whatever hangs, crashes
or eats memory does so here, where it can be killed. math-verify and SymPy are imported by the first request for them.
"""

from __future__ import annotations

import cmath
import json
import logging
import os
import re
import resource
import signal
import sys
from collections.abc import Callable
from functools import lru_cache
from typing import Any
from zlib import crc32

MEMORY = 2 * 2**30
"""Bound on the address space of a worker in bytes."""

PARSED_KEPT = 4096
"""Parsed answers that a worker remembers."""


def search(pattern: str, text: str) -> str | None:
    """The first group of the last match of ``pattern`` in ``text``, or the whole match if there is no group."""
    groups = [match.group(min(1, match.re.groups)) for match in re.finditer(pattern, text)]
    return groups[-1] if groups else None


def describe(text: str) -> dict[str, Any]:
    """Whether math-verify can read ``text`` as one expression, and a number that is equal for equal expressions.

    A formula has its value, each variable and each call of an unknown function standing for a fixed number that depends
    on its name; an assignment has that of its right side, as math-verify takes the two for equal; a list has a sum of
    its elements' values. What has no value is compared with a number, to see here whether math-verify hangs on it.
    """
    parsed = _parse(text)
    value = _value(parsed[0]) if parsed else None
    if value is None and parsed:
        same(text, "17")
    return {"readable": bool(parsed), "value": None if value is None else [value.real, value.imag]}


def _value(expression: Any) -> complex | None:
    from sympy import Eq, Expr, FiniteSet, Interval, Tuple
    from sympy.core.function import AppliedUndef

    if isinstance(expression, Eq) and expression.lhs.is_Symbol:
        return _value(expression.rhs)
    if isinstance(expression, FiniteSet):
        return _sum([_value(element) for element in expression.args], ordered=False)
    if isinstance(expression, Tuple):
        return _sum([_value(element) for element in expression.args], ordered=True)
    if isinstance(expression, Interval):
        return _sum([_value(expression.start), _value(expression.end)], ordered=True)
    if not isinstance(expression, Expr):
        return None
    try:
        expression = expression.xreplace({call: _stand_in(str(call)) for call in expression.atoms(AppliedUndef)})
        stand_ins = {symbol: _stand_in(symbol.name) for symbol in expression.free_symbols}
        number = complex(expression.evalf(15, subs=stand_ins))
    except Exception:
        return None
    return number if cmath.isfinite(number) else None


def _sum(values: list[complex | None], ordered: bool) -> complex | None:
    """The sum of ``values``, weighted by position where their order counts; None where one is missing."""
    known = [value for value in values if value is not None]
    if len(known) < len(values):
        return None
    return sum((value * (position if ordered else 1) for position, value in enumerate(known, 1)), 0j)


def same(one: str, other: str) -> bool:
    """Whether math-verify takes either text, as gold, for equal to the other; it is not symmetric."""
    from math_verify import verify

    first, second = _parse(one), _parse(other)
    return any(verify(*pair, timeout_seconds=None) for pair in ((first, second), (second, first)))


@lru_cache(PARSED_KEPT)
def _parse(text: str) -> list[Any]:
    """What math-verify makes of the whole of ``text``; empty if it cannot read it.

    Units are left to ``wording``: math-verify takes the s of 144 - 48s for seconds.
    """
    from latex2sympy2_extended import NormalizationConfig
    from math_verify import LatexExtractionConfig, parse

    spelling = NormalizationConfig(units=False, malformed_operators=True, nits=True, boxed="none")
    config = [LatexExtractionConfig(boxed_match_priority=-1, normalization_config=spelling)]
    parsed: list[Any] = parse(f"${text} $", config, fallback_mode="no_fallback", parsing_timeout=None)
    return parsed


def _stand_in(name: str) -> Any:
    from sympy import Rational

    return Rational(crc32(name.lower().encode()) % 10007 + 10007, 10007)


OPERATIONS: dict[str, Callable[..., Any]] = {"search": search, "describe": describe, "same": same}


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
