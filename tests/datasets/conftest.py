import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tts_gym.datasets import RecordedBranch, RecordedQuestion


@pytest.fixture
def document() -> list[dict[str, Any]]:
    """A small published-format document."""
    return [
        {
            "question": "What is 2 + 2?",
            "gold_answer": "4",
            "probe_freq": 500,
            "each_branch": [[["3", "ERR", "4"], 1700, "4"], [["ERR"], 520, "ERR"], [[], 500, "3"]],
            "final_answers_trace": ["4", "ERR", "3"],
        },
        {
            "question": "What is ½ as a fraction?",
            "gold_answer": "\\frac{1}{2}",
            "probe_freq": 500,
            "each_branch": [[["0.5", "0.5"], 900, "½"]],
        },
    ]


@pytest.fixture
def write_json(tmp_path: Path) -> Callable[[Any], Path]:
    def write(document: Any) -> Path:
        path = tmp_path / "SomeModel" / "tiny.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(document), encoding="utf-8")
        return path

    return write


@pytest.fixture
def records() -> list[RecordedQuestion]:
    """Two small questions with signals."""

    def branch(tokens: int, probes: list[str | None], final: str | None) -> RecordedBranch:
        values = [-0.5 * (k + 1) for k in range(len(probes))]
        return RecordedBranch(tokens, probes, final, "stop", {"mean_logprob": values, "tail_logprob": values})

    return [
        RecordedQuestion("a", "What is 2 + 2?", "4", [branch(1200, ["5", None], "4"), branch(300, [], "5")]),
        RecordedQuestion("b", "What is 3 + 3?", "6", [branch(700, ["7"], None)]),
    ]


@pytest.fixture
def metadata() -> dict[str, Any]:
    return {
        "name": "tiny",
        "model": "SomeModel",
        "benchmark": "sums",
        "interval": 500,
        "synthetic": False,
        "license": "CC0-1.0",
        "sampling": {"temperature": 0.6},
        "seeds": [0],
    }
