"""The page on live controllers, with a small server in the place of vLLM's and of a hosted one."""

import json

import pytest
from model_server import SERVE, served
from pages import ROOT, Page

from tts_gym import load_store

pytest.importorskip("uvicorn")
pytest.importorskip("transformers")
PAGE = Page("docs/live.md", long=".")
RUNS = json.loads((ROOT / "benchmarks" / "results" / "live_prediction.json").read_text())


@pytest.fixture(scope="module")
def replaced(tmp_path_factory):
    with served(tmp_path_factory.mktemp("tokenizer")) as server:
        yield {
            SERVE: ":",
            '"base_url": "http://127.0.0.1:8000/v1"': f'"base_url": "{server.url}", "tokenizer": "{server.folder}"',
            '"Qwen/Qwen3-4B"': '"m"',
            "Qwen/Qwen3-4B --backend openai": server.model,
            "-o base_url=http://HOST:8000/v1 --out": "--out",
            "--model NAME": f"--model m {server.tokenizer}",
            "https://HOST/v1 --out answers.jsonl": f"{server.url} --out hosted.jsonl",
        }


@pytest.fixture(scope="module")
def folder(folder):
    """A reader has questions."""
    rows = [{"id": f"q{n}", "question": f"What is {n} + 1?", "gold": "42"} for n in range(3)]
    (folder / "questions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def test_the_block_runs(block, reader, folder):
    reader.follow(block)
    if "record=" in block.text:
        assert len(load_store(folder / "stores" / "mine")) == 2
    else:
        name = "hosted.jsonl" if "--backend chat" in block.text else "answers.jsonl"
        assert len((folder / name).read_text().splitlines()) >= 3


def test_the_tables_are_those_of_the_committed_results():
    for run in RUNS:
        shared = f"| {100 * run['cached'] / run['prompt']:.0f} % | {run['seconds']:,.0f} |"
        low, high = run["predicted_tokens_low"], run["predicted_tokens_high"]
        beside = (
            f"| `{run['spec']}` | {run['accuracy']:.1f} | {run['predicted_accuracy']:.1f} "
            f"({run['predicted_accuracy_low']:.1f} to {run['predicted_accuracy_high']:.1f}) | {run['tokens']:,.0f} | "
            f"{run['predicted_tokens']:,.0f} ({low:,.0f} to {high:,.0f}) | "
            f"{run['tokens'] / run['predicted_tokens']:.3f} | {run['seconds'] / RUNS[0]['seconds']:.2f} |"
        )
        assert (beside in PAGE.text) == (run["ahead"] == 1)
        assert (shared in PAGE.text) == (run["spec"] == "crew")


def test_what_is_said_of_accuracy_and_tokens_holds():
    for run in RUNS:
        assert run["failed"] == 0 and run["questions"] == 60
        assert run["predicted_accuracy_low"] <= run["accuracy"] <= run["predicted_accuracy_high"]
        near = abs(run["tokens"] / run["predicted_tokens"] - 1) <= 0.03
        assert near == (not run["spec"].startswith("deepconf-online"))
