r"""What marks an answer in a text: a box, a tag, ``####``, a JSON field, or a phrase such as "the final answer is"."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

BOX = r"\\{1,2}(?:boxed|fbox|framebox) ?\{"
BRACES = re.compile(rf"(?P<box>{BOX})|\\.|\{{|\}}", re.DOTALL)
BARE_BOX = re.compile(r"\\boxed ?([0-9]+|[a-zA-Z](?![a-zA-Z])|\\[dt]?frac ?\{[^{}]*\} ?\{[^{}]*\})")
REMARK = re.compile(r"\W*(?:note|remark|hint)\b", re.IGNORECASE)
RETRACTED = re.compile(r"[\s$*)\]\\]*\?\s+(?:no|not|wait|hmm+|hold|actually|but|let)\b", re.IGNORECASE)
TAG = re.compile(
    r"<(?:final_)?answer>(.*?)(?:</(?:final_)?answer>|<(?=(?:final_)?answer>)|\Z)", re.DOTALL | re.IGNORECASE
)
HASH = re.compile(r"^#### ?(?=[-+$€£\d\\.(])(.+)$", re.MULTILINE)
FIELD = re.compile(
    r'["\'](?:final[_ ]?)?answer["\'] ?: ?(?:"((?:[^"\\]|\\.)*)"|\'([^\']*)\'|(\[[^\]]*\]|[^\s,}\]]+))', re.IGNORECASE
)

LINK = (
    r"(?:\b(?:is|are|equals|be|becomes|comes (?:out )?to|turns out to be|(?:would|should|must|will|has to) be)\b"
    r"(?!\s(?:not\s)?(?:correct|wrong|incorrect|clear|unclear|unique|right)\b)|[:=：]|→|->|[–—-](?=\s)"
    r"|(?=\bisn['’]t\s[^.\n]{1,80}?(?:[,;] it['’]s| but)\s))"
)
TOPIC = r"(?:\s(?:to|of|for|here)(?:\s[^.:：\n]{1,60}?)?)?"
ADVERB = r"(?:[,\s]{1,2}(?:therefore|thus|hence|then|so|simply|just|indeed|finally|now|ultimately))?"
FINAL = re.compile(
    rf"\bfinal\s{{1,3}}(?:answer|result){TOPIC}(?:[*_\s]{{0,4}}{ADVERB}[*_\s]{{0,4}}{LINK}|[*_ ]{{0,4}}\n)",
    re.IGNORECASE,
)
ANSWER = re.compile(
    rf"(?<!final )\b(?:answer|ans\b\.?){TOPIC}[*_\s]{{0,4}}{ADVERB}[*_\s]{{0,4}}{LINK}"
    r"|^[#* ]{1,8}answer[* ]{0,4}\n|\bans\.\s(?=[-0-9$\\])",
    re.IGNORECASE | re.MULTILINE,
)
OPTION = re.compile(
    rf"\b(?:(?:correct|right|best|true)\s(?:answer\s)?|(?:my|our|final)\s)(?:option|choice|statement|letter|selection)"
    rf"[*_\s]{{0,4}}{LINK}",
    re.IGNORECASE,
)
TOTAL = re.compile(rf"\bthe total(?:\s[^.:\n]{{1,60}}?)??\s{LINK}", re.IGNORECASE)
RESULT = re.compile(r"^\W{0,4}(?:result|solution|output)\W{0,3}[:=]", re.IGNORECASE | re.MULTILINE)
FOREIGN = re.compile(
    r"(?:(?:最终|正确|所以|因此)?答案(?:应该)?(?:是|为|选)?|正确选项(?:应该)?(?:是|为)?|答え(?:は|が)?|[解回]答|答复|(?:故|应|所以|因此)选(?:择)?|(?:정답|답변|답)(?:은|는)?"
    r"|الإجابة(?: النهائية)?(?: هي)?|الجواب(?: هو)?|إجابة|উত্তর(?: হল|ঃ)?|คำตอบ(?:คือ)?|సమాధానం"
    r"|\b(?:(?:la )?respuesta(?: final| correcta)?(?: es)?|(?:die )?(?:richtige )?antwort(?: ist| lautet)?"
    r"|(?:la )?réponse(?: finale| correcte)?(?: est)?|(?:a )?resposta(?: final| correta)?(?: é)?"
    r"|(?:la )?risposta(?: finale| corretta)?(?: è)?|(?:het )?antwoord(?: is)?|odpowiedź|odpověď|cevap|yanıt|svar"
    r"|vastaus|válasz|răspuns(?:ul)?|(?:đáp án|câu trả lời)(?: là)?|jibu(?: ni)?|[iì]d[aá]h[uù]n"
    r"|jawaban(?:nya)?(?: adalah)?|απάντηση|תשובה|ответ(?:ом)?"
    r"|відповідь|उत्तर|जवाब))[*_ ]{0,4}(?:[:：=]|(?<=是)|(?<=选)|(?<=为)|(?<=は)|(?<=은)|(?<=는)|(?<= es)|(?<= ist)"
    r"|(?<=lautet)|(?<= est)|(?<= é)|(?<= è)|(?<= is)|(?<= là)|(?<= ni)|(?<=คือ)|(?<=ঃ)|(?<= হল)|(?<=adalah)"
    r"|(?=\bno es [^.\n]{1,80}? sino ))",
    re.IGNORECASE,
)
"""Phrases for "the answer is" in other languages."""


class Marked(NamedTuple):
    """A place where a text marks an answer.

    Attributes:
        marker: what marks it.
        start: where the mark begins.
        passage: the text that the answer is in: all of a box, a tag or a field, and what follows a phrase.
        enclosed: whether the passage ends where the answer does.
    """

    marker: str
    start: int
    passage: str
    enclosed: bool


def boxes(text: str) -> Iterator[Marked]:
    """The contents of the boxes that are closed and not empty, in order; a box in a box belongs to the outer one."""
    found: list[Marked] = []
    starts: list[tuple[int, int] | None] = []
    open_boxes = 0
    for match in BRACES.finditer(text):
        if match["box"]:
            starts.append((match.start(), match.end()))
            open_boxes += 1
        elif match[0] == "{":
            starts.append(None)
        elif match[0] == "}" and starts:
            span = starts.pop()
            if span is None:
                continue
            open_boxes -= 1
            while found and found[-1].start > span[0]:
                found.pop()
            content = text[span[1] : match.start()]
            if content.strip() and not RETRACTED.match(text, match.end()):
                found.append(Marked("boxed", span[0], content, True))
    found += [Marked("boxed", match.start(), match[1], True) for match in BARE_BOX.finditer(text)]
    return iter(sorted(found, key=lambda marked: marked.start))


def fields(text: str) -> Iterator[Marked]:
    """The contents of answer tags, ``####`` lines and JSON fields."""
    for match in TAG.finditer(text):
        if match[1].strip():
            yield Marked("answer tag", match.start(), match[1], True)
    for match in HASH.finditer(text):
        yield Marked("####", match.start(), match[1], True)
    for match in FIELD.finditer(text):
        content = match[1] or match[2] or match[3] or ""
        if content.strip():
            yield Marked("json", match.start(), content, True)


def phrases(text: str, pattern: re.Pattern[str], marker: str, longest: int) -> Iterator[Marked]:
    """What follows the matches of ``pattern``, ``longest`` characters at most; none in brackets or notes counts.

    Args:
        text: what is searched.
        pattern: of phrases such as ``FINAL``.
        marker: what such a mark is called.
        longest: characters of a passage, and of the line before a mark that is looked at.
    """
    for match in pattern.finditer(text):
        line = text[max(text.rfind("\n", 0, match.start()) + 1, match.start() - longest) : match.start()]
        if line.count("(") <= line.count(")") and not REMARK.match(line):
            yield Marked(marker, match.start(), text[match.end() : match.end() + longest], False)
