"""What a reader of a source gives: questions with the samples that were drawn for each, as plain data."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from tts_gym.importers.source import Source


@dataclass(frozen=True)
class Sample:
    """One answer of a model to a question.

    Attributes:
        text: what the model wrote, reasoning included; None where the source keeps no texts.
        answer: the answer that the source had found already, which is read only where there is no text.
        tokens: its length in tokens; None where the source does not tell.
        counted_by: what told ``tokens``, such as "usage".
        finish_reason: why the model stopped, "stop" or "length", where that is known.
        model: the model, where the source names it.
    """

    text: str | None
    answer: str | None = None
    tokens: int | None = None
    counted_by: str | None = None
    finish_reason: str | None = None
    model: str | None = None


@dataclass(frozen=True)
class SampledQuestion:
    """A question with its samples.

    Attributes:
        id: its name in the source; None where it has none.
        question: its text; None where the source does not hold it.
        gold: the right answers, the first of which is the gold answer; none where the source tells none.
        samples: in their order.
    """

    id: str | None
    question: str | None
    gold: tuple[str, ...]
    samples: Sequence[Sample]


@dataclass(frozen=True)
class Columns:
    """Where a row keeps what: paths as ``paths.value_at`` takes them; None where the usual names are tried.

    Attributes:
        id: name of the question; without it, rows with one text of a question belong together.
        question: its text.
        gold: its correct answer, or a list of right ones.
        samples: what the model wrote, a text or a list of them.
        answer: the answer that was found already, in place of texts.
        tokens: length of each sample in tokens.
        ids: names of the questions that are told beside the source, if any are.
    """

    id: str | None = None
    question: str | None = None
    gold: str | None = None
    samples: str | None = None
    answer: str | None = None
    tokens: str | None = None
    ids: frozenset[str] = frozenset()


class Format(Protocol):
    """A kind of source: an object of these two functions, most often a module's ``FORMAT``."""

    def recognises(self, source: Source) -> bool:
        """Whether ``source`` looks like one, as far as its first row tells."""

    def questions(self, source: Source, columns: Columns) -> Iterator[SampledQuestion]:
        """The questions of a source, each once.

        Args:
            source: the source.
            columns: where rows keep what; a format that knows reads only those that are given.

        Raises:
            SourceError: the source is damaged, or lacks what a store needs.
        """
