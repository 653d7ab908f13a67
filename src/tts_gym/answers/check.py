"""Both decisions tried on cases of one's own: what answer a text gives, and whether it is the gold answer."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tts_gym.answers.equivalence import Equivalence
from tts_gym.answers.errors import AnswerError
from tts_gym.answers.reader import answer_reader


@dataclass(frozen=True)
class AnswerCase:
    """A text or an answer, and whether a careful person takes it for the gold answer.

    Attributes:
        text: what a model generated; None where ``answer`` is given.
        answer: an answer already found.
        gold: the gold answer.
        equal: what a careful person says.
        rule: how the answer is recognised in ``text``.
        family: what the case is counted with.
    """

    text: str | None
    answer: str | None
    gold: str
    equal: bool
    rule: str = "auto"
    family: str = "all"


@dataclass(frozen=True)
class CheckedCase:
    """What came out of a case.

    Attributes:
        case: the case.
        answer: the answer that was found, None where there is none.
        equal: whether it was taken for the gold answer.
    """

    case: AnswerCase
    answer: str | None
    equal: bool

    @property
    def is_right(self) -> bool:
        """Whether a careful person says so too."""
        return self.equal == self.case.equal


def read_cases(file: Path) -> list[AnswerCase]:
    """The cases of a JSON-lines file with the fields ``text`` or ``answer``, ``gold``, ``equal``, ``rule``, ``family``.

    Raises:
        AnswerError: the file cannot be read, has no cases, or one that is none.
    """
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise AnswerError(f"{file} cannot be read ({error}): give a file of JSON lines.") from error
    cases = [_case(line, f"{file}, line {number}") for number, line in enumerate(lines, 1) if line.strip()]
    if not cases:
        raise AnswerError(f"{file} holds no cases: give at least one.")
    return cases


def _case(line: str, place: str) -> AnswerCase:
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError):
        raise AnswerError(f"{place} is no JSON: write one object a line.") from None
    if not isinstance(fields, dict) or ("text" in fields) == ("answer" in fields):
        raise AnswerError(f"{place}: a case has either a text or an answer.")
    said = fields.get("text", fields.get("answer"))
    if not isinstance(said, str) or not isinstance(fields.get("gold"), str) or type(fields.get("equal")) is not bool:
        raise AnswerError(f"{place}: text or answer and gold are texts, and equal is true or false.")
    rule, family = fields.get("rule", "auto"), fields.get("family", "all")
    if not isinstance(rule, str) or not isinstance(family, str):
        raise AnswerError(f"{place}: rule and family are texts.")
    return AnswerCase(fields.get("text"), fields.get("answer"), fields["gold"], fields["equal"], rule, family)


def check(cases: Iterable[AnswerCase]) -> list[CheckedCase]:
    """Try both decisions on each of ``cases``.

    Raises:
        AnswerError: there is no such rule.
        TTSGymError: math-verify is not installed or does not start.
    """
    with Equivalence() as equivalence:
        return [_checked(case, equivalence) for case in cases]


def _checked(case: AnswerCase, equivalence: Equivalence) -> CheckedCase:
    with answer_reader(case.rule) as reader:
        answer = case.answer if case.text is None else reader.branch(case.text).answer
        gold = reader.gold(case.gold)
    return CheckedCase(case, answer, answer is not None and equivalence.same(answer, gold))


def summary(checked: Sequence[CheckedCase]) -> dict[str, Any]:
    """Counts over all cases, and by family in the order in which families appear.

    Returns:
        ``cases``, ``right``, ``false_merges`` (taken for the gold answer and is not), ``false_splits`` (is and was not
        taken for it), and ``families`` with the same counts for each.
    """
    families = dict.fromkeys(one.case.family for one in checked)
    return _counts(checked) | {
        "families": {name: _counts([one for one in checked if one.case.family == name]) for name in families}
    }


def _counts(checked: Sequence[CheckedCase]) -> dict[str, Any]:
    return {
        "cases": len(checked),
        "right": sum(one.is_right for one in checked),
        "false_merges": sum(one.equal and not one.case.equal for one in checked),
        "false_splits": sum(one.case.equal and not one.equal for one in checked),
    }
