"""The published controller interface: classes whose ``solve(question)`` asks the question for answers as text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, runtime_checkable

import numpy as np
import pandas as pd

from tts_gym.agents.controller import episode_rows, with_probes_paid
from tts_gym.agents.failures import controller_failure, episode_failure
from tts_gym.agents.identity import class_code, identity_of
from tts_gym.agents.replay import branch_order
from tts_gym.datasets.store import INVALID_TEXT, ReplayStore
from tts_gym.episode import costs, transitions
from tts_gym.episode.episode import ReplayEpisode, episode_fields
from tts_gym.episode.loop import COUNTED
from tts_gym.episode.rules import EpisodeRules
from tts_gym.episode.state import PUBLISHED
from tts_gym.errors import TTSGymError


class BranchesExhaustedError(ValueError, IndexError):
    """Every recorded branch of the question is open; published classes catch either base."""


class PublishedQuestion:
    """One question as a published class sees it: answers are text, branches are numbered in the order of opening.

    A probe that the rules do not give away is charged for. A branch that shows no answer, because the budget ended
    before its first interval did, has the text of an invalid one.
    """

    def __init__(self, episode: ReplayEpisode, texts: Sequence[str]) -> None:
        """Ask ``episode``.

        Args:
            episode: a fresh episode of the question.
            texts: the text of each answer class.
        """
        self._episode: Any = episode
        self._texts = texts

    def probe_new(self) -> tuple[str, int, bool]:
        """Open a branch through its first interval.

        Returns:
            Its answer there, its index, and whether it is finished.

        Raises:
            BranchesExhaustedError: if none is left.
        """
        index = self._opened(self._episode.branch())
        return self._text(index), index, self._episode.is_finished(index)

    def probe_more(self, index: int) -> tuple[str, bool]:
        """Generate one more interval of branch ``index``.

        A finished branch gives its final answer again; the published rules charge its closing cost again.

        Returns:
            Its answer there, and whether it is finished.

        Raises:
            IndexError: if that branch was never opened.
        """
        episode = self._episode
        if episode.is_finished(index):
            row = costs.row_of(episode, index)
            last = costs.last_depth(episode, row)
            if episode.setup[PUBLISHED]:
                closing = costs.cost_at(episode, row, last) - costs.cost_at(episode, row, last - 1)
                transitions.charge(episode, closing)
                transitions.end_step(episode, closing)
        else:
            episode.advance(index)
        return self._text(index), episode.is_finished(index)

    def get_new_branch_final_answer(self) -> str:
        """Read a new branch whole.

        Raises:
            BranchesExhaustedError: if none is left.
        """
        return self._text(self._opened(self._episode.read()))

    def get_seq_and_total_tokens(self) -> tuple[int, int]:
        """Sequential and total tokens spent so far."""
        return self._episode.sequential_tokens, self._episode.tokens

    def _opened(self, index: int) -> int:
        if index < 0:
            raise BranchesExhaustedError(f"all {self._episode.width} recorded branches of this question are open")
        return index

    def text_of(self, code: int) -> str:
        """The text of the answer ``code`` of the episode."""
        answer: int = self._episode.class_of[code]
        return self._texts[answer]

    def _text(self, index: int) -> str:
        code = self._episode.probe(index)
        return INVALID_TEXT if code < 0 else self.text_of(code)


@runtime_checkable
class Solver(Protocol):
    """What the published interface asks of a class."""

    def solve(self, question: PublishedQuestion) -> str | None:
        """The text of the answer to ``question``, None for none."""


@dataclass(frozen=True)
class SolveController:
    """A class with the published interface, built anew for every episode as ``solver(config=parameters)``.

    Attributes:
        name: name of the class.
        solver: the class.
        parameters: its config.
    """

    name: str
    solver: Any
    parameters: Mapping[str, Any]
    defaults: ClassVar[Mapping[str, Any]] = {}
    upper_bound = False
    signals = ()
    probes = True

    def identity(self) -> str:
        """See ``Controller.identity``."""
        return identity_of(self, class_code(self.solver, self.name))

    def run(self, store: ReplayStore, seeds: Sequence[int], rules: EpisodeRules) -> pd.DataFrame:
        """Solve every question under every seed; see ``Controller.run``."""
        episode: Any = ReplayEpisode(episode_fields(store, rules, int(store.branch_counts.max())))
        answers, correct, counts = [], [], []
        for question, texts in enumerate(store.class_texts):
            right = {texts[each] for each in store.right_classes(question)}
            for seed in seeds:
                episode.order = branch_order(int(store.branch_counts[question]), seed)
                transitions.reset(episode, question)
                try:
                    answer = self._solve(PublishedQuestion(episode, texts))
                except Exception as error:
                    file = self.solver.solve.__code__.co_filename
                    raise controller_failure(self.name, file, error, store, question, seed) from error
                answers.append(answer)
                correct.append(answer in right)
                counts.append([episode.count[place] for place in COUNTED.values()])
        return with_probes_paid(episode_rows(store, seeds, answers, np.array(correct), np.array(counts)), self, rules)

    def answer(self, episode: ReplayEpisode, texts: Sequence[str]) -> str | None:
        """Solve the question; see ``Controller.answer``."""
        try:
            return self._solve(PublishedQuestion(episode, texts))
        except TTSGymError:
            raise
        except Exception as error:
            raise episode_failure(self.name, self.solver.solve.__code__.co_filename, error) from error

    def _solve(self, question: PublishedQuestion) -> str | None:
        answer = self.solver(config=dict(self.parameters)).solve(question)
        if answer is not None and not isinstance(answer, str):
            raise TypeError(f"solve returns the text of an answer or None, but this one returned {answer!r}")
        return answer
