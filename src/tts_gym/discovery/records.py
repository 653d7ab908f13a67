"""What was tried: every candidate with what became of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from tts_gym.evaluation.frontier import Frontier, pareto

LONGEST_FAILURE = 400
"""Characters of a reason that are kept: proposers and candidates may put anything into it."""

COUNTS = ("correct", "tokens", "sequential_tokens", "width")
"""Columns of a table of questions: means over the seeds."""


@dataclass(frozen=True)
class ProposalUsage:
    """What proposals took.

    Attributes:
        input: tokens read.
        cached: those of them that a cache held.
        output: tokens written.
        dollars: money, None where there are no prices.
    """

    input: int = 0
    cached: int = 0
    output: int = 0
    dollars: float | None = None

    @property
    def tokens(self) -> int:
        """Tokens read and written."""
        return self.input + self.output

    def __add__(self, other: ProposalUsage) -> ProposalUsage:
        """Both together."""
        known = [each.dollars for each in (self, other) if each.dollars is not None]
        return ProposalUsage(
            self.input + other.input,
            self.cached + other.cached,
            self.output + other.output,
            sum(known) if known else None,
        )


NOTHING = ProposalUsage()


@dataclass(frozen=True)
class Assessment:
    """What became of a candidate.

    Attributes:
        stage: how far it came: "reading", "validation", "quick" (8 seeds) or "all".
        failure: why it went no further, one line; None if it was scored.
        isolation: how it was kept apart while it ran.
        seconds: time its runs took.
        table: per (store, question_id, beta) the means of ``COUNTS`` over the seeds, on perturbed copies of the stores;
            None if it failed.
        dominated: whether some earlier point beat it clearly at every beta.
        audited: whether it is a program that passed the allow-list; else it is a class, of which nothing is known, and
            which is neither a rival of others nor, unless that is asked for, the winner.
    """

    stage: str
    failure: str | None = None
    isolation: str = ""
    seconds: float = 0.0
    table: pd.DataFrame | None = None
    dominated: bool = False
    audited: bool = True


@dataclass(frozen=True)
class OnRecordings:
    """How a candidate does on the recordings themselves, when it was scored on perturbed copies of them.

    Attributes:
        score: its score there; None if it failed.
        gained: by how much that is better than on the copies.
        chance: by how much it may be better by chance.
        accuracy: by how many percentage points it is more accurate, over all values of the knob, with the bounds of the
            paired 95 % interval over questions.
        by_heart: whether it does too much better, or fails, so that it cannot win.
        failure: why it has no score, one line.
    """

    score: float | None = None
    gained: float | None = None
    chance: float | None = None
    accuracy: Sequence[float] | None = None
    by_heart: bool = False
    failure: str | None = None


@dataclass(frozen=True)
class Tried:
    """A candidate of some round, or a seed program (round 0).

    Attributes:
        round: the round.
        slot: its number in the round, from 1.
        name: how tables call it.
        source: its code; None if the proposer gave none.
        assessment: what became of it.
        usage: what the proposal took.
        genome: what the proposer keeps of it.
        recorded: how it does on the recordings; None where it was scored on perturbed copies alone.
    """

    round: int
    slot: int
    name: str
    source: str | None
    assessment: Assessment
    usage: ProposalUsage = NOTHING
    genome: dict[str, Any] = field(default_factory=dict)
    recorded: OnRecordings | None = None

    @property
    def place(self) -> tuple[int, int]:
        """Its round and slot."""
        return self.round, self.slot

    @property
    def title(self) -> str:
        """Its name, marked where it is not audited or knows the recordings by heart."""
        marks = "" if self.assessment.audited else " (unaudited)"
        return self.name + marks + (" (by heart)" if self.by_heart else "")

    @property
    def by_heart(self) -> bool:
        """Whether it is known to have its answers from the recordings."""
        return self.recorded is not None and self.recorded.by_heart

    @property
    def table(self) -> pd.DataFrame | None:
        """Its table of questions, see ``Assessment``."""
        return self.assessment.table

    def points(self) -> pd.DataFrame:
        """One row a beta, as ``frontier.pareto`` takes them, and ``beta``; empty if it failed."""
        columns = ["controller", "family", "beta", "tokens", "accuracy"]
        if self.table is None:
            return pd.DataFrame(columns=columns)
        means = _means(self.table)
        named = [f"{self.name}:beta={beta:g}" for beta in means["beta"]]
        return means.assign(controller=named, family=self.name)[columns]


def audited(tried: Sequence[Tried]) -> list[Tried]:
    """Those of ``tried`` that others are measured by."""
    return [each for each in tried if each.assessment.audited]


def joint_frontier(tried: Sequence[Tried]) -> Frontier:
    """The frontier of all points of ``tried``, of which one at least was scored."""
    return pareto(pd.concat([each.points() for each in tried if each.table is not None], ignore_index=True))


@dataclass(frozen=True, eq=False)
class Scale:
    """What scores are measured by.

    Attributes:
        low: tokens of the cheapest point of the seed programs.
        high: tokens of their dearest one.
        floor: table of questions of the cheapest one, which whoever cannot afford more falls back on.
    """

    low: float
    high: float
    floor: pd.DataFrame

    @classmethod
    def of(cls, seeds: Sequence[Tried]) -> Scale:
        """The scale that the seed programs span; a factor of 4 about their only point, if there is no other."""
        points = pd.concat([each.points() for each in seeds if each.table is not None], ignore_index=True)
        cheapest = points.sort_values("tokens", kind="stable").to_dict("records")[0]
        table = next(each.table for each in seeds if each.name == cheapest["family"])
        assert table is not None
        low, high = float(cheapest["tokens"]), float(points["tokens"].max())
        low, high = (low, high) if low < high else (low / 2, 2 * high)
        return cls(low, high, table[table["beta"] == cheapest["beta"]])

    def score(self, tried: Tried) -> float | None:
        """Mean accuracy (%) of a user of ``tried`` whose budget is log-uniform on the scale; None if it failed.

        A user who cannot afford its cheapest point has the accuracy of the floor.
        """
        return None if tried.table is None else self.area(tried.table)

    def area(self, table: pd.DataFrame, questions: set[tuple[str, str]] | None = None) -> float:
        """The score of a table of questions: mean accuracy in %.

        Args:
            table: see ``Assessment``.
            questions: those (store, question_id) that count; None for all.
        """
        own, floor = (_means(_chosen(each, questions)) for each in (table, self.floor))
        # Whatever the floor costs on these questions, it is there for any budget on the scale.
        points = pd.concat([floor.assign(tokens=self.low), own], ignore_index=True)
        return pareto(points.assign(controller="", family="")).area(self.low, self.high)


def _means(table: pd.DataFrame) -> pd.DataFrame:
    means = table.groupby("beta")[["tokens", "correct"]].mean().reset_index()
    return means.assign(accuracy=100 * means["correct"])


def _chosen(table: pd.DataFrame, questions: set[tuple[str, str]] | None) -> pd.DataFrame:
    if questions is None:
        return table
    keys = zip(table["store"], table["question_id"], strict=True)
    return table[[key in questions for key in keys]]
