"""From a passage that holds an answer to the answer: without what is wrapped around it, said before it or after it."""

from __future__ import annotations

import re

from tts_gym.answers.markers import BOX, boxes
from tts_gym.answers.normalise import LONGEST_ANSWER, clean, clean_lines

LONGEST_PASSAGE = 4 * LONGEST_ANSWER
"""Characters after a phrase, or in a box, that are looked at."""

BOX_FIRST = re.compile(rf"(?:\$+|\\[(\[])?\s*{BOX}")
DISPLAY = re.compile(r"\$\$(.+?)\$\$|\\\[(.+?)\\\]", re.DOTALL)
FENCE = re.compile(r"```[a-z]*\n(.*?)\n?```|`([^`\n]+)`", re.DOTALL)
BLOCK = re.compile(r"[*_: ]*\n\s*?((?!\s*(?:```|\$\$|\\))(?:[^\n]*\S[^\n]*(?:\n|\Z)){2,})")
"""Lines that begin below a phrase and go on to the next empty one."""

INLINE = re.compile(r"(?:\$([^$\n]+)\$|\\\((.+?)\\\))")
SENTENCE_END = re.compile(
    r"[.?](?=[\s*_\"')\]]*(?:\s|\Z))|[。！？]|\n|(?<=\$),(?= [a-zA-Z])"
    r"|(?<=[0-9a-zA-Z}]),(?= (?!and |or )[a-z]{3,} ?)|,(?= (?:the|an?|which|who|where|as|so) )"
    r"|;(?= [a-z])| [—–](?= )| and(?= (?:we|that|this|it|I|so) )"
    r"|(?=</(?!(?:b|i|sup|sub)>)[a-z])"
)
ARTICLE = re.compile(r" (?:the|an?|which|who|where|as|so) ")
FORMULA_COMMA = re.compile(r"[0-9][^,]*,|\A[A-J],|\A[*$( ]*[A-J][)*$. ]*,")
BEFORE = re.compile(
    r"(?:\s*\n\s*[-•] +(?=\S)"
    r"|(?:therefore|thus|hence|then|so|simply|just|indeed|now|again|actually|given by|equal to|option|that|:)"
    r"[,:]? +|[,>:：*_\s]+)",
    re.IGNORECASE,
)
CORRECTION = re.compile(
    r"(?:(?:it )?(?:isn['’]t|is not|not) (?:just )?(?:[^.,;\n]|[.,](?=[0-9])){1,80}?"
    r"(?:,? but (?:rather |instead )?|[,;] (?:it['’]s|it is) )|no es (?:[^.,;\n]|[.,](?=[0-9])){1,80}?,? sino )(.+)",
    re.IGNORECASE | re.DOTALL,
)
ASIDE = re.compile(r"(?<=[^\s(]) +\([^()]*[a-zA-Z]{3,}[^()]*\)\Z")
REASON = re.compile(
    r"(?:,? (?:because|since|which|as (?:the|we|it|there)|when|after|so that|in total|altogether)\b.*)\Z", re.DOTALL
)
ENDLESS = re.compile(r"\.[0-9]+(?:\.{3}|…)\Z")
UNDERLINED = re.compile(r"(?<=[0-9])__\Z")
DOLLAR = re.compile(r"(?<!\\)\$")
COPULA = re.compile(r"(?<=[^\sa-zA-Z])(?:です|だ|となります|입니다|이다|이에요|예요)\Z")
"""What ends a sentence with "is" in languages that put it there."""

WRAPPERS = (("\\(", "\\)"), ("\\[", "\\]"), ("**", "**"), ("`", "`"), ("<b>", "</b>"))
QUOTES = (('"', '"'), ("“", "”"))
EQUALS = re.compile(r"(?<![<>!=:\\])=(?!=)")
OPERATORS = re.compile(r"\\(?:times|cdot|div|[dt]?frac|sqrt|left|right|pm|quad)(?![a-zA-Z])")


def first_answer(text: str, lines: bool = False) -> tuple[str | None, bool]:
    """The answer that a passage begins with, and whether it stands: "3? No" is taken back.

    Args:
        text: the passage.
        lines: whether an answer keeps its lines.
    """
    if lines and (block := BLOCK.match(text[:LONGEST_PASSAGE])):
        return clean_lines(block[1]), True
    text = _without_preface(text[:LONGEST_PASSAGE])
    if first := BOX_FIRST.match(text):
        box = next(boxes(text), None)
        return (tidy(box.passage, lines) if box and box.start < first.end() else None), True
    if fence := FENCE.match(text):
        return tidy(fence[1] or fence[2], lines), True
    if display := DISPLAY.match(text):
        return tidy(display[1] or display[2]), True
    if correction := CORRECTION.match(text):
        return first_answer(correction[1], lines)
    end = _end(text)
    passage = text if end is None else text[: end.start()]
    passage = REASON.sub("", ASIDE.sub("", passage)) or passage
    return tidy(passage, lines), end is None or end[0] not in {"?", "？"}


def _end(text: str) -> re.Match[str] | None:
    """Where the first sentence ends; a comma ends it after a number or a letter only."""
    for end in SENTENCE_END.finditer(text):
        if (
            end[0] != ","
            or text[end.start() - 1] == "$"
            or ARTICLE.match(text, end.end())
            or FORMULA_COMMA.match(text[: end.end()])
        ):
            return end
    return None


def _without_preface(text: str) -> str:
    place = 0
    while (match := BEFORE.match(text, place)) is not None and match.end() > place:
        place = match.end()
    return text[place:]


def tidy(answer: str | None, lines: bool = False) -> str | None:
    """The answer without what is wrapped around it, and of a calculation its result; None where it is no answer.

    Args:
        answer: the passage that is the answer.
        lines: whether it keeps its lines, and with them its quotes and punctuation, which a scorer may look for; where
            there are several, nothing but a fence is taken from around them.
    """
    if answer is None or len(answer) > LONGEST_PASSAGE:
        return None
    if lines and "\n" in answer.strip():
        fence = FENCE.fullmatch(answer.strip())
        return clean_lines(fence[1] or fence[2] if fence else answer)
    previous = None
    while answer != previous:
        previous = answer
        answer = COPULA.sub("", DOLLAR.sub("", answer).strip())
        if not lines and not ENDLESS.search(answer):
            answer = answer.rstrip(".,:" if answer.endswith("\\;") else ".,;:")
        if not lines:
            answer = UNDERLINED.sub("", answer.strip("*")).strip()
        for opening, closing in WRAPPERS if lines else (*WRAPPERS, *QUOTES):
            if answer.startswith(opening) and answer.endswith(closing) and len(answer) >= len(opening + closing):
                answer = answer[len(opening) : len(answer) - len(closing)]
        if BOX_FIRST.match(answer) and answer.endswith("}"):
            box = next(boxes(answer), None)
            answer = box.passage if box else ""
    if re.search(BOX, answer):
        return None
    return (clean_lines if lines else clean)(_result(answer))


def _result(answer: str) -> str:
    *left, right = EQUALS.split(answer)
    calculation = OPERATORS.sub("", "".join(left))
    digits = any(char.isdigit() for char in calculation)
    return right if digits and not any(char.isalpha() for char in calculation) else answer
