"""Reading answers by the rule that a collection states."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol, get_args

from tts_gym.answers.errors import AnswerError
from tts_gym.answers.extraction import PatternSearch, Rule, extract_answer, extract_probe

PATTERN = "regex:"


class AnswerReader(Protocol):
    """Finds the answer in a text, None where there is none."""

    def branch(self, text: str) -> str | None:
        """The answer of a whole branch."""

    def probe(self, suffix: str, continuation: str) -> str | None:
        """The answer that a model was made to give after ``suffix``."""


@dataclass(frozen=True)
class _RuleReader:
    rule: Rule

    def branch(self, text: str) -> str | None:
        return extract_answer(text, self.rule)

    def probe(self, suffix: str, continuation: str) -> str | None:
        return extract_probe(suffix, continuation, self.rule)


@dataclass(frozen=True)
class _PatternReader:
    search: PatternSearch

    def branch(self, text: str) -> str | None:
        return self.search(text)

    def probe(self, suffix: str, continuation: str) -> str | None:
        return self.search(suffix + continuation)


@contextmanager
def answer_reader(rule: str) -> Iterator[AnswerReader]:
    """A reader by a rule of ``extraction``, or by "regex:" and a pattern.

    Raises:
        AnswerError: there is no such rule, or the pattern is not a regular expression.
    """
    if rule.startswith(PATTERN):
        with PatternSearch(rule.removeprefix(PATTERN)) as search:
            yield _PatternReader(search)
    elif rule in get_args(Rule):
        yield _RuleReader(rule)  # type: ignore[arg-type]
    else:
        raise AnswerError(f"There is no rule {rule!r} for answers: use {', '.join(get_args(Rule))} or {PATTERN}….")
