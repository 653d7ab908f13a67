"""What a candidate may use in its jail, and what came of it there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pandas as pd

from tts_gym.errors import TTSGymError
from tts_gym.sandbox.candidate import Candidate
from tts_gym.sandbox.isolation import lacking, may_run


@dataclass(frozen=True)
class Limits:
    """What a candidate may use.

    Attributes:
        seconds: by the clock, from the moment the jail is shut; compiling counts. A class, which waits for replies, has
            more for each (``jail_process.CALL_SECONDS``), up to ``serving.MOST_TIMES`` as much in all.
        memory: bytes of address space, that of the interpreter included.
        file_size: bytes that a file may have.
        processes: processes that the user may have; it does not bind the superuser.
        allow_weak: whether an audited candidate may run where a layer of strong isolation is missing.
    """

    seconds: float = 60.0
    memory: int = 4 * 2**30
    file_size: int = 0
    processes: int = 0
    allow_weak: bool = False


@dataclass(frozen=True)
class JailRun:
    """What came of a candidate.

    Attributes:
        rows: a table for each store and, within it, each value of the knob, with the columns of ``episode_rows`` and
            ``beta``; None where the candidate failed.
        failure: a category and a reason in one line; None where there are rows.
        isolation: the layers of the jail.
        seconds: how long it took, the start of the process included.
        compiled: whether it ran as compiled code.
        schedule: the parameters for each value of the knob that was asked for.
    """

    rows: list[pd.DataFrame] | None
    failure: str | None
    isolation: str
    seconds: float
    compiled: bool
    schedule: list[dict[str, float]] = field(default_factory=list)


def weakness(layers: Sequence[str], candidate: Candidate, limits: Limits) -> str | None:
    """Why ``candidate`` does not run behind ``layers``, None if it does.

    Args:
        layers: those that its jail reached.
        candidate: the candidate.
        limits: they say whether weak isolation is allowed.

    Raises:
        TTSGymError: for an audited candidate, as the machine has to change, or its user.
    """
    if may_run(layers, candidate.audited, limits.allow_weak):
        return None
    missing = ", ".join(lacking(layers))
    if candidate.audited:
        raise TTSGymError(
            f"The jail for candidates is weak on this machine, without {missing}: run it where these are to be had, or "
            "with --allow-weak-isolation."
        )
    return f"refused: it is a class, which runs behind strong isolation only, and this machine lacks {missing}"
