"""The rules by which answers are recognised, by name: general ones, and those of benchmarks, which fit gold too."""

from __future__ import annotations

from dataclasses import dataclass

from tts_gym.answers.errors import AnswerError

PATTERN = "regex:"
REASONING_GYM = "reasoning-gym:"


@dataclass(frozen=True)
class Rule:
    """How answers are recognised.

    Attributes:
        markers: which marks count: "all", "boxed", "phrases", "letters", or "none".
        last_number: whether the last number of the text answers where no mark does.
        index_gold: whether the gold answer may be the index of a choice, counted from 0.
        lines: whether an answer keeps its lines and the white space in them, as a board needs.
    """

    markers: str = "all"
    last_number: bool = False
    index_gold: bool = False
    lines: bool = False


RULES = {
    "auto": Rule(),
    "boxed": Rule("boxed"),
    "final-answer": Rule("phrases"),
    "choice": Rule("letters"),
    "number": Rule("none", last_number=True),
    "gsm8k": Rule(last_number=True),
    "math": Rule(),
    "aime": Rule(),
    "gpqa": Rule("letters"),
    "mmlu": Rule("letters", index_gold=True),
}


def rule_named(name: str) -> Rule:
    """The rule called ``name``.

    Raises:
        AnswerError: there is none.
    """
    if name.startswith(REASONING_GYM):
        return Rule(lines=True)
    if name not in RULES:
        known = ", ".join([*RULES, f"{REASONING_GYM}TASK", f"{PATTERN}…"])
        raise AnswerError(f"There is no rule {name!r} for answers: use one of {known}.")
    return RULES[name]
