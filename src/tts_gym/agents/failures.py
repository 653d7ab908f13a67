"""One sentence for a controller that failed in the middle of a run."""

from __future__ import annotations

import traceback
from pathlib import Path

from tts_gym.datasets.store import ReplayStore
from tts_gym.errors import ControllerError


def controller_failure(
    name: str, file: str, error: Exception, store: ReplayStore, question: int, seed: int
) -> ControllerError:
    """Say what ``error`` was, where in ``file``, and in which episode.

    Args:
        name: the controller.
        file: the source file of the controller, as its code objects name it.
        error: what it raised.
        store: what was replayed.
        question: index of the question.
        seed: seed of the episode.
    """
    place = f"on question {store.question_ids[question]} of {store.name}, seed {seed}"
    return ControllerError(f"Controller {name} failed{_line(file, error)} {place}: {_reason(error)}")


def episode_failure(name: str, file: str, error: Exception) -> ControllerError:
    """Say what ``error`` was and where in ``file``.

    Args:
        name: the controller.
        file: the source file of the controller, as its code objects name it.
        error: what it raised.
    """
    return ControllerError(f"Controller {name} failed{_line(file, error)}: {_reason(error)}")


def _line(file: str, error: Exception) -> str:
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    return f" at {Path(file).name}:{lines[-1]}" if lines else ""


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"
