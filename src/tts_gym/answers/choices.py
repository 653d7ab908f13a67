"""The letter of a multiple-choice question."""

from __future__ import annotations

import re

from tts_gym.answers.markers import ANSWER, FINAL, FOREIGN, OPTION, Marked, boxes, fields, phrases
from tts_gym.answers.normalise import TEXT_COMMAND
from tts_gym.answers.passages import CORRECTION, LONGEST_PASSAGE

OTHER_LETTERS = str.maketrans("أاঅبবجডدঢＡＢＣＤＥＦＧＨＩＪ", "AAABBCCDDABCDEFGHIJ")
"""How the letters of choices are written in Arabic and Bengali, and in full width."""

PICK = re.compile(
    r"(?<!if )\b(?:let me|let['’]s|(?:i|we)(?:['’]ll|['’]d| will| would)?) (?:go with|choose|pick|select)\b",
    re.IGNORECASE,
)
PHRASES = (FINAL, ANSWER, OPTION, FOREIGN, PICK)
LETTER = re.compile(
    r"(?:(?:(?:most likely|probably) )?(?:the )?(?:option|choice|letter|answer)?[\s:：]*)?[*_(\[{\"'`$ ]*([A-J])"
    r"(?:[*_)\]}\"'`$]*(?:[.:,)。、]|\Z)|[)\]}*$]+|(?=\s))",
    re.IGNORECASE,
)
FOREIGN_LETTER = re.compile(rf"\A[\s:：(*]*[{'أاঅبবجডدঢＡ-Ｊ'}](?!\w)")
REJECTED = re.compile(
    r"[\s)\]]*(?:is|are|was|seems|looks)?\s*(?:not\b|incorrect|wrong|false|out\b|ruled out)", re.IGNORECASE
)
REASON = re.compile(r"\s(?:because|since|as it|as the)\b")
VERDICT = re.compile(
    r"(?:\(([A-J])\)|\b(?:option|choice|statement|so|hence|thus) \(?([A-J])\)?)\s+(?:(?:is|seems|must be)\s+)?"
    r"(?:the\s+)?(?:correct|right|true|best|holds|works|fits)\b",
    re.IGNORECASE,
)
ENCLOSED = re.compile(r"\(([A-J])\)")
NAMED = re.compile(r"\b(?:option|choice) ([A-J])\b")
LINE = re.compile(r"^[ \t*]*([A-J])(?:[.):*]|[ \t]*$)", re.MULTILINE)


def choice(text: str, last: bool) -> Marked | None:
    """The letter that ``text`` chooses, as the passage of a mark.

    Args:
        text: what the model said.
        last: whether the last choice counts, as of a whole text, or the first, as of a probe.
    """
    marks = [
        *boxes(text),
        *fields(text),
        *(mark for pattern in PHRASES for mark in phrases(text, pattern, "answer", LONGEST_PASSAGE)),
    ]
    marks.sort(key=lambda mark: mark.start, reverse=last)
    for mark in marks:
        found = letter(mark.passage)
        if found is not None:
            return mark._replace(passage=found)
    verdicts = [match[1] or match[2] for match in VERDICT.finditer(text)]
    if len(set(verdicts)) == 1:
        return Marked("verdict", 0, verdicts[0].upper(), True)
    for pattern in (ENCLOSED, NAMED, LINE):
        letters: list[str] = pattern.findall(text)
        if letters:
            return Marked("letter", 0, letters[-1 if last else 0], True)
    return None


def letter(passage: str) -> str | None:
    """The letter that a passage begins with, unless it is the article or pronoun before another word, or rejected."""
    if correction := CORRECTION.match(passage.lstrip()):
        return letter(correction[1])
    passage = FOREIGN_LETTER.sub(lambda match: match[0].translate(OTHER_LETTERS), passage[:LONGEST_PASSAGE])
    passage = TEXT_COMMAND.sub(r"\1", passage).strip(" \n\t:：*_>").strip("$").strip()
    match = LETTER.match(passage)
    if match is None or REJECTED.match(passage, match.end()):
        return None
    if REASON.match(passage, match.end()):
        return match[1].upper()
    a_word = match[0][-1:].isalpha() and match.end() < len(passage) and (match[1].islower() or match[1] in "AI")
    return None if a_word else match[1].upper()
