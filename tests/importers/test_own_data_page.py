"""The commands of docs/own-data.md, on the samples that tools have made, give the stores that they promise."""

import json
import re
import shlex
import shutil
from pathlib import Path

import pytest

from tts_gym.datasets import load_store

SAMPLES = Path(__file__).parent / "samples"
PAGE = Path(__file__).parents[2] / "docs" / "own-data.md"
BLOCKS = re.findall(r"^```bash\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Where a reader works, who has what the page speaks of."""
    logged = [json.loads(line) for line in (SAMPLES / "responses.jsonl").read_text().splitlines()]
    rows, rollouts = [], []
    for one in logged:
        (turn,), metadata = one["request"]["messages"], one["request"]["metadata"]
        (choice,) = one["response"]["choices"]
        rows.append({"question": turn["content"], "gold": metadata["gold"], "response": choice["message"]["content"]})
        rollouts.append({"request": {"input": turn["content"]}, "gts": metadata["gold"], "choices": [choice]})
    for name, lines in (("samples", rows), ("rollouts", rollouts)):
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    shutil.copytree(SAMPLES / "lm-eval", tmp_path / "logs" / "scripted")
    shutil.copy(SAMPLES / "inspect.eval", tmp_path / "sums.eval")
    for name in ("batch.jsonl", "questions.jsonl"):
        shutil.copy(SAMPLES / name, tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def works(block, run, folder):
    first, second = (shlex.split(line) for line in block.replace("\\\n", " ").splitlines())
    assert (first[0], second[0]) == ("tts-gym", "tts-gym")
    status, out, err = run(*first[1:])
    assert status == 0 and "6 questions with 24 samples" in out and "Warning" not in err
    status, out, _ = run(*second[1:])
    assert status == 0 and "accuracy %" in out
    store = load_store(first[first.index("--out") + 1])
    assert len(store) == 6 and not store.has_probes


@pytest.mark.parametrize("block", [block for block in BLOCKS if ".eval" not in block])
def test_the_block_works(block, run, folder):
    works(block, run, folder)
    assert (folder / "frontier.png").exists() == ("frontier.png" in block)


@pytest.mark.vllm
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("block", [block for block in BLOCKS if ".eval" in block])
def test_the_block_on_inspect_works(block, run, folder):
    pytest.importorskip("inspect_ai")
    works(block, run, folder)
