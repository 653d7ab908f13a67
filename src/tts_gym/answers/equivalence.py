"""Which answers to a question are the same: decided by rule where that is exact, else by math-verify in a worker.

math-verify's own time-outs need the main thread and do not stop everything, and what it says is not symmetric, nor
always right: it takes 1.6e-19 for 9.1e-31, (1, 2) for {1, 2}, 9% for both 9 and 0.09, "no" for "on". Hence it runs in a
process that is killed at a deadline, it is asked both ways, and never about a pair that ``wording`` or the values of
both decide.
"""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from fractions import Fraction
from importlib.metadata import version
from os import PathLike
from threading import Lock
from typing import Any

from tts_gym.answers.cache import ResultCache
from tts_gym.answers.wording import clean, may_be_same, number, split_unit, structure, words
from tts_gym.answers.worker import Failure, Worker, WorkerError
from tts_gym.errors import TTSGymError

RULES = 1
"""Version of the rules here and in ``wording``; cached results of other versions are not used."""

SECONDS = 3.0
"""Default deadline of one request to math-verify, in processor seconds."""

CLOSE = 1e-6
"""Relative difference of two values up to which math-verify is asked whether they are the same."""

APPROXIMATE_PLACES = 6
"""Decimal places from which on a decimal may be a rounded value, as math-verify compares decimals to six places."""

SCALAR_AND_INEQUALITY = {(False, ""), (True, "<")}
"""What has a value and no brackets, and an inequality; they are never the same."""

INNER_DOLLAR = re.compile(r"(?<!\\)\$")
"""What would have math-verify read only a part of a text."""

MOST_PLACES = 20
"""Decimal places from which on a decimal is written as a fraction."""


@dataclass(frozen=True, order=True)
class Meaning:
    """What is compared of an answer.

    Attributes:
        kind: "number" (decided by its value), "formula" (math-verify decides), "words" or "text" (decided by equality).
        text: the number in lowest terms, the formula, the words, or the whole answer.
    """

    kind: str
    text: str


@dataclass
class Counts:
    """What it took to group answers.

    Attributes:
        asked: requests made to math-verify.
        timeouts: requests that ran into the deadline; the answers count as different.
        crashes: requests that took the worker down; the answers count as different.
    """

    asked: int = 0
    timeouts: int = 0
    crashes: int = 0

    @property
    def shortfall(self) -> str:
        """A sentence on the requests that failed, empty if none did."""
        if not (self.timeouts or self.crashes):
            return ""
        return (
            f"math-verify ran into its deadline {self.timeouts} times and crashed {self.crashes} times; "
            "those answers count as different."
        )


