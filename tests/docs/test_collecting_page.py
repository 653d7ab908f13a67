"""The page on collecting: small models and servers in the place of large ones, estimates in the place of eight GPUs."""

import json
import re

import pytest
from model_server import SERVE, served
from pages import Page
from tiny_model import make_tiny_model

from collectors.styled_models import CHANNELS, make_tokenizer, published_template
from hub_server import HubServer, Repository
from tts_gym import load_store
from tts_gym.datasets import RecordedBranch, RecordedQuestion, write_store
from tts_gym.datasets.catalogue import BUNDLED
from tts_gym.datasets.sample import sample_store

pytest.importorskip("uvicorn")
pytest.importorskip("transformers")
pytest.importorskip("trl")
PAGE = Page("docs/collecting.md", long=".")
SMALL = "-n 2 --interval 20 --max-tokens 60"
STARTED = "python -m vllm.entrypoints.openai.api_server --model Qwen/Qwen3-4B --enable-prompt-tokens-details"


@pytest.fixture(scope="module")
def replaced(tmp_path_factory):
    tiny, oss = make_tiny_model(tmp_path_factory.mktemp("model")), tmp_path_factory.mktemp("oss")
    make_tokenizer(oss, published_template("gptoss"), CHANNELS)
    with served(tmp_path_factory.mktemp("tokenizer")) as server:
        model = server.model
        yield {
            SERVE: ":",
            STARTED: ":",
            "--model openai/gpt-oss-20b": f"--model {oss}",
            # The server scores no tokens that it is given.
            "Qwen/Qwen3-4B --interval 100 --confidences": f"{tiny} --backend transformers --interval 100 --confidences",
            "--probe stores/own --model Qwen/Qwen3-4B": f"--probe stores/own --model {model}",
            "Qwen/Qwen3-4B --backend openai --out stores/qwen3-4b": f"{model} {SMALL} --out stores/b",
            "Qwen/Qwen3-4B": f"{model} {SMALL}",
            "--concurrency": "--dry-run --branch-tokens 40000 --concurrency",
        }


@pytest.fixture(scope="module")
def folder(folder):
    """What a reader has: questions, stores of his own, prices as the page gives them."""
    stores = folder / "stores"
    sample_store(BUNDLED / "smollm2-arithmetic", stores / "own", branches=1, questions=2, seed=0)
    own = load_store(stores / "own")
    texts = zip(own.question_ids, own.questions, own.class_texts, own.gold, strict=True)
    rows = [{"id": "a", "question": "1 + 1 =?", "gold": "2"}]
    rows += [{"id": id, "question": asked, "gold": classes[gold]} for id, asked, classes, gold in texts]
    for name in ("questions", "aime"):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (prices,) = re.findall(r"^`(\{\"Qwen.*)`\.$", PAGE.text, re.MULTILINE)
    (folder / "prices.json").write_text(prices)
    told = {"model": "m", "benchmark": "b", "interval": 100, "synthetic": False, "license": "mit"}
    for day, first in (("monday", 0), ("tuesday", 60)):
        questions = [
            RecordedQuestion(str(n), f"{n}?", "1", [RecordedBranch(150, ["2"], "1")] * 2)
            for n in range(first, first + 60)
        ]
        write_store(stores / day, questions, told | {"name": day, "sampling": {}, "seeds": []})
    return folder


@pytest.fixture(scope="module", autouse=True)
def hub(folder):
    """A hub on which somebody shares a store."""
    with HubServer() as server, pytest.MonkeyPatch.context() as patch:
        theirs = server.repositories["OWNER/NAME"] = Repository(private=False)
        theirs.commit({file.name: file.read_bytes() for file in (folder / "stores" / "monday").iterdir()})
        patch.setenv("OMP_NUM_THREADS", "1")
        patch.setenv("HF_ENDPOINT", server.address)
        patch.setenv("HF_HOME", str(folder / "hub"))
        patch.setenv("HF_HUB_DISABLE_XET", "1")
        patch.delenv("HF_HUB_OFFLINE", raising=False)
        yield


def test_the_block_runs(block, reader, folder):
    reader.follow(block)
    for command in reader.filled_in(block.text).replace("\\\n", "").splitlines():
        for name in re.findall(r"--out (stores/[\w-]+)", command):
            only_told = "--dry-run" in command or "--show-prompt" in command
            assert (folder / name / "metadata.json").exists() != only_told
