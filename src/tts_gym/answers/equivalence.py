"""Which answers to a question are the same.

The gold answer tells what kind of answer is asked for; ``kinds`` reads every answer accordingly, exactly and in linear
time. What remains, formulas and equations, math-verify and SymPy compare in workers that are killed at a deadline, and
only where their values agree: math-verify takes 1.6e-19 for 9.1e-31, (1, 2) for {1, 2} and "no" for "on".
"""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Hashable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from importlib.metadata import version
from os import PathLike

from tts_gym.answers.formulas import LeafClasses, group
from tts_gym.answers.kinds import alternatives, read, read_gold, what_is_asked
from tts_gym.answers.normalise import clean
from tts_gym.answers.pool import Counts, WorkerPool
from tts_gym.answers.reading import Leaf, Reading, Word, key, leaves
from tts_gym.errors import TTSGymError

RULES = 3
"""Version of the rules; cached results of other versions are not used."""

SECONDS = 3.0
"""Default deadline of one request to math-verify, in processor seconds."""

QUESTION_SECONDS = 60.0
"""How long the answers to one question are compared; what is left then counts as different."""


@dataclass(frozen=True)
class Join:
    """Two answers of one class.

    Attributes:
        one: the answer of the class that came first.
        other: the other answer.
        comparison: by what the two are equal: "text", "spelling", "value", "rounding", "expanded", "scaled",
            "math-verify", or "as the gold answer shows".
    """

    one: str
    other: str
    comparison: str


@dataclass(frozen=True)
class _Read:
    """An answer read.

    Attributes:
        reading: what it says.
        others: what it may say as well, where that is what the gold answer says.
    """

    reading: Reading
    others: tuple[Reading, ...] = ()

    @property
    def leaves(self) -> list[Leaf]:
        return [leaf for reading in (self.reading, *self.others) for leaf in leaves(reading)]


@dataclass(frozen=True)
class _Grouped:
    """The class of each answer, and of the leaves in it."""

    keys: list[Hashable]
    by_gold: list[bool]
    leaf_classes: LeafClasses
    read: list[_Read]


