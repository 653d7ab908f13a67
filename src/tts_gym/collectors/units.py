"""Units of work of a collection: some branches of one question, which end up in one file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from tts_gym.collectors.questions import Question
from tts_gym.collectors.settings import digest
from tts_gym.datasets.schema import RecordedBranch

KEY_DIGITS = 16
"""Hexadecimal digits of the key of a question."""


@dataclass(frozen=True)
class GivenBranch:
    """A branch that was drawn elsewhere, of which the text is kept.

    Attributes:
        text: what it says.
        tokens: its length as it was recorded, in tokens.
        finish_reason: why it ended, as it was recorded.
        in_reasoning: whether its prompt opened the reasoning that ``text`` begins with.
        final_answer: its answer as it was recorded; None where there is none, or it is to be read anew.
    """

    text: str
    tokens: int
    finish_reason: str | None
    in_reasoning: bool
    final_answer: str | None

    @property
    def is_cut_off(self) -> bool:
        """Whether it ran into a limit."""
        return self.finish_reason == "length"


@dataclass(frozen=True)
class WorkUnit:
    """Consecutive branches of a question.

    Attributes:
        key: what the branches of the question depend on beside the settings, as a digest.
        question: the question.
        first: number of the first branch.
        count: number of branches.
        kept: numbers of those that are there already, and are not drawn again.
        given: the branches, where they are there and only probed; they tell no units apart.
    """

    key: str
    question: Question
    first: int
    count: int
    kept: frozenset[int] = frozenset()
    given: tuple[GivenBranch, ...] = field(default=(), compare=False, repr=False)

    @property
    def name(self) -> str:
        """A name that no other unit of the collection has."""
        return f"{self.key}-{self.first:05d}"

    @property
    def numbers(self) -> range:
        """Numbers of its branches."""
        return range(self.first, self.first + self.count)

    @property
    def missing(self) -> list[int]:
        """Numbers of the branches that are to be drawn."""
        return [number for number in self.numbers if number not in self.kept]


@dataclass
class TokenUsage:
    """Tokens that a unit took.

    Attributes:
        prompt: prompt tokens of the branches, once a branch.
        generated: tokens of the branches.
        prefix: prompt tokens of the probes.
        told: those of them of which the backend told whether they were in the prefix cache.
        cached: those of them that were.
        probe: tokens of the forced answers.
    """

    prompt: int = 0
    generated: int = 0
    prefix: int = 0
    told: int = 0
    cached: int = 0
    probe: int = 0

    def add(self, other: TokenUsage) -> None:
        """Add what another unit took."""
        for name, value in vars(other).items():
            setattr(self, name, getattr(self, name) + value)


@dataclass(frozen=True)
class UnitResult:
    """What has come of a unit: branches that are finished, or the reason why its other ones are given up.

    Attributes:
        unit: the unit.
        branches: finished branches by number.
        usage: tokens that it took since its last result.
        error: why it failed.
        is_hopeless: whether it failed without a try, as any other try would.
    """

    unit: WorkUnit
    branches: Mapping[int, RecordedBranch]
    usage: TokenUsage
    error: str | None = None
    is_hopeless: bool = False


def all_units(questions: Sequence[Question], branches: int, block: int) -> Iterator[WorkUnit]:
    """The units of a collection: each question in blocks of at most ``block`` of its ``branches``.

    A unit depends on its own question alone, and not on the correct answer, so that questions may come and go.

    Args:
        questions: the questions.
        branches: branches of each question (N).
        block: most branches of a unit.
    """
    for question in questions:
        key = digest([question.id, question.question, question.examples])[:KEY_DIGITS]
        for first in range(0, branches, block):
            yield WorkUnit(key, question, first, min(block, branches - first))
