"""Which part of a generated text answers: what comes after the reasoning, whatever marks the reasoning."""

from __future__ import annotations

import re
from typing import NamedTuple

NAMES = r"think|thinking|thought|thoughts|reasoning|reason|analysis|scratchpad|seed:think"
OPENING = re.compile(
    rf"<(?:{NAMES})>|◁think▷|\[THINK\]|<\|begin_of_thought\|>|<\|START_THINKING\|>|<\|channel\|>(?:analysis|commentary)",
    re.IGNORECASE,
)
CLOSING = re.compile(
    rf"</(?:{NAMES})>|◁/think▷|\[/THINK\]|<\|end_of_thought\|>|<\|END_THINKING\|>|<\|channel\|>final(?:<\|message\|>)?",
    re.IGNORECASE,
)
TURN_END = re.compile(r"<\|(?:end|return|start|im_end|eot_id|endoftext|end_of_text|end_of_solution)\|>|<eos>|</s>")
SOLUTION = re.compile(r"<\|begin_of_solution\|>|<\|START_RESPONSE\|>")
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


def answering_section(text: str) -> Section:
    """The part of ``text`` after its last closed section of reasoning, whose opening may have been in the prompt."""
    opened = _last_end(OPENING, text)
    closed = _last_end(CLOSING, text)
    unmarked = text.lstrip().startswith("analysis") and "assistantfinal" in text
    if opened < 0 and closed < 0 and (unmarked or BARE_ANALYSIS.match(text)):
        closed = _last_end(BARE_FINAL, text)
        opened = 0
    if opened > closed:
        return Section(text, OPEN_REASONING)
    if closed < 0:
        return Section(text, WHOLE)
    part = text[max(closed, _last_end(SOLUTION, text)) :]
    end = TURN_END.search(part)
    return Section(part[: end.start()] if end else part, AFTER_REASONING)


def _last_end(pattern: re.Pattern[str], text: str) -> int:
    """Where the last match ends, -1 where there is none."""
    end = -1
    for match in pattern.finditer(text):
        end = match.end()
    return end
