"""Collecting with real engines: the backends agree, and nothing is lost when a collector is killed."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest

from collectors.test_collect import branches_in
from likeness import assert_alike
from tts_gym.answers.reader import answer_reader
from tts_gym.collectors.collect import collect
from tts_gym.collectors.collector import Collector
from tts_gym.collectors.questions import Question
from tts_gym.collectors.settings import CollectionSettings, Probing
from tts_gym.datasets import read_store

pytestmark = [pytest.mark.vllm, pytest.mark.filterwarnings("ignore")]

QUESTIONS = [Question(str(n), f"What is {n} + {n}?", str(2 * n)) for n in range(1, 7)]


def given(backend):
    """A runner over a backend that is loaded already."""

    @contextmanager
    def runner(settings):
        with answer_reader(settings.answers) as reader:
            yield Collector(backend, settings, reader, 32).run

    return runner


def test_greedy_decoding_gives_the_same_store(transformers_model, engine, client, tmp_path):
    stores = {}
    for backend in (transformers_model, engine, client):
        settings = CollectionSettings(
            "vllm",
            "tiny",
            branches=1,
            interval=8,
            temperature=0,
            max_tokens=60,
            top_logprobs=5,
            probing=Probing("\nThe final answer is ", max_tokens=6),
        )
        out = tmp_path / type(backend).__name__
        collect(QUESTIONS, settings, out, "sums", runner=given(backend))
        stores[out.name] = read_store(out)
    reference = stores.pop("TransformersModel")
    assert reference.most_probes >= 5 and len(reference) == len(QUESTIONS)
    for store in stores.values():
        assert store.signals == ("mean_logprob", "min_logprob", "tail_logprob", "topk_confidence", "answer_logprob")
        assert_alike(store, reference)


def collecting(tiny_model, tmp_path, questions):
    """The command line that collects ``questions`` with vLLM."""
    file = tmp_path / "sums.jsonl"
    file.write_text("\n".join(json.dumps(vars(question)) for question in questions))
    script = tmp_path / "tts-gym.py"
    script.write_text("from tts_gym.cli import main\n\nif __name__ == '__main__':\n    main()\n")
    options = ["dtype=float32", "enforce_eager=true", "max_model_len=512", "max_num_seqs=16"]
    return [
        *(sys.executable, str(script), "collect", str(file), "--model", tiny_model),
        *(argument for option in options for argument in ("-o", option)),
        *("--branches", "8", "--block", "4", "--interval", "8", "--max-tokens", "200", "--concurrency", "8"),
        *("--temperature", "1", "--probe-suffix", "\nThe final answer is ", "--probe-tokens", "6"),
        *("--out", str(tmp_path / "out")),
    ]


def processes_of(session):
    """Processes of a session that have not ended."""
    found = subprocess.run(["ps", "-o", "pid=,stat=", "-s", str(session)], capture_output=True, text=True).stdout
    return [line for line in found.splitlines() if " Z" not in line]


@pytest.mark.slow
def test_a_killed_collection_goes_on_without_loss(tiny_model, tmp_path):
    questions = [Question(str(n), f"What is {n} + {n}?", str(2 * n)) for n in range(40)]
    command, out = collecting(tiny_model, tmp_path, questions), tmp_path / "out"
    shards = out / ".collection" / "shards"
    kept = {}
    for number, end in enumerate((signal.SIGKILL, signal.SIGTERM)):
        with (tmp_path / f"log{number}.txt").open("w") as log:
            running = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
            deadline = time.monotonic() + 240
            while len(list(shards.glob("*.parquet"))) < 20 * (number + 1) and running.poll() is None:
                assert time.monotonic() < deadline
                time.sleep(0.01)
            assert running.poll() is None, (tmp_path / f"log{number}.txt").read_text()[-2000:]
            os.kill(running.pid, end)
            running.wait(60)
        deadline = time.monotonic() + 60
        while processes_of(running.pid) and time.monotonic() < deadline:
            time.sleep(0.2)
        assert not processes_of(running.pid)
        found = branches_in({file.name: file.read_bytes() for file in shards.glob("*.parquet")})
        assert kept.items() <= found.items() and 20 <= len(found) < 320
        kept = found
    assert not (out / "metadata.json").exists()
    subprocess.run(command, check=True, capture_output=True, timeout=300)
    found = branches_in({file.name: file.read_bytes() for file in shards.glob("*.parquet")})
    assert kept.items() <= found.items()
    assert len(list(shards.iterdir())) == 80
    store = read_store(out)
    assert store.branch_counts.tolist() == [8] * 40
    assert len(store.metadata["collection"]["sessions"]) == 3
