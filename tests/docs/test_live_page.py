"""The page on live controllers, with a small server in the place of vLLM's and of a hosted one."""

import json

import pytest
from model_server import SERVE, served
from pages import Page

from tts_gym import load_store

pytest.importorskip("uvicorn")
pytest.importorskip("transformers")
PAGE = Page("docs/live.md", long=".")


@pytest.fixture(scope="module")
def replaced(tmp_path_factory):
    with served(tmp_path_factory.mktemp("tokenizer")) as (url, model):
        tokenizer = model.rpartition("=")[2]
        yield {
            SERVE: ":",
            '"base_url": "http://127.0.0.1:8000/v1"': f'"base_url": "{url}", "tokenizer": "{tokenizer}"',
            '"Qwen/Qwen3-4B"': '"m"',
            "Qwen/Qwen3-4B --backend openai": model,
            "-o base_url=http://HOST:8000/v1 --out": "--out",
            "--model NAME": f"--model m -o tokenizer={tokenizer}",
            "https://HOST/v1 --out answers.jsonl": f"{url} --out hosted.jsonl",
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
