"""Which numbers, formulas and equations are the same: by exact values, else by algebra where values agree."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation, localcontext
from fractions import Fraction

from tts_gym.answers.pool import WorkerPool
from tts_gym.answers.reading import Leaf

AGREE = Decimal("1e-20")
"""Relative difference of two values up to which algebra is asked whether they are the same."""

FEWEST_DIGITS = 4
"""Significant digits from which on a decimal is equal to an exact value that it is when rounded."""

LONGEST_WRITTEN = 10_000
"""Bits of the largest number that algebra is asked about."""

BATCH = 16
"""Formulas that are described between two looks at the clock, for each worker."""

Values = tuple[tuple[Decimal, Decimal] | None, ...]


@dataclass(frozen=True)
class Described:
    """A formula and what tells it from others, see ``worker_main.describe``.

    Attributes:
        leaf: the formula.
        kind: "number", "formula", "equation", "other", or "" for what nothing is known of.
        exact: its value, if it is rational.
        values: its values under assignments of numbers to the variables.
    """

    leaf: Leaf
    kind: str = ""
    exact: Fraction | None = None
    values: Values = ()


@dataclass
class LeafClasses:
    """A partition of leaves.

    Attributes:
        classes: a label for each leaf, the same for equal ones.
        comparison: for each leaf that joined another, by which comparison: "value", "rounding", "expanded", "scaled" or
            "math-verify".
    """

    classes: dict[Leaf, Leaf] = field(default_factory=dict)
    comparison: dict[Leaf, str] = field(default_factory=dict)

    def join(self, leaf: Leaf, to: Leaf, comparison: str) -> None:
        """Put ``leaf``, with all that are in its class, into the class of ``to``.

        Args:
            leaf: one that is in a class, its own where it has joined none.
            to: another one.
            comparison: by which they are equal, one of those of ``comparison``.
        """
        old, new = self.classes[leaf], self.classes[to]
        for member, label in self.classes.items():
            if label == old:
                self.classes[member] = new
        self.comparison[leaf] = comparison


def group(leaves: Iterable[Leaf], first: Sequence[Leaf], pool: WorkerPool, deadline: float) -> LeafClasses:
    """Partition leaves; the partition depends on no order.

    Args:
        leaves: what is partitioned.
        first: those of the gold answer: where a decimal is the rounded value of several, it counts as theirs.
        pool: what algebra is done by.
        deadline: when to leave the rest apart, by ``time.monotonic``.
    """
    distinct = sorted(set(leaves), key=_order)
    found = LeafClasses({leaf: leaf for leaf in distinct})
    described = _describe([leaf for leaf in distinct if leaf.number is None], pool, deadline)
    exact = {leaf: leaf.number.value for leaf in distinct if leaf.number is not None}
    exact |= {one.leaf: one.exact for one in described if one.exact is not None}
    _join_values(found, exact)
    open_ones = [one for one in described if one.exact is None and one.kind]
    _join_formulas(found, exact, open_ones, pool, deadline)
    _join_rounded(found, exact, open_ones, first)
    return found


def _order(leaf: Leaf) -> tuple[str, Fraction, int, int]:
    number = leaf.number
    places = -1 if number is None or number.places is None else number.places
    return leaf.text, number.value if number else Fraction(0), places, number.digits if number else 0


def _describe(formulas: Sequence[Leaf], pool: WorkerPool, deadline: float) -> list[Described]:
    described = []
    size = BATCH * len(pool.workers)
    for start in range(0, len(formulas), size):
        batch = formulas[start : start + size]
        if time.monotonic() > deadline:
            pool.counts.open_pairs += len(formulas) - start
            break
        for leaf, found in zip(batch, pool.ask_each("describe", [leaf.text for leaf in batch]), strict=True):
            if found is not None:
                exact = found["exact"] and Fraction(*(int(part, 16) for part in found["exact"]))
                described.append(Described(leaf, found["kind"], exact, _values(found["values"])))
    return described


def _values(spelled: Iterable[Sequence[str] | None]) -> Values:
    try:
        return tuple(None if pair is None else (Decimal(pair[0]), Decimal(pair[1])) for pair in spelled)
    except InvalidOperation:
        return ()


def _join_values(found: LeafClasses, exact: dict[Leaf, Fraction]) -> None:
    labels: dict[Fraction, Leaf] = {}
    for leaf, value in exact.items():
        label = labels.setdefault(value, leaf)
        if label is not leaf:
            found.join(leaf, label, "value")


def _join_formulas(
    found: LeafClasses, exact: dict[Leaf, Fraction], described: Sequence[Described], pool: WorkerPool, deadline: float
) -> None:
    """Join formulas with numbers and with representatives of the classes of formulas so far."""
    numbers = {value: leaf for leaf, value in reversed(exact.items()) if _is_written_out(value)}
    rivals = [Described(leaf, "number", value, _of(value)) for value, leaf in numbers.items()]
    for one in described:
        for rival in rivals:
            if not _may_be_same(one, rival):
                continue
            if time.monotonic() > deadline:
                pool.counts.open_pairs += 1
                continue
            comparison = pool.ask("same", *sorted((one.leaf.text, rival.leaf.text or _tex(rival.exact))))
            if comparison:
                found.join(one.leaf, rival.leaf, comparison)
                break
        else:
            rivals.append(one)


def _is_written_out(value: Fraction) -> bool:
    return max(value.numerator.bit_length(), value.denominator.bit_length()) <= LONGEST_WRITTEN


def _of(value: Fraction) -> Values:
    with localcontext() as context:
        context.prec = 40
        return ((Decimal(value.numerator) / Decimal(value.denominator), Decimal(0)),)


def _tex(value: Fraction | None) -> str:
    assert value is not None
    sign = "-" if value < 0 else ""
    return (
        f"{sign}{abs(value)}"
        if value.denominator == 1
        else rf"{sign}\frac{{{abs(value.numerator)}}}{{{value.denominator}}}"
    )


def _may_be_same(one: Described, other: Described) -> bool:
    if "equation" in (one.kind, other.kind) or "other" in (one.kind, other.kind):
        return one.kind == other.kind and _agree(one.values, other.values)
    return bool(one.values) and bool(other.values) and _agree(one.values, other.values)


def _agree(one: Values, other: Values) -> bool:
    """Whether values agree wherever both are known; a single value stands for the value of a constant everywhere."""
    length = max(len(one), len(other))
    if length == 0:
        return True
    pairs = list(zip(_stretched(one, length), _stretched(other, length), strict=True))
    known = [(first, second) for first, second in pairs if first is not None and second is not None]
    return bool(known) and all(
        _close(first[part], second[part], max(map(abs, (*first, *second))))
        for first, second in known
        for part in (0, 1)
    )


def _stretched(values: Values, length: int) -> Values:
    return values * length if len(values) == 1 else values


def _close(one: Decimal, other: Decimal, size: Decimal) -> bool:
    return abs(one - other) <= AGREE * size


def _join_rounded(
    found: LeafClasses, exact: dict[Leaf, Fraction], described: Sequence[Described], first: Sequence[Leaf]
) -> None:
    """Join decimals with the one exact value that they are when it is rounded."""
    exact_ones = [
        (leaf, _of(value)[0]) for leaf, value in exact.items() if leaf.number is None or leaf.number.places is None
    ]
    exact_ones += [
        (one.leaf, one.values[0]) for one in described if one.kind == "number" and one.values and one.values[0]
    ]
    taken = {found.classes[leaf] for leaf, _ in exact_ones}
    gold = {found.classes[leaf] for leaf in first}
    joins = []
    for leaf in exact:
        rounded = leaf.number
        if rounded is None or rounded.places is None or rounded.digits < FEWEST_DIGITS or found.classes[leaf] in taken:
            continue
        matches = {
            found.classes[other]: other
            for other, value in exact_ones
            if _rounds_to(value, rounded.value, rounded.places)
        }
        best = {label: other for label, other in matches.items() if label in gold} or matches
        if len(best) == 1:
            joins.append((leaf, next(iter(best.values()))))
    for leaf, other in joins:
        found.join(leaf, other, "rounding")


def _rounds_to(value: tuple[Decimal, Decimal] | None, rounded: Fraction, places: int) -> bool:
    if value is None or value[1] or value[0].adjusted() > 30:
        return False
    return abs(Fraction(value[0]) - rounded) <= Fraction(1, 2 * 10**places)
