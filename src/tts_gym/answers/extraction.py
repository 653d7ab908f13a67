r"""From a text that a model generated to its answer, in stages.

First the part of the text that answers (``sections``), then what marks the answer there (``markers``), the last mark
that stands, then the answer within the passage (``passages``). The rules are in ``presets``:

- ``auto``: a box, ``<answer>``, ``####``, a JSON field "answer", or a phrase such as "the final answer is", in any of a
  dozen languages.
- ``boxed``: the content of ``\boxed{...}`` alone, ``final-answer``: phrases alone.
- ``choice``: the letter of a multiple-choice question, as in "(B)", "B." or "answer: B".
- ``number``: the last number of the text.
- ``gsm8k``, ``math``, ``aime``, ``gpqa``, ``mmlu``: what fits a benchmark, its gold too.
- ``reasoning-gym:TASK``: as ``auto``, but an answer of several lines keeps them.

A rule of one's own is a regular expression, see ``pattern``. A whole trajectory is read from its end, as its last
answer counts. A probe is read from its start, as a model that was made to answer often goes on to other questions.
Every rule takes time proportional to the length of the text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from tts_gym.answers.choices import choice, letter
from tts_gym.answers.markers import ANSWER, BOX, FINAL, FOREIGN, RESULT, TOTAL, Marked, boxes, fields, phrases
from tts_gym.answers.passages import CORRECTION, LONGEST_PASSAGE, first_answer, tidy
from tts_gym.answers.presets import Rule, rule_named
from tts_gym.answers.reasoning import Marks
from tts_gym.answers.sections import AFTER_REASONING, OPEN_REASONING, WHOLE, answering_section

DIRECT = re.compile(r"(?:\bis|[:=])[\s*$]*\Z", re.IGNORECASE)
NUMBER = re.compile(r"(?<![\w.])[-+]?[$€£]?(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(?:\.[0-9]+)?(?:/[0-9]+)?(?!\w)")
INSTEAD = re.compile(r"\b(?:not|isn['’]t|no es) (?=[-$\\(]*[0-9])", re.IGNORECASE)
VALUE_FIRST = re.compile(r"[\s*$({\[:]*[-+]?[0-9\\]")
CALCULATION = re.compile(r"[0-9(][0-9.,()\s]*(?:[-+*/×·÷^]|\\times|\\cdot)[0-9.,()\s*/+×·÷^-]*[0-9)]")
LONGEST_BARE = 60
"""Characters of a last line that answers without a mark, after the reasoning."""

MOST_BARE_WORDS = 6


@dataclass(frozen=True)
class Extraction:
    """What was found of an answer in a text.

    Attributes:
        answer: the answer, as ``normalise.clean`` spells it; None where there is none, it is not closed, or it is no
            answer.
        marker: what marked it: "boxed", "answer tag", "####", "json", "final answer", "answer", "result", "letter",
            "verdict", "last number", "bare" for a text that is the answer, "suffix" for a probe that begins with it, or
            "pattern"; None where there is no answer.
        stage: which part of the text was read, see ``sections``.
    """

    answer: str | None
    marker: str | None = None
    stage: str = WHOLE


def extract(text: str, rule: str = "auto", marks: Marks | None = None) -> Extraction:
    """The last answer in the text of a whole trajectory.

    Args:
        text: what the model generated.
        rule: how answers are recognised.
        marks: what its reasoning begins and ends with beside all that is known.

    Raises:
        AnswerError: there is no such rule.
    """
    named = rule_named(rule)
    section = answering_section(text, marks)
    if section.stage == OPEN_REASONING:
        return Extraction(None, stage=section.stage)
    if named.markers == "letters":
        mark = choice(section.text, last=True) or _bare_letter(section.text)
        return Extraction(mark and mark.passage, mark and mark.marker, section.stage)
    answer, marker = _marked(section.text, named)
    if answer is None and marker is None and section.stage == AFTER_REASONING and named.markers == "all":
        answer, marker = _bare(section.text, named.lines), "bare"
    if answer is None and named.last_number:
        numbers = NUMBER.findall(section.text)
        answer, marker = (tidy(numbers[-1]), "last number") if numbers else (None, None)
    return Extraction(answer, marker if answer is not None else None, section.stage)


def extract_probe(suffix: str, continuation: str, rule: str = "auto", question: str = "") -> Extraction:
    r"""The answer that a model gave when it was made to.

    Args:
        suffix: what the model was made to say, such as ``"\nThe final answer is "`` or ``"\nSo it is \\boxed{"``.
            Where it ends with "is", ":" or "=", the continuation begins with the answer.
        continuation: what it generated then. Where the engine left out a string that it stopped at, such as ``}``, put
            it back first.
        rule: how answers are recognised.
        question: the question; a calculation that stands in it is no answer of the model's.

    Raises:
        AnswerError: there is no such rule.
    """
    named = rule_named(rule)
    found = _probed(suffix, continuation, named)
    if found.answer is not None and _is_echo(found.answer, question):
        return Extraction(None)
    return found


def _probed(suffix: str, continuation: str, rule: Rule) -> Extraction:
    text = suffix + continuation
    direct = DIRECT.search(suffix) is not None
    if rule.markers == "letters":
        found = letter(continuation) if direct or suffix.rstrip().endswith("(") else None
        mark = Marked("suffix", 0, found, True) if found else choice(continuation if direct else text, last=False)
        return Extraction(mark and mark.passage, mark and mark.marker)
    if direct and rule.markers != "boxed":
        answer, _ = first_answer(continuation, rule.lines)
        return Extraction(answer, "suffix" if answer is not None else None)
    box = next(boxes(text), None) if rule.markers != "phrases" else None
    if box is not None and (box.start < len(suffix) or re.search(BOX, suffix) is None):
        answer = tidy(box.passage, rule.lines)
        return Extraction(answer, box.marker if answer is not None else None)
    if rule.markers == "boxed":
        return Extraction(None)
    marks = sorted(_phrases(text), key=lambda mark: mark.start)
    answer = first_answer(marks[0].passage, rule.lines)[0] if marks else None
    return Extraction(answer, marks[0].marker if answer is not None else None)


def extract_gold(gold: str, rule: str = "auto") -> str:
    """The gold answer without its format: of "… #### 72" 72, of a worked solution what it boxes; else as it is.

    Args:
        gold: the gold answer as it is published.
        rule: how answers are recognised.

    Raises:
        AnswerError: there is no such rule.
    """
    named = rule_named(rule)
    if named.markers == "letters":
        if named.index_gold and gold.strip() in set("0123456789"):
            return "ABCDEFGHIJ"[int(gold)]
        found = letter(gold)
        return gold if found is None else found
    answer, _ = _marked(gold, Rule(lines=named.lines))
    return gold if answer is None else answer


def _marked(text: str, rule: Rule) -> tuple[str | None, str | None]:
    """The last answer with a mark that stands: a mark of a format, or "final answer", before other phrases."""
    strong: list[Marked] = [*boxes(text)] if rule.markers in {"all", "boxed"} else []
    if rule.markers == "all":
        strong += fields(text)
    spoken = list(_phrases(text)) if rule.markers in {"all", "phrases"} else []
    strong += [mark for mark in spoken if mark.marker == "final answer"]
    weak = [mark for mark in spoken if mark.marker != "final answer"]
    strong.sort(key=lambda mark: mark.start)
    weak.sort(key=lambda mark: (mark.marker != "result", mark.start))
    last = strong[-1].start if strong else -1
    later = [mark for mark in weak if mark.start > last and VALUE_FIRST.match(mark.passage)] if strong else []
    marker = None
    for mark in [*reversed(later), *reversed(strong), *reversed(weak)]:
        if mark.enclosed:
            answer, stands = tidy(mark.passage, rule.lines), True
        else:
            answer, stands = first_answer(mark.passage, rule.lines)
        marker = marker or mark.marker
        if answer is not None and stands:
            return answer, mark.marker
    closing = _closing(text) if marker is None and rule.markers in {"all", "phrases"} else None
    return (closing, "result") if closing is not None else (None, marker)


def _closing(text: str) -> str | None:
    """What the last line gives without a mark: a total, or a number in place of another."""
    line = text.rstrip().rpartition("\n")[2][-LONGEST_PASSAGE:]
    totals = [mark.passage for mark in phrases(line, TOTAL, "result", LONGEST_PASSAGE)]
    corrected = [line[match.start() :] for match in INSTEAD.finditer(line)]
    passages = [passage for passage in totals if VALUE_FIRST.match(passage) and len(passage) <= LONGEST_BARE]
    passages += [passage for passage in corrected if CORRECTION.match(passage)]
    return first_answer(passages[-1])[0] if passages else None


def _phrases(text: str) -> list[Marked]:
    patterns = ((FINAL, "final answer"), (ANSWER, "answer"), (FOREIGN, "answer"), (RESULT, "result"))
    return [mark for pattern, name in patterns for mark in phrases(text, pattern, name, LONGEST_PASSAGE)]


def _bare(text: str, keeps_lines: bool) -> str | None:
    """The answer of a text that is nothing else."""
    lines = [line for line in text.splitlines() if line.strip()]
    if keeps_lines and len(lines) > 1 and max(map(len, lines)) <= LONGEST_BARE:
        return tidy(text, lines=True)
    if len(lines) != 1 or len(lines[0]) > LONGEST_BARE or len(lines[0].split()) > MOST_BARE_WORDS:
        return None
    return first_answer(lines[0])[0]


def _bare_letter(text: str) -> Marked | None:
    found = letter(text) if len(text.strip()) <= LONGEST_BARE else None
    return Marked("bare", 0, found, True) if found else None


def _is_echo(answer: str, question: str) -> bool:
    """Whether ``answer`` is a calculation that stands in ``question``."""
    if not question or CALCULATION.fullmatch(answer) is None:
        return False
    return "".join(answer.split()) in "".join(question.split())
