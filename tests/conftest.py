import json
from pathlib import Path

import pytest

SHARED_DATA = Path(__file__).resolve().parents[1].parent / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The published data and results, which are kept beside the repository and not in it."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"the published data are not at {SHARED_DATA}")
    return SHARED_DATA


@pytest.fixture
def store_file(tmp_path: Path) -> Path:
    """A hand-made store of two questions in the published format; four branches each, 100 tokens an interval."""
    questions = [
        {
            "question": "What is 1 + 1?",
            "gold_answer": "2",
            "probe_freq": 100,
            "each_branch": [
                [["3", "2"], 250, "2"],
                [["2", "2"], 230, "2"],
                [["ERR", "3", "3"], 340, "3"],
                [["2"], 150, "2"],
            ],
        },
        {
            "question": "What is 7 + 4?",
            "gold_answer": "11",
            "probe_freq": 100,
            "each_branch": [[["1", "ERR"], 260, "ERR"], [["12"], 130, "12"], [["12"], 120, "12"], [[], 90, "11"]],
        },
    ]
    path = tmp_path / "model" / "tiny.json"
    path.parent.mkdir()
    path.write_text(json.dumps(questions))
    return path