class Equivalence(AbstractContextManager["Equivalence"]):
    """Groups the answers of a question into classes of equal ones.

    Use it as a context manager; it may be used from any thread.

    Attributes:
        counts: what it has taken so far; results from the cache are not counted.
    """

    def __init__(
        self,
        cache: str | PathLike[str] | None = None,
        seconds: float = SECONDS,
        question_seconds: float = QUESTION_SECONDS,
    ) -> None:
        """Start nothing yet; workers start with the first formulas that need them.

        Args:
            cache: a file that keeps results from run to run.
            seconds: deadline of one request to math-verify, in processor seconds.
            question_seconds: how long the answers to one question are compared.

        Raises:
            TTSGymError: math-verify is not installed, or the cache cannot be opened.
        """
        if importlib.util.find_spec("math_verify") is None:
            raise TTSGymError("Mathematical equivalence needs math-verify: install tts-gym[collect].")
        tools = [f"{name} {version(name)}" for name in ("math-verify", "latex2sympy2_extended", "sympy")]
        self._pool = WorkerPool(cache, ", ".join([f"rules {RULES}", *tools]), seconds)
        self._question_seconds = question_seconds

    def __exit__(self, *_: object) -> None:
        """Close."""
        self.close()

    def close(self) -> None:
        """End the workers and close the cache."""
        self._pool.close()

    @property
    def counts(self) -> Counts:
        """What it has taken so far."""
        return self._pool.counts

    def classes(self, answers: Sequence[str], gold: str) -> list[int]:
        """Group answers; the grouping does not depend on their order.

        Args:
            answers: valid answer texts.
            gold: the correct answer, which need not be among them. It tells what kind of answer is asked for; its unit,
                base and name are implied in every answer, and what it does not have does not count.

        Returns:
            The class of each answer, numbered from 1 in order of first appearance.

        Raises:
            TTSGymError: math-verify does not start.
        """
        numbers: dict[Hashable, int] = {}
        return [numbers.setdefault(label, len(numbers) + 1) for label in self._group(answers, gold).keys]

    def same(self, answer: str, gold: str) -> bool:
        """Whether ``answer`` is the correct answer ``gold``.

        Args:
            answer: as it was found in a text.
            gold: the gold answer.

        Raises:
            TTSGymError: math-verify does not start.
        """
        one, other = self.classes([answer, gold], gold)
        return one == other

    def joins(self, answers: Sequence[str], gold: str) -> list[Join]:
        """Why answers are in one class: each but the first of its class, with the first, in the order of ``answers``.

        Args:
            answers: distinct valid answer texts.
            gold: the correct answer.

        Raises:
            TTSGymError: math-verify does not start.
        """
        grouped = self._group(answers, gold)
        first: dict[Hashable, int] = {}
        found = []
        for place, label in enumerate(grouped.keys):
            opening = first.setdefault(label, place)
            if opening != place:
                found.append(Join(answers[opening], answers[place], _comparison(grouped, opening, place)))
        return found

    def _group(self, answers: Sequence[str], gold: str) -> _Grouped:
        cleaned_gold = clean(gold)
        asked = None if cleaned_gold is None else what_is_asked(cleaned_gold)
        read_answers = []
        for text in answers:
            cleaned = clean(text)
            if cleaned is None or asked is None:
                read_answers.append(_Read(Word("unreadable", cleaned or text)))
            else:
                read_answers.append(_Read(read(cleaned, asked), tuple(alternatives(cleaned, asked))))
        golds: list[Reading] = []
        if cleaned_gold is not None and asked is not None:
            golds = read_gold(cleaned_gold, asked)
        gold_leaves = [leaf for reading in golds for leaf in leaves(reading)]
        found = group(
            [*gold_leaves, *(leaf for one in read_answers for leaf in one.leaves)],
            gold_leaves[: len(leaves(golds[0])) if golds else 0],
            self._pool,
            time.monotonic() + self._question_seconds,
        )
        right = [key(reading, found.classes) for reading in golds]
        keys, by_gold = [], []
        for one in read_answers:
            own = key(one.reading, found.classes)
            others = {key(reading, found.classes) for reading in one.others}
            is_right = own in right or not others.isdisjoint(right)
            keys.append(right[0] if is_right else own)
            by_gold.append(is_right and own != right[0])
        return _Grouped(keys, by_gold, found, read_answers)


def _comparison(grouped: _Grouped, one: int, other: int) -> str:
    if grouped.by_gold[one] or grouped.by_gold[other]:
        return "as the gold answer shows"
    reading, second = grouped.read[one].reading, grouped.read[other].reading
    if isinstance(reading, Word):
        return "text"
    differing = set(leaves(reading)) ^ set(leaves(second))
    ways = sorted(
        {grouped.leaf_classes.comparison[leaf] for leaf in differing if leaf in grouped.leaf_classes.comparison}
    )
    return ", ".join(ways) or "spelling"


def same(answer: str, gold: str) -> bool:
    """Whether ``answer`` is the correct answer ``gold``; see ``Equivalence``, which keeps its workers for many.

    Args:
        answer: as it was found in a text.
        gold: the gold answer.

    Raises:
        TTSGymError: math-verify is not installed or does not start.
    """
    with Equivalence() as equivalence:
        return equivalence.same(answer, gold)


def classes(answers: Sequence[str], gold: str) -> list[int]:
    """The class of each answer, numbered from 1 in order of first appearance; see ``Equivalence.classes``.

    Args:
        answers: as they were found in texts.
        gold: the gold answer to their question.

    Raises:
        TTSGymError: math-verify is not installed or does not start.
    """
    with Equivalence() as equivalence:
        return equivalence.classes(answers, gold)
