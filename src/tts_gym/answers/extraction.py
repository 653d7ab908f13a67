r"""From a text that a model generated to its answer, or None where the text has none.

The rules, by name:

- ``boxed``: the content of ``\boxed{...}``, braces balanced.
- ``final-answer``: what follows "the final answer is", "the answer is", "Answer:" and the like, up to the end of the
  sentence. Of a calculation such as "3 + 3 = 6" only the result counts.
- ``choice``: the letter of a multiple-choice question, as in "(B)", "B." or "answer: B".
- ``auto``: ``boxed``, and ``final-answer`` where there is no box.

A rule of one's own is a regular expression: ``PatternSearch``. A whole trajectory is read from its end, as its last
answer counts. A probe is read from its start, as a model that was made to answer often goes on to other questions.
Every rule takes time proportional to the length of the text.
"""

from __future__ import annotations

import re
from contextlib import AbstractContextManager
from typing import Literal

from tts_gym.answers.wording import LONGEST_ANSWER, TEXT_COMMAND, clean
from tts_gym.answers.worker import Worker, WorkerError
from tts_gym.errors import TTSGymError

Rule = Literal["auto", "boxed", "final-answer", "choice"]

LONGEST_PASSAGE = 4 * LONGEST_ANSWER
"""Characters after a phrase, or in a box, that are looked at."""

LONGEST_SEARCHED = 100_000
"""Characters at the end of a text in which a pattern of the user's is searched."""

BOX = r"\\(?:boxed|fbox) ?\{"
BRACES = re.compile(rf"(?P<box>{BOX})|\\.|\{{|\}}", re.DOTALL)
FINAL_ANSWER = re.compile(
    r"\bfinal\s{1,3}answer(?:\s(?:to|of|for)\s[^.:\n]{1,40}?)?(?:[*_\s]{0,4}(?:\bis\b|[:=])|[*_ ]{0,4}\n)",
    re.IGNORECASE,
)
ANSWER = re.compile(
    r"\banswer(?:\s(?:to|of|for)\s[^.:\n]{1,40}?)?[*_\s]{0,4}(?:\bis\b|[:=])",
    re.IGNORECASE,
)
DIRECT = re.compile(r"(?:\bis|[:=])[\s*$]*\Z", re.IGNORECASE)
BOX_FIRST = re.compile(rf"(?:\$+|\\[(\[])?\s*{BOX}")
DISPLAY = re.compile(r"\$\$(.+?)\$\$|\\\[(.+?)\\\]", re.DOTALL)
SENTENCE_END = re.compile(r"[.?](?=\s|\Z)|\n|(?<=\$),(?= [a-zA-Z])")
DOLLAR = re.compile(r"(?<!\\)\$")
WRAPPERS = (("\\(", "\\)"), ("\\[", "\\]"), ("**", "**"), ("`", "`"))
EQUALS = re.compile(r"(?<![<>!=:\\])=(?!=)")
OPERATORS = re.compile(r"\\(?:times|cdot|div|[dt]?frac|sqrt|left|right|pm|quad)(?![a-zA-Z])")
LETTER = re.compile(
    r"(?:(?:option|choice|letter)\s+)?[*(\[{]*([A-J])(?:[*)\]}]*(?:[.:,)]|\Z)|[)\]}*]+|(?=\s))", re.IGNORECASE
)
ENCLOSED_LETTER = re.compile(r"\(([A-J])\)")
LETTER_LINE = re.compile(r"^[ \t*]*([A-J])(?:[.):*]|[ \t]*$)", re.MULTILINE)


def extract_answer(text: str, rule: Rule = "auto") -> str | None:
    """The last answer in the text of a whole trajectory.

    Args:
        text: what the model generated.
        rule: how answers are recognised.

    Returns:
        The answer as ``wording.clean`` spells it, or None: there is none, it is not closed, or it is no answer.
    """
    if rule == "choice":
        return _choice(text, last=True)
    box = _boxed(text, last=True) if rule != "final-answer" else None
    return _tidy(box if box is not None or rule == "boxed" else _after_phrase(text, last=True))


def extract_probe(suffix: str, continuation: str, rule: Rule = "auto") -> str | None:
    r"""The answer that a model gave when it was made to.

    Args:
        suffix: what the model was made to say, such as ``"\nThe final answer is "`` or ``"\nSo it is \\boxed{"``.
            Where it ends with "is", ":" or "=", the continuation begins with the answer.
        continuation: what it generated then. Where the engine left out a string that it stopped at, such as ``}``, put
            it back first.
        rule: how answers are recognised.

    Returns:
        As ``extract_answer``, but of the first answer.
    """
    text = suffix + continuation
    if rule == "choice":
        return _choice(continuation if DIRECT.search(suffix) else text, last=False)
    if DIRECT.search(suffix) and rule != "boxed":
        return _tidy(_passage(continuation))
    box = _boxed(text, last=False) if rule != "final-answer" else None
    phrase = _after_phrase(text, last=False) if rule != "boxed" else None
    return _tidy(phrase if box is None else box)


