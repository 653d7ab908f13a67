"""Reading answers by the rule that a collection states."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from tts_gym.answers.extraction import Extraction, extract, extract_gold, extract_probe
from tts_gym.answers.pattern import PatternSearch
from tts_gym.answers.presets import PATTERN, rule_named
from tts_gym.answers.reasoning import Marks


class AnswerReader(Protocol):
    """Finds the answer in a text."""

    def branch(self, text: str) -> Extraction:
        """The answer of a whole branch."""

    def probe(self, suffix: str, continuation: str, question: str = "") -> Extraction:
        """The answer that a model was made to give after ``suffix``.

        Args:
            suffix: what the branch was continued by.
            continuation: what the model wrote then.
            question: the question; a calculation that stands in it is no answer of the model's.
        """

    def gold(self, text: str) -> str:
        """The gold answer without its format."""


@dataclass(frozen=True)
class _RuleReader:
    rule: str
    marks: Marks | None

    def branch(self, text: str) -> Extraction:
        return extract(text, self.rule, self.marks)

    def probe(self, suffix: str, continuation: str, question: str = "") -> Extraction:
        return extract_probe(suffix, continuation, self.rule, question)

    def gold(self, text: str) -> str:
        return extract_gold(text, self.rule)


@dataclass(frozen=True)
class _PatternReader:
    search: PatternSearch

    def branch(self, text: str) -> Extraction:
        answer = self.search(text)
        return Extraction(answer, "pattern" if answer is not None else None)

    def probe(self, suffix: str, continuation: str, question: str = "") -> Extraction:
        return self.branch(suffix + continuation)

    def gold(self, text: str) -> str:
        return text


@contextmanager
def answer_reader(rule: str, marks: Marks | None = None) -> Iterator[AnswerReader]:
    """A reader by a rule of ``presets``, or by "regex:" and a pattern.

    Args:
        rule: how answers are recognised.
        marks: what reasoning begins and ends with beside all that is known.

    Raises:
        AnswerError: there is no such rule.
        TTSGymError: the pattern is not a regular expression.
    """
    if rule.startswith(PATTERN):
        with PatternSearch(rule.removeprefix(PATTERN)) as search:
            yield _PatternReader(search)
    else:
        rule_named(rule)
        yield _RuleReader(rule, marks)
