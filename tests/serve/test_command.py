"""``tts-gym serve``."""

import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from processes import UpstreamProcess, gateway_process
from tiny_model import make_tiny_tokenizer

WINNER = Path(__file__).parents[2] / "benchmarks/results/discovery/manual/winner.py"

pytest.importorskip("fastapi")
pytest.importorskip("transformers")


@pytest.fixture(scope="module")
def upstream():
    process = UpstreamProcess()
    process.start()
    yield f"{process.address}/v1"
    process.kill()


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tokenizer")
    make_tiny_tokenizer(folder)
    return f"tokenizer={folder}"


@pytest.fixture(autouse=True)
def other_tests_end_as_ever():
    """The command says what its process does when it is told to end, which here is that of all tests."""
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


def test_a_gateway_serves_until_it_is_told_to_end(upstream, tokenizer):
    arguments = ["--upstream", upstream, "-c", "crew", "-c", "sc:n=2", "-o", tokenizer, "--interval", 20]
    with gateway_process(*arguments, "--max-tokens", 200, "--branches", 4, "--top-logprobs", 0) as (url, process):
        assert url.startswith("http://127.0.0.1:")
        assert httpx.get(f"{url}/models").json()["data"][0]["id"] == "m"
        body = {"model": "m@sc:n=3", "messages": [{"role": "user", "content": "What is 6 * 7?"}]}
        response = httpx.post(f"{url}/chat/completions", json=body, timeout=60)
        assert response.status_code == 200 and response.headers["x-tts-width"] == "3"
    assert process.returncode == 128 + signal.SIGTERM


def test_arguments_of_the_template_hold_for_every_request(upstream, tokenizer):
    with gateway_process("--upstream", upstream, "-c", "sc", "-o", tokenizer, "--reasoning-effort", "low") as (url, _):
        body = {"model": "m", "messages": [{"role": "user", "content": "What is 6 * 7?"}]}
        response = httpx.post(f"{url}/chat/completions", json=body, timeout=60)
    assert response.status_code == 400 and "does not look at reasoning_effort" in response.text


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "--upstream, --model"),
        (["--upstream", "http://127.0.0.1:9/v1"], "does not list its models"),
        (["--upstream", "http://127.0.0.1:9/v1", "--model", "m", "-o", "tokenizer=/nowhere"], "tokenizer"),
        (["--model", "m", "--backend", "none"], "Unknown backend"),
        (["--upstream", "UPSTREAM", "-o", "TOKENIZER", "-o", "colour=red"], "does not take its options"),
        (["--upstream", "UPSTREAM", "-c", "sc"], "listed twice"),
        (["--upstream", "UPSTREAM", "-c", "nobody"], "Unknown controller"),
        (["--model", "none", "-c", str(WINNER)], "run it as your own code, as FILE.py:NAME with --trust"),
        (["--model", "none", "-c", f"{WINNER}:PROGRAM:beta=0.3"], "with --trust"),
        (["--upstream", "UPSTREAM", "-o", "TOKENIZER", "-c", "oracle"], "no controller but a bound"),
        (["--upstream", "UPSTREAM", "-o", "TOKENIZER", "-c", "deepconf"], "needs the signal"),
        (["--upstream", "UPSTREAM", "-o", "TOKENIZER", "--host", "203.0.113.1"], "Cannot listen"),
    ],
)
def test_what_cannot_be_served_is_told_in_a_sentence(run, upstream, tokenizer, arguments, words):
    known = {"UPSTREAM": upstream, "TOKENIZER": tokenizer}
    status, output, error = run("serve", "-c", "sc", *[known.get(each, each) for each in arguments])
    assert status == 2 and output == ""
    assert error.splitlines()[-1].startswith("Error: ") and words in error.splitlines()[-1]


def test_the_command_line_loads_no_server():
    script = "import sys, tts_gym.cli.app; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert not {"fastapi", "starlette", "uvicorn", "prometheus_client", "httpx"} & set(done.stdout.split())
    assert "tts_gym.cli.serve" in done.stdout.split()
