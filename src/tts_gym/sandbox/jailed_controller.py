"""A file with a candidate as a controller, which is evaluated like any other, in a jail."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from tts_gym.agents.controller import Controller, with_probes_paid
from tts_gym.agents.identity import identity_of
from tts_gym.agents.programs.program import Between, Parameter
from tts_gym.datasets.store import ReplayStore
from tts_gym.episode.episode import ReplayEpisode
from tts_gym.episode.rules import EpisodeRules
from tts_gym.errors import ControllerError
from tts_gym.sandbox.candidate import Candidate, read_candidate
from tts_gym.sandbox.jail import run_jailed
from tts_gym.sandbox.refusal import CandidateError
from tts_gym.sandbox.runs import Limits

NAMES = ("program", "PROGRAM")
"""How the candidate of a file may be called."""

LIMITS = Limits(seconds=600.0)
"""What a candidate may use for some seeds of a store."""

_KNOB = Parameter(float, 0.5, Between(0, 1))

_HEAD = "from __future__ import annotations\n\n"
_FOOT = """

# What follows runs it without a jail, as one's own code: --trust -c FILE.py:PROGRAM:beta=0.5
import math

import numpy as np

from tts_gym import ACTIVE, ALL, FINISHED
from tts_gym import Program as _Program
from tts_gym.episode.state import NO_BUDGET

PROGRAM = _Program("winner", program, schedule)
"""


def runnable(source: str) -> str:
    """A file with the audited candidate ``source`` that runs in a jail, and with ``--trust`` without one.

    What it needs outside stands after it, under names that no candidate has.
    """
    return _HEAD + source + _FOOT


def holds_candidate(content: bytes) -> bool:
    """Whether a file with ``content``, read as Python reads it, defines functions called schedule and program.

    What cannot be looked through may; what is not Python does not run either way.
    """
    try:
        tree = ast.parse(content)
    except (SyntaxError, ValueError):
        return False
    except (RecursionError, MemoryError):
        return True
    return {"schedule", "program"} <= {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


@dataclass(frozen=True)
class JailedController:
    """A candidate with a value of its knob.

    Attributes:
        name: how tables call it.
        candidate: what runs in the jail.
        beta: the knob.
        limits: what it may use for some seeds of a store.
    """

    name: str
    candidate: Candidate
    beta: float
    limits: Limits = LIMITS
    upper_bound = False
    signals = ()
    probes = True

    @classmethod
    def load(
        cls, file: Path, name: str | None, parameters: Mapping[str, str], limits: Limits = LIMITS
    ) -> JailedController:
        """Read the candidate of ``file``, whether written by ``runnable`` or not, without running it.

        Args:
            file: the file.
            name: one of ``NAMES``, or None.
            parameters: a value of ``beta``, or nothing for 0.5.
            limits: what it may use for some seeds of a store.

        Raises:
            ControllerError: if the file cannot be read, the candidate is refused, or name or parameters are wrong.
        """
        try:
            text = file.read_text(encoding="utf-8-sig")
        except OSError as error:
            raise ControllerError(f"The file {file} cannot be read ({error}): check the path.") from error
        except UnicodeDecodeError as error:
            raise ControllerError(f"The file {file} is not UTF-8 ({error}): save it as UTF-8.") from error
        if name not in (None, *NAMES):
            raise ControllerError(f"{file} holds a candidate: write {file}:program, or run {name!r} with --trust.")
        if not parameters.keys() <= {"beta"}:
            raise ControllerError(f"{file} holds a candidate, whose one parameter is beta; --trust runs it as code.")
        if text.startswith(_HEAD) and text.endswith(_FOOT):
            # Its lines keep their numbers.
            text = "\n" * _HEAD.count("\n") + text[len(_HEAD) : -len(_FOOT)]
        try:
            candidate = read_candidate(text)
        except CandidateError as error:
            raise ControllerError(f"The candidate in {file} is refused: {error}; --trust runs it as code.") from error
        return cls(file.stem, candidate, _KNOB.read(parameters.get("beta", _KNOB.default), "beta", file.stem), limits)

    @property
    def parameters(self) -> Mapping[str, float]:
        """The knob."""
        return {"beta": self.beta}

    @property
    def defaults(self) -> Mapping[str, float]:
        """Where the knob stands by default."""
        return {"beta": _KNOB.default}

    def identity(self) -> str:
        """See ``Controller.identity``."""
        return identity_of(self, self.candidate.digest)

    def run(self, store: ReplayStore, seeds: Sequence[int], rules: EpisodeRules) -> pd.DataFrame:
        """See ``Controller.run``; ``attrs["isolation"]`` of the table tells the layers of the jail."""
        run = run_jailed(self.candidate, [store], [self.beta], seeds, rules, self.limits)
        if run.rows is None:
            raise ControllerError(
                f"Controller {self.name} has no results on store {store.name}: {run.failure} (jail: {run.isolation})"
            )
        (rows,) = run.rows
        rows = with_probes_paid(rows.drop(columns="beta"), self, rules)
        rows.attrs["isolation"] = run.isolation
        return rows

    def answer(self, episode: ReplayEpisode, texts: Sequence[str]) -> str | None:
        """Refuse: a jail holds recordings, and what is live is not recorded; see ``Controller.answer``."""
        raise self._over_recordings_alone()

    def _over_recordings_alone(self) -> ControllerError:
        return ControllerError(
            f"Controller {self.name} is a candidate, which a jail runs over recordings alone: read it, and run it as "
            "your own code, as FILE.py:NAME with --trust."
        )


def check_live(controller: Controller) -> None:
    """Refuse a controller that has no way to answer live.

    Args:
        controller: what is to decide.

    Raises:
        ControllerError: it is a candidate that runs in a jail.
    """
    if isinstance(controller, JailedController):
        raise controller._over_recordings_alone()
