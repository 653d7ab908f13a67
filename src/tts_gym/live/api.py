"""Answering questions from Python."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pandas as pd

from tts_gym.agents.controller import Controller
from tts_gym.agents.specs import one_controller
from tts_gym.collectors.questions import Question, read_questions
from tts_gym.collectors.settings import CollectionSettings
from tts_gym.episode.state import NO_BUDGET
from tts_gym.errors import LiveError
from tts_gym.live.answering import Answer, Solving, answer_question
from tts_gym.live.model import LiveModel, live_model
from tts_gym.live.run import run
from tts_gym.live.settings import LiveSettings
from tts_gym.llm import make_backend

MOST_BRANCHES = 64
"""Branches that an episode may open unless told otherwise."""


@contextmanager
def running_model(
    model: str,
    backend: str = "openai",
    options: Mapping[str, Any] | None = None,
    ahead: int = 1,
    concurrency: int = 256,
    **drawn: Any,
) -> Iterator[LiveModel]:
    """Load a model, or reach its server, and put it to work for live episodes.

    Args:
        model: name or path of the model.
        backend: what runs it, as for ``tts_gym.llm.make_backend``.
        options: options of the backend.
        ahead: intervals that a branch goes on for while its controller thinks.
        concurrency: most requests at a time.
        **drawn: how branches and probes are drawn: attributes of ``CollectionSettings``, such as ``interval``.

    Raises:
        BackendError: the model cannot be loaded or reached.
        TTSGymError: a setting is wrong, or the backend cannot give what it asks for.
    """
    settings = LiveSettings(CollectionSettings(backend, model, **{"branches": MOST_BRANCHES, **drawn}), ahead)
    try:
        made = make_backend(backend, model, **(options or {}))
    except TypeError as error:
        raise LiveError(f"The backend {backend} does not take its options: {error}") from error
    with closing(made), live_model(made, settings, concurrency) as live:
        yield live


def solve(
    questions: str | Sequence[str | Question],
    controller: str | Controller,
    model: LiveModel,
    budget: int | None = None,
    deadline: float | None = None,
    shadow: str | Controller | None = None,
    out: str | os.PathLike[str] | None = None,
    record: str | os.PathLike[str] | None = None,
    at_once: int = 64,
) -> pd.DataFrame:
    """Answer questions with a controller on a running model.

    Args:
        questions: texts, ``Question`` objects, or a source of them as for ``read_questions``.
        controller: a specification such as "crew:beta=0.5", or a controller.
        model: from ``running_model``.
        budget: tokens that a question may spend; None for no limit.
        deadline: seconds after which the best answer so far is given.
        shadow: a controller that goes on with the same branches once the answer is out, so that more is recorded.
        out: file that keeps the answers, so that the same call goes on where it was interrupted.
        record: directory to write the run to as a replay store.
        at_once: questions at a time.

    Returns:
        A row a question, see ``tts_gym.live.run.run``.

    Raises:
        ControllerError: the controller is unknown.
        LiveError: the model cannot give what it needs, or a file is of another run.
    """
    solving = Solving(
        _controller(controller),
        NO_BUDGET if budget is None else budget,
        deadline,
        None if shadow is None else _controller(shadow),
    )
    rows = run(
        _questions(questions),
        solving,
        model,
        None if out is None else Path(out),
        None if record is None else Path(record),
        at_once,
    )
    return pd.DataFrame(rows)


def ask(
    question: str,
    controller: str | Controller,
    model: LiveModel,
    budget: int | None = None,
    deadline: float | None = None,
) -> Answer:
    """Answer one question.

    Args:
        question: its text.
        controller: a specification such as "crew:beta=0.5", or a controller.
        model: from ``running_model``.
        budget: tokens that may be spent; None for no limit.
        deadline: seconds after which the best answer so far is given.

    Raises:
        ControllerError: the controller is unknown or fails.
        LiveError: the model cannot give what it needs.
    """
    solving = Solving(_controller(controller), NO_BUDGET if budget is None else budget, deadline)
    solving.check(model)
    return answer_question(model.put(Question("0", question, ""), deadline), solving)


def _controller(controller: str | Controller) -> Controller:
    return one_controller(controller) if isinstance(controller, str) else controller


def _questions(questions: str | Sequence[str | Question]) -> list[Question]:
    if isinstance(questions, str):
        return read_questions(questions, gold_needed=False)
    return [Question(str(number), each, "") if isinstance(each, str) else each for number, each in enumerate(questions)]
