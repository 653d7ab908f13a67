"""What a gold answer shows of the answers to its question."""

from __future__ import annotations

from dataclasses import dataclass

from tts_gym.answers.units import Unit


@dataclass(frozen=True)
class Asked:
    """What a gold answer shows of the answers to its question.

    Attributes:
        kind: "words", "choice", "object" of JSON, "equation", "ratio", "calculation" where it is not worked out, as the
            way is what is asked for, or "value" for all else.
        unit: its unit.
        base: the base that it names behind its digits.
        prefix: the base that it names before its digits, such as "0x".
        name: what it gives a value to, as x in "x = 5".
        share: whether it is a number between 0 and 1, so that 30 % is 0.3 and not 30.
        brackets: what encloses it, where it is a list.
        is_decimal: whether it is a number with a decimal point.
        names_half: whether it says which half of the day it means; None where it is no time on a clock.
    """

    kind: str = "value"
    unit: Unit | None = None
    base: int | None = None
    prefix: str = ""
    name: str | None = None
    share: bool = False
    brackets: str | None = None
    is_decimal: bool = False
    names_half: bool | None = None


NOTHING = Asked()