class Equivalence(AbstractContextManager["Equivalence"]):
    """Groups the answers of a question into classes of mathematically equal ones.

    Two answers are in one class if a chain of equal pairs leads from one to the other, by way of the correct answer
    too. Use it as a context manager; it may be used from any thread, one at a time.

    Attributes:
        counts: what it has taken so far; results from the cache are not counted.
    """

    def __init__(self, cache: str | PathLike[str] | None = None, seconds: float = SECONDS) -> None:
        """Start nothing yet; the worker starts with the first pair that needs it.

        Args:
            cache: a file that keeps results from run to run.
            seconds: deadline of one request to math-verify, in processor seconds.

        Raises:
            TTSGymError: math-verify is not installed, or the cache cannot be opened.
        """
        if importlib.util.find_spec("math_verify") is None:
            raise TTSGymError("Mathematical equivalence needs math-verify: install tts-gym[collect].")
        tools = [f"{name} {version(name)}" for name in ("math-verify", "latex2sympy2_extended", "sympy")]
        self.counts = Counts()
        self._seconds = seconds
        self._cache = ResultCache(cache, ", ".join([f"rules {RULES}", *tools]))
        self._worker = Worker("same", "x", "1+1")
        self._lock = Lock()

    def __exit__(self, *_: object) -> None:
        """Close."""
        self.close()

    def close(self) -> None:
        """End the worker and close the cache."""
        self._worker.close()
        self._cache.close()

    def classes(self, answers: Sequence[str], gold: str) -> list[int]:
        """Group answers; the grouping does not depend on their order.

        Args:
            answers: valid answer texts.
            gold: the correct answer, which need not be among them. A unit of it is implied in every answer; if it has
                none, the units of the answers do not count.

        Returns:
            The class of each answer, numbered from 1 in order of first appearance.

        Raises:
            TTSGymError: math-verify does not start.
        """
        implied = split_unit(clean(gold) or "")[1]
        meanings = [_meaning(text, implied) for text in (*answers, gold)]
        with self._lock:
            leader = self._group(sorted(set(meanings)))
        numbers: dict[Meaning, int] = {}
        return [numbers.setdefault(leader[meaning], len(numbers) + 1) for meaning in meanings[:-1]]

    def _group(self, meanings: Sequence[Meaning]) -> dict[Meaning, Meaning]:
        """A representative of each meaning's class, the same for all of the class."""
        leader = {meaning: meaning for meaning in meanings}

        def find(meaning: Meaning) -> Meaning:
            while leader[meaning] != meaning:
                leader[meaning] = meaning = leader[leader[meaning]]
            return meaning

        for one, other in self._open_pairs(meanings):
            first, second = find(one), find(other)
            if first != second and self._same(one.text, other.text):
                leader[second] = first
        return {meaning: find(meaning) for meaning in meanings}

    def _open_pairs(self, meanings: Sequence[Meaning]) -> Iterator[tuple[Meaning, Meaning]]:
        """The pairs that no rule and no value decides."""
        numbers = [(meaning, _value(meaning.text), "") for meaning in meanings if meaning.kind == "number"]
        formulas = []
        for meaning in (meaning for meaning in meanings if meaning.kind == "formula"):
            described = self._ask("describe", meaning.text)
            if described is not None and described["readable"]:
                value = None if described["value"] is None else complex(*described["value"])
                formulas.append((meaning, value, structure(meaning.text)))
        for position, (one, value, enclosed) in enumerate(formulas):
            for other, other_value, other_enclosed in (*numbers, *formulas[:position]):
                pair = {(value is None, enclosed), (other_value is None, other_enclosed)}
                if pair == SCALAR_AND_INEQUALITY or not _close(value, other_value):
                    continue
                if may_be_same(enclosed, other_enclosed):
                    yield one, other

    def _same(self, one: str, other: str) -> bool:
        return bool(self._ask("same", *sorted((one, other))))

    def _ask(self, operation: str, *arguments: str) -> Any:
        """The worker's result, from the cache if it is there; None if the worker failed."""
        key = (operation, *arguments)
        if key not in self._cache:
            self.counts.asked += 1
            try:
                self._cache[key] = self._worker.ask(*key, seconds=self._seconds)
            except WorkerError as error:
                self.counts.timeouts += error.failure == Failure.TIMEOUT
                self.counts.crashes += error.failure == Failure.CRASH
                self._cache[key] = None
        return self._cache[key]


def _meaning(text: str, implied_unit: str) -> Meaning:
    cleaned = clean(text)
    if cleaned is None:
        return Meaning("text", text)
    formula, unit = split_unit(cleaned)
    if implied_unit and unit != implied_unit:
        formula = cleaned
    formula = formula.strip("$ ")
    value = number(formula)
    if value is not None:
        return Meaning("number", _spell(value))
    in_words = words(formula)
    if in_words is not None:
        return Meaning("words", in_words)
    return Meaning("text" if INNER_DOLLAR.search(formula) else "formula", formula)


def _spell(value: Fraction) -> str:
    """The number as math-verify is asked about it."""
    sign = "-" if value < 0 else ""
    places = next((places for places in range(MOST_PLACES) if 10**places % value.denominator == 0), 0)
    if places >= APPROXIMATE_PLACES:
        digits = f"{(abs(value) * 10**places).numerator}".zfill(places + 1)
        return f"{sign}{digits[:-places]}.{digits[-places:]}"
    if value.denominator == 1:
        return str(value.numerator)
    return f"{sign}\\frac{{{abs(value.numerator)}}}{{{value.denominator}}}"


def _value(text: str) -> complex | None:
    exact = number(text)
    try:
        return None if exact is None else complex(float(exact))
    except OverflowError:
        return None


def _close(one: complex | None, other: complex | None) -> bool:
    """Whether two values may be of equal answers; an answer without a value may equal any."""
    return one is None or other is None or abs(one - other) <= CLOSE * max(abs(one), abs(other))
