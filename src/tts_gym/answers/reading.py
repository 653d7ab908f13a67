"""What an answer says, taken apart as far as rules can: numbers, quantities, dates, choices, lists, words, formulas.

A reading is a tree. Its leaves are numbers, formulas and equations, which ``equivalence`` compares; all else is equal
where it is equal, part by part.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping
from dataclasses import dataclass

from tts_gym.answers.numbers import Number


@dataclass(frozen=True)
class Leaf:
    """A number, or a formula or an equation that no rule decides.

    Attributes:
        text: the formula in LaTeX; empty for a number.
        number: the number, if it is one.
    """

    text: str
    number: Number | None = None


@dataclass(frozen=True)
class Word:
    """What is equal to nothing but itself.

    Attributes:
        kind: what it is, such as "text", "choice", "date".
        value: in the one spelling of its kind.
    """

    kind: str
    value: Hashable


@dataclass(frozen=True)
class Group:
    """Parts that belong together.

    Attributes:
        kind: what holds them together, such as "()", "{}", "matrix", "union", or the unit of a quantity.
        parts: the parts.
        ordered: whether their order counts.
    """

    kind: str
    parts: tuple[Reading, ...]
    ordered: bool = True


Reading = Leaf | Word | Group


def leaves(reading: Reading) -> list[Leaf]:
    """The leaves of ``reading``, from left to right."""
    if isinstance(reading, Leaf):
        return [reading]
    return [leaf for part in reading.parts for leaf in leaves(part)] if isinstance(reading, Group) else []


def key(reading: Reading, classes: Mapping[Leaf, Hashable]) -> Hashable:
    """What is the same for equal readings, where ``classes`` tells which leaves are equal.

    Args:
        reading: the reading.
        classes: a label for each of its leaves, the same for equal ones.
    """
    if isinstance(reading, Leaf):
        return "leaf", classes[reading]
    if isinstance(reading, Word):
        return reading.kind, reading.value
    parts = [key(part, classes) for part in reading.parts]
    return reading.kind, tuple(parts) if reading.ordered else frozenset(Counter(parts).items())


def of_number(number: Number) -> Leaf:
    """The leaf of a number."""
    return Leaf("", number)
