"""Tasks that bring their own scorer: it decides which answers are right, in a process that is killed if it must be.

A scorer may raise, run for ever or evaluate what it is given as Python, as that of n_queens does; it should be run on
answers of models that one trusts.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tts_gym.answers.errors import AnswerError
from tts_gym.answers.gold import check_gold, find_again
from tts_gym.answers.presets import PATTERN, REASONING_GYM
from tts_gym.answers.worker import Failure, Worker, WorkerError
from tts_gym.datasets.records import given_answers
from tts_gym.datasets.schema import RecordedQuestion

RIGHT_SCORE = 1.0
"""The score from which on an answer is right: the highest one of reasoning-gym, which gives less for parts."""

SECONDS = 3.0
"""Default deadline for the score of one answer, in processor seconds."""

QUESTION_SECONDS = 60.0
"""How long the answers to one question are scored; what is left then is not right."""


def scorer_of(task: str, options: Mapping[str, Any], item: Mapping[str, Any]) -> str:
    """How to score answers to an item of reasoning-gym, as a text that is kept with the question.

    Args:
        task: name of the task.
        options: what it was made with.
        item: the item; what it holds is kept as Python literals, because scorers tell tuples from lists.
    """
    with np.printoptions(legacy="1.25"):
        return json.dumps({"task": task, "options": options, "item": repr(item)})


@dataclass
class ScoringCounts:
    """What it took to score answers.

    Attributes:
        asked: answers given to scorers.
        errors: answers on which the scorer raised an error.
        timeouts: answers on which it ran into its deadline.
        crashes: answers on which it took its process down.
        left_out: answers that were not scored, as the time of their question was up.
    """

    asked: int = 0
    errors: int = 0
    timeouts: int = 0
    crashes: int = 0
    left_out: int = 0

    @property
    def shortfall(self) -> str:
        """A sentence on what was not scored, empty if everything was."""
        if not (self.errors or self.timeouts or self.crashes or self.left_out):
            return ""
        return (
            f"The scorers of the tasks raised an error {self.errors} times, ran into their deadline {self.timeouts} "
            f"times and crashed {self.crashes} times, and {self.left_out} answers were left out for time; those "
            "answers count as wrong."
        )


class TaskScorer(AbstractContextManager["TaskScorer"]):
    """Scores answers; what it has scored it remembers.

    Use it as a context manager, from one thread at a time.

    Attributes:
        counts: what it has taken so far.
    """

    def __init__(self, seconds: float = SECONDS, question_seconds: float = QUESTION_SECONDS) -> None:
        """Start nothing yet; the process starts with the first answer.

        Args:
            seconds: deadline for the score of one answer, in processor seconds.
            question_seconds: how long the answers to one question are scored.
        """
        self.counts = ScoringCounts()
        self._worker: Worker | None = None
        self._seconds = seconds
        self._question_seconds = question_seconds
        self._known: dict[tuple[str, str], bool] = {}

    def __exit__(self, *_: object) -> None:
        """End the process."""
        if self._worker is not None:
            self._worker.close()

    def decide(self, question: RecordedQuestion) -> RecordedQuestion:
        """``question`` with the answers that are right besides the gold answer; as it is where it has no scorer.

        Raises:
            TTSGymError: the process does not start.
        """
        if question.scorer is None:
            return question
        others = [answer for answer in given_answers(question) if answer != question.gold]
        return replace(question, right=self.right(question.scorer, others))

    def right(self, scorer: str, answers: Iterable[str]) -> list[str]:
        """Which of ``answers`` to one question are right.

        Args:
            scorer: from ``scorer_of``.
            answers: answer texts.

        Raises:
            TTSGymError: the process does not start.
        """
        end = time.monotonic() + self._question_seconds
        asked = list(answers)
        for answer in asked:
            if (scorer, answer) not in self._known:
                self._known[scorer, answer] = self._is_right(scorer, answer, end)
        return [answer for answer in asked if self._known[scorer, answer]]

    def _is_right(self, scorer: str, answer: str, end: float) -> bool:
        if time.monotonic() > end:
            self.counts.left_out += 1
            return False
        self.counts.asked += 1
        # Its first request, in which a process imports and makes the task, has a deadline of its own.
        self._worker = self._worker or Worker("score", scorer, "")
        try:
            score: float | None = self._worker.ask("score", scorer, answer, seconds=self._seconds)
        except WorkerError as error:
            self.counts.timeouts += error.failure == Failure.TIMEOUT
            self.counts.crashes += error.failure == Failure.CRASH
            return False
        self.counts.errors += score is None
        return score is not None and score >= RIGHT_SCORE


def check_question(question_id: str, gold: str, scorer: str | None, rule: str, tasks: TaskScorer) -> str:
    """The gold answer of a question as answers are compared with it.

    Args:
        question_id: names the question in error messages.
        gold: the gold answer as it is published.
        scorer: what scores the answers, if a task does; then the gold answer stays as it is.
        rule: how answers are recognised.
        tasks: asks the scorer.

    Raises:
        AnswerError: no answer could be right by ``rule``; the message names a rule by which one could.
    """
    place = f"question {question_id!r}"
    if scorer is None:
        return check_gold(gold, rule, place)
    if not rule.startswith(PATTERN) and not tasks.right(scorer, find_again(gold, rule)):
        own = REASONING_GYM + json.loads(scorer)["task"]
        advice = "correct it or leave it out" if rule == own else f"use the rule {own!r}"
        raise AnswerError(
            f"{place}: the gold answer {gold[:80]!r} is not right by the scorer of its task when the rule {rule!r} "
            f"finds it again; {advice}."
        )
    return gold
