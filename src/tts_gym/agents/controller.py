"""Controllers as evaluation sees them: something that answers every question of a store under every seed."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tts_gym.agents.failures import episode_failure
from tts_gym.agents.identity import function_code, identity_of
from tts_gym.agents.programs.program import Program
from tts_gym.agents.replay import replay
from tts_gym.datasets.grading import graded
from tts_gym.datasets.store import ReplayStore
from tts_gym.episode.episode import ReplayEpisode
from tts_gym.episode.loop import ANSWER, COUNTED, FIRST_COUNT, answer_class
from tts_gym.episode.rules import EpisodeRules
from tts_gym.errors import ControllerError, TTSGymError


@runtime_checkable
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

    @property
    def signals(self) -> tuple[str, ...]:
        """Recorded signals that it reads."""

    @property
    def probes(self) -> bool:
        """Whether it looks at answers of branches that have not ended."""

    def identity(self) -> str:
        """Hash of everything that its results depend on, beside the store, the seeds and the rules.

        That is its name and parameters, its code with all that it imports or its model, and what runs it; see
        ``identity_of``.

        Raises:
            ControllerError: its code is not to be had.
        """

    def run(self, store: ReplayStore, seeds: Sequence[int], rules: EpisodeRules) -> pd.DataFrame:
        """Answer every question of a store under every seed.

        Args:
            store: what is answered; it records ``signals``, see ``check_recorded``.
            seeds: one branch order each.
            rules: spending and accounting.

        Returns:
            One row an episode, the seeds of a question together, with the columns of ``episode_rows``.

        Raises:
            ControllerError: if it fails.
        """

    def answer(self, episode: ReplayEpisode, texts: Sequence[str]) -> str | None:
        """Answer the question of one episode, in plain Python.

        Args:
            episode: a fresh episode, replayed or live.
            texts: the text of each answer class, which may become more as the episode goes.

        Returns:
            The text of the answer, None for none.

        Raises:
            ControllerError: if it fails, or runs in no such way.
        """


def missing_signals(controller: Controller, store: ReplayStore) -> list[str]:
    """Names of the signals that a controller reads and a store does not record.

    Args:
        controller: the controller.
        store: the store.
    """
    return [signal for signal in controller.signals if signal not in store.signals]


def missing_probes(controller: Controller, store: ReplayStore) -> bool:
    """Whether a controller looks at answers on the way and a store has whole branches only.

    Args:
        controller: the controller.
        store: the store.
    """
    return controller.probes and not store.has_probes


def check_recorded(controller: Controller, store: ReplayStore) -> None:
    """Refuse to run a controller on a store that lacks what it reads.

    Args:
        controller: the controller.
        store: the store.

    Raises:
        ControllerError: it reads a signal that the store does not record, or looks at answers on the way where the
            store has none.
    """
    if missing_probes(controller, store):
        raise ControllerError(
            f"Controller {controller.name} looks at answers of branches that go on, but store {store.name} has whole "
            f"branches only: add probes with tts-gym collect --probe STORE --model {store.metadata['model']}, or use a "
            "controller that reads whole branches, such as asc (a program of yours that does says so, probes=False)."
        )
    for signal in missing_signals(controller, store):
        raise ControllerError(
            f"Controller {controller.name} needs the signal {signal}, but store {store.name} does not record it."
        )


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

    @property
    def signals(self) -> tuple[str, ...]:
        """Recorded signals that the program reads."""
        return self.program.signals

    @property
    def probes(self) -> bool:
        """Whether the program looks at answers of branches that have not ended."""
        return self.program.probes

    def identity(self) -> str:
        """See ``Controller.identity``."""
        function: Any = self.program.function
        return identity_of(self, (self.program.arguments(self.parameters), function_code(function, self.name)))

    def run(self, store: ReplayStore, seeds: Sequence[int], rules: EpisodeRules) -> pd.DataFrame:
        """Replay the program; see ``Controller.run``."""
        results = replay(self.program, self.program.arguments(self.parameters), store, seeds, rules)
        return with_probes_paid(graded_rows(store, seeds, results), self, rules)

    def answer(self, episode: ReplayEpisode, texts: Sequence[str]) -> str | None:
        """Run the program; see ``Controller.answer``."""
        function = self.program.function
        try:
            found = answer_class(episode, function(episode, *self.program.arguments(self.parameters)))
        except TTSGymError:
            raise
        except Exception as error:
            raise episode_failure(self.name, function.__code__.co_filename, error) from error
        return texts[found] if found >= 0 else None


def with_probes_paid(rows: pd.DataFrame, controller: Controller, rules: EpisodeRules) -> pd.DataFrame:
    """Charge a controller that looks at answers on the way for each that an interval showed it.

    The kernels charge for probes that are asked for; those that come with every interval are charged here. Sequential
    tokens stay those of branches.

    Args:
        rows: the table of a run, see ``episode_rows``.
        controller: whose run it is.
        rules: accounting, with the price of a probe.
    """
    if not (rules.eager and controller.probes and rules.probe_cost):
        return rows
    return rows.assign(tokens=rows["tokens"] + rules.probe_cost * rows["probes"])


def graded_rows(store: ReplayStore, seeds: Sequence[int], results: NDArray[np.int64]) -> pd.DataFrame:
    """The table of a run, see ``episode_rows``.

    Args:
        store: what was answered.
        seeds: the seeds of each question.
        results: int64 [questions x seeds, columns], what ``replay`` returns, with the columns ``episode.loop.COLUMNS``.
    """
    questions = np.repeat(np.arange(len(store)), len(seeds))
    classes = results[:, ANSWER]
    texts = [
        store.class_texts[question][answer] if answer >= 0 else None
        for question, answer in zip(questions.tolist(), classes.tolist(), strict=True)
    ]
    return episode_rows(store, seeds, texts, graded(store.grading, questions, classes), results[:, FIRST_COUNT:])


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
        answers: text of each answer, None for none, the seeds of a question together.
        correct: bool [questions x seeds].
        counts: int64 [questions x seeds, counts], what ``episode.loop.COUNTED`` names, in its order.
    """
    rows = pd.DataFrame(
        {
            "question_id": np.repeat(np.array(store.question_ids, dtype=object), len(seeds)),
            "seed": np.tile(np.array(seeds), len(store)),
            "answer": pd.array(answers, dtype="string"),
            "correct": correct,
        }
    )
    rows[list(COUNTED)] = counts
    return rows