def _boxed(text: str, last: bool) -> str | None:
    """The content of the last box that is closed, or of the first one; a box in a box belongs to the outer one."""
    content = None
    starts: list[int | None] = []
    open_boxes = 0
    for match in BRACES.finditer(text):
        if match["box"]:
            starts.append(match.end())
            open_boxes += 1
        elif match[0] == "{":
            starts.append(None)
        elif match[0] == "}" and starts:
            start = starts.pop()
            open_boxes -= start is not None
            if start is not None and (last or not open_boxes):
                content = text[start : match.start()]
                if not last:
                    break
    return content


def _after_phrase(text: str, last: bool) -> str | None:
    """What follows the last "final answer is", or the last "answer is" where there is none; or the first of both."""
    final, plain = ([match.end() for match in pattern.finditer(text)] for pattern in (FINAL_ANSWER, ANSWER))
    ends = (final or plain)[-1:] if last else sorted(final[:1] + plain[:1])
    return _passage(text[ends[0] :]) if ends else None


def _passage(text: str) -> str | None:
    """The first box or formula in display style if ``text`` begins with one, else the first sentence."""
    text = text[:LONGEST_PASSAGE].lstrip(": *_\t\r\n")
    if BOX_FIRST.match(text):
        return _boxed(text, last=False)
    if display := DISPLAY.match(text):
        return display[1] or display[2]
    end = SENTENCE_END.search(text)
    return text[: end.start()] if end else text


def _tidy(answer: str | None) -> str | None:
    """The answer without what is wrapped around it, and of a calculation its result."""
    if answer is None or len(answer) > LONGEST_PASSAGE:
        return None
    previous = None
    while answer != previous:
        previous = answer
        answer = DOLLAR.sub("", answer).strip().rstrip(".,;:").strip("*").strip()
        for opening, closing in WRAPPERS:
            if answer.startswith(opening) and answer.endswith(closing):
                answer = answer[len(opening) : len(answer) - len(closing)]
        if BOX_FIRST.match(answer) and answer.endswith("}"):
            answer = _boxed(answer, last=True) or ""
    if re.search(BOX, answer):
        return None
    return clean(_result(answer))


def _result(answer: str) -> str:
    *left, right = EQUALS.split(answer)
    calculation = OPERATORS.sub("", "".join(left))
    digits = any(char.isdigit() for char in calculation)
    return right if digits and not any(char.isalpha() for char in calculation) else answer


def _choice(text: str, last: bool) -> str | None:
    """The letter after a phrase, in a box, in parentheses, or at the start of a line: the first of these there is."""
    for passage in (_after_phrase(text, last), _boxed(text, last), None if last else _passage(text)):
        letter = _letter(passage)
        if letter:
            return letter
    for pattern in (ENCLOSED_LETTER, LETTER_LINE):
        letters: list[str] = pattern.findall(text)
        if letters:
            return letters[-1 if last else 0]
    return None


def _letter(passage: str | None) -> str | None:
    """The letter that a passage begins with, unless it is the article or the pronoun before another word."""
    if passage is None or len(passage) > LONGEST_PASSAGE:
        return None
    passage = TEXT_COMMAND.sub(r"\1", passage).strip().strip("$").strip()
    match = LETTER.match(passage)
    if match is None:
        return None
    a_word = match[0][-1:].isalpha() and match.end() < len(passage) and (match[1].islower() or match[1] in "AI")
    return None if a_word else match[1].upper()


class PatternSearch(AbstractContextManager["PatternSearch"]):
    """Finds answers with a regular expression of the user's, in a process that is killed if it takes too long.

    Use it as a context manager, from one thread at a time.

    Attributes:
        timeouts: texts that took too long; they have no answer.
    """

    def __init__(self, pattern: str, seconds: float = 1.0) -> None:
        """Check the pattern.

        Args:
            pattern: in the syntax of ``re``; its first group is the answer, or all of it if it has no group.
            seconds: how long the search in one text may take.

        Raises:
            TTSGymError: it is not a regular expression.
        """
        try:
            re.compile(pattern)
        except (re.error, RecursionError, OverflowError) as error:
            raise TTSGymError(f"The pattern {pattern!r} is not a regular expression ({error}): correct it.") from error
        self.timeouts = 0
        self._pattern = pattern
        self._seconds = seconds
        self._worker = Worker("search", "", "")

    def __exit__(self, *_: object) -> None:
        """Close."""
        self.close()

    def close(self) -> None:
        """End the process."""
        self._worker.close()

    def __call__(self, text: str) -> str | None:
        """The answer in the last match in the last ``LONGEST_SEARCHED`` characters of ``text``."""
        try:
            found: str | None = self._worker.ask(
                "search", self._pattern, text[-LONGEST_SEARCHED:], seconds=self._seconds
            )
        except WorkerError:
            self.timeouts += 1
            return None
        return _tidy(found)
