"""Which part of a generated text answers: what comes after the reasoning, whatever marks the reasoning."""

from __future__ import annotations

import re
from functools import cache
from typing import NamedTuple

from tts_gym.answers.reasoning import RESPONSE, SOLUTION, STYLES, Marks

NAMES = r"think|thinking|thought|thoughts|reasoning|reason|analysis|scratchpad"
"""Tags that prompts ask for, beside the marks of models."""

CHANNEL = r"<\|channel\|>"
THOUGHT = rf"{CHANNEL}(?:analysis|commentary)(?:<\|message\|>)?"
BETWEEN = re.compile(rf"<\|end\|>(?:<\|start\|>assistant)?(?:{THOUGHT})?")
"""What stands between two messages of a reasoning in channels."""

TURN_END = re.compile(
    r"<\|(?:end|return|start|im_end|eot_id|endoftext|end_of_text|end_of_solution|END_RESPONSE)\|>|<eos>|</s>"
)
ANSWER_START = re.compile(f"{re.escape(SOLUTION)}|{re.escape(RESPONSE)}")
BARE_ANALYSIS = re.compile(r"\s*analysis(?=[A-Z\\…])")
"""How a reasoning channel begins where the marks of channels were dropped from the text."""

BARE_FINAL = re.compile(r"assistant\s?final|(?<=[.!?\s])final(?=[A-Z])")

WHOLE, AFTER_REASONING, OPEN_REASONING = "whole text", "after reasoning", "open reasoning"


class Section(NamedTuple):
    """The part of a text that answers.

    Attributes:
        text: the part; the whole text where the reasoning never ends.
        stage: ``WHOLE`` where nothing marks reasoning, ``AFTER_REASONING``, or ``OPEN_REASONING``, which holds no final
            answer.
    """

    text: str
    stage: str


@cache
def patterns(marks: Marks | None = None) -> tuple[re.Pattern[str], re.Pattern[str]]:
    """What reasoning begins with, and what it ends with.

    Args:
        marks: what it begins and ends with beside all that is known.
    """
    known = [(style.opening, style.ending) for style in STYLES] + ([marks] if marks else [])
    openings, endings = ([re.escape(text) for text in texts] for texts in zip(*known, strict=True))
    openings += [rf"<(?:{NAMES})>", THOUGHT]
    endings += [rf"</(?:{NAMES})>", rf"{CHANNEL}final"]
    return re.compile("|".join(openings), re.IGNORECASE), re.compile("|".join(endings), re.IGNORECASE)


def answering_section(text: str, marks: Marks | None = None) -> Section:
    """The part of a text after its last closed section of reasoning, whose opening may have been in the prompt.

    Args:
        text: what the model wrote.
        marks: what its reasoning begins and ends with beside all that is known.
    """
    opened, closed = (_last_end(pattern, text) for pattern in patterns(marks))
    if closed < 0:
        begun = text[max(opened, 0) :]
        if BARE_ANALYSIS.match(begun) or (begun.lstrip().startswith("analysis") and "assistantfinal" in begun):
            opened, closed = max(opened, 0), _last_end(BARE_FINAL, text)
    if opened > closed:
        return Section(text, OPEN_REASONING)
    if closed < 0:
        return Section(text, WHOLE)
    part = text[max(closed, _last_end(ANSWER_START, text)) :]
    end = TURN_END.search(part)
    return Section(part[: end.start()] if end else part, AFTER_REASONING)


def _last_end(pattern: re.Pattern[str], text: str) -> int:
    """Where the last match ends, -1 where there is none."""
    end = -1
    for match in pattern.finditer(text):
        end = match.end()
    return end
