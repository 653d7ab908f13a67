"""The tutorial for inference goes as it says, with a small server in the place of vLLM's."""

import pytest
from model_server import served
from pages import Page

from serve.processes import free_port

pytest.importorskip("fastapi")
pytest.importorskip("transformers")
PAGE = Page("docs/tutorials/inference.md", long="collect|solve|serve|openai|runs/live|plot")


@pytest.fixture(scope="module")
def replaced(tmp_path_factory):
    with served(tmp_path_factory.mktemp("tokenizer")) as server:
        yield {
            "http://127.0.0.1:8000/v1": server.url,
            "--model Qwen/Qwen3-4B --": f"--model m {server.tokenizer} --",
            "--model Qwen/Qwen3-4B -c": f"--model m {server.tokenizer} -c",
            "Qwen/Qwen3-4B@": "m@",
            "8001": str(free_port()),
        }


def test_the_block_runs(block, reader):
    reader.follow(block)
