"""Controllers as evaluation sees them: something that answers every question of a store under every seed."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tts_gym.agents.programs.program import Program
from tts_gym.agents.replay import replay
from tts_gym.datasets.grading import graded
from tts_gym.datasets.store import ReplayStore
from tts_gym.episode.loop import COLUMNS
from tts_gym.episode.rules import EpisodeRules
from tts_gym.errors import ControllerError


class Controller(Protocol):
    """What decides, with its parameters."""

    @property
    def name(self) -> str:
        """Name without parameters."""

    @property
    def parameters(self) -> Mapping[str, Any]:
        """Parameters by name."""

    @property
    def defaults(self) -> Mapping[str, Any]:
        """Values that parameters have where nobody gives one, by name; a parameter without one is left out."""

    @property
    def upper_bound(self) -> bool:
        """Whether it is a bound on what controllers can reach, not one of them."""

    def run(self, store: ReplayStore, seeds: Sequence[int], rules: EpisodeRules) -> pd.DataFrame:
        """Answer every question of ``store`` under every seed.

        Returns:
            One row an episode, the seeds of a question together, with the columns of ``episode_rows``.

        Raises:
            ControllerError: if it needs a signal that ``store`` lacks, or fails.
        """


@dataclass(frozen=True)
class ProgramController:
    """A program with its parameters.

    Attributes:
        program: the program.
        parameters: a value for each public parameter.
    """

    program: Program
    parameters: Mapping[str, Any]

    @property
    def name(self) -> str:
        """Name of the program."""
        return self.program.name

    @property
    def defaults(self) -> Mapping[str, Any]:
        """Those that the program declares."""
        declared = {name: parameter.default for name, parameter in self.program.parameters.items()}
        return {name: value for name, value in declared.items() if value is not inspect.Parameter.empty}

    @property
    def upper_bound(self) -> bool:
        """Whether the program is graded as an upper bound."""
        return self.program.upper_bound

    def run(self, store: ReplayStore, seeds: Sequence[int], rules: EpisodeRules) -> pd.DataFrame:
        """Replay the program; see ``Controller.run``."""
        for signal in self.program.signals:
            if signal not in store.signals:
                raise ControllerError(
                    f"Controller {self.name} needs the signal {signal}, but store {store.name} does not record it."
                )
        results = replay(self.program, self.program.arguments(self.parameters), store, seeds, rules)
        return graded_rows(store, seeds, results)


def graded_rows(store: ReplayStore, seeds: Sequence[int], results: NDArray[np.int64]) -> pd.DataFrame:
    """The table of a run, from what ``replay`` returns for it: int64 [episodes, len(COLUMNS)]."""
    questions = np.repeat(np.arange(len(store)), len(seeds))
    classes = results[:, 0]
    texts = [
        store.class_texts[question][answer] if answer >= 0 else None
        for question, answer in zip(questions.tolist(), classes.tolist(), strict=True)
    ]
    return episode_rows(store, seeds, texts, graded(store.grading, questions, classes), results[:, 1:])


def episode_rows(
    store: ReplayStore,
    seeds: Sequence[int],
    answers: Sequence[str | None],
    correct: NDArray[np.bool_],
    counts: NDArray[np.int64],
) -> pd.DataFrame:
    """The table of a run: question_id, seed, answer (missing where none was given), correct, and the counts.

    Args:
        store: what was answered.
        seeds: the seeds of each question.
        answers: text of each answer, None for none.
        correct: bool [episodes].
        counts: int64 [episodes, 5], tokens, sequential tokens, width, probes, stop step.
    """
    rows = pd.DataFrame(
        {
            "question_id": np.repeat(np.array(store.question_ids, dtype=object), len(seeds)),
            "seed": np.tile(np.array(seeds), len(store)),
            "answer": pd.array(answers, dtype="string"),
            "correct": correct,
        }
    )
    rows[list(COLUMNS[1:])] = counts
    return rows
