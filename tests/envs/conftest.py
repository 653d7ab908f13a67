from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import first_version
from tts_gym.datasets import RecordedBranch, RecordedQuestion, synthetic_metadata, write_store
from tts_gym.envs.width_depth import TTSWidthDepthEnv

StoreWriter = Callable[..., str]


def questions(gold: str = "2", probes: tuple[str | None, ...] = ("3", "2")) -> list[RecordedQuestion]:
    """Two questions of an interval of 100 tokens and a mean branch length of 200.

    Args:
        gold: correct answer of the first question.
        probes: probes of its first branch.
    """
    return [
        RecordedQuestion(
            "sum",
            "What is 1 + 1?",
            gold,
            [
                RecordedBranch(250, list(probes), "2"),
                RecordedBranch(150, ["2"], "2"),
                RecordedBranch(260, [None, "3"], "3"),
                RecordedBranch(90, [], "2"),
            ],
        ),
        RecordedQuestion(
            "hard",
            "What is 7 + 4?",
            "11",
            [
                RecordedBranch(130, ["1"], "1"),
                RecordedBranch(200, ["1", None], None),
                RecordedBranch(320, ["11", "11", "11"], "11"),
            ],
        ),
    ]


@pytest.fixture
def write(tmp_path: Path) -> StoreWriter:
    """Writes the questions that ``questions`` makes of its arguments to a store and returns the store's path."""

    def write(name: str = "small", **arguments: Any) -> str:
        path = tmp_path / name
        write_store(path, questions(**arguments), synthetic_metadata(2, 4, 100, 0) | {"name": name})
        return str(path)

    return write


@pytest.fixture
def small(write: StoreWriter) -> str:
    """Path of a small store, made by hand."""
    return write()


@pytest.fixture
def env(small: str) -> TTSWidthDepthEnv:
    """An environment on the small store, 4 branches wide."""
    return first_version.atomic(store=small, max_branches=4)
