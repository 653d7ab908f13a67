"""Many requests at a time, of clients that leave, to a server that dies and comes back."""

import asyncio
import random
from collections import Counter

import httpx
import pytest
from completion_server import until
from processes import UpstreamProcess, gateway_process, memory
from tiny_model import make_tiny_tokenizer

pytest.importorskip("fastapi")
pytest.importorskip("transformers")

SPECS = ["sc:n=4", "cmc", "crew", "asc:max_samples=8", "parallel-probe:num_chains=8"]
CHOICES = ["", "@cmc:beta=0.1", "@crew", "@asc", "@parallel-probe:max_steps=20"]
LEAVING = 0.2
SPARE = 20e6
"""Bytes that a gateway may hold after its work, beside some 15 % more than before."""


@pytest.fixture
def upstream():
    process = UpstreamProcess()
    process.start()
    yield process
    process.kill()


async def one(client, model, number):
    """Ask; return the status, "answer" or "error" for what a stream ends with, or "left"."""
    rng = random.Random(number)
    stream = rng.random() < 0.5
    body = {
        "model": model + rng.choice(CHOICES),
        "messages": [{"role": "user", "content": f"What is {number} + 1?"}],
        "stream": stream,
    }
    patience = rng.uniform(0.01, 2.0) if rng.random() < LEAVING else None
    try:
        async with asyncio.timeout(patience), client.stream("POST", "/chat/completions", json=body) as response:
            text = (await response.aread()).decode()
    except TimeoutError:
        return "left"
    if response.status_code != 200:
        assert response.json()["error"]["message"], text
        return response.status_code
    if stream:
        assert text.endswith("data: [DONE]\n\n") or '"error": {' in text.splitlines()[-2], text[-500:]
        return "answer" if text.endswith("data: [DONE]\n\n") else "error"
    assert response.json()["choices"][0]["message"]["content"] is not None
    return "answer"


async def wave(url, model, number, upstream=None, pause=0.0):
    """Outcomes of requests that are made together; a given upstream is killed on the way and comes back, twice."""
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(base_url=url, timeout=300, limits=limits) as client:
        asking = [asyncio.ensure_future(one(client, model, each)) for each in range(number)]
        for _ in range(2 if upstream else 0):
            await asyncio.sleep(pause)
            await asyncio.to_thread(upstream.kill)
            await asyncio.sleep(0.5)
            await asyncio.to_thread(upstream.start)
        return Counter(await asyncio.gather(*asking))


def outcomes_of_a_load(upstream, pause, around, *options):
    """What 200 requests come to while their upstream dies twice; they leave nothing behind, there or in the gateway.

    Args:
        upstream: has ``model`` and ``url``, ``start`` and ``kill``, and tells how many requests are ``running``.
        pause: seconds from each of its starts to its next death.
        around: requests in a quiet wave before, and in one after.
        options: of the gateway.
    """
    arguments = [each for spec in SPECS for each in ("-c", spec)]
    arguments += ["--upstream", upstream.url, "-o", "retries=4", "--branches", 8, "--top-logprobs", 0, *options]
    with gateway_process(*arguments) as (url, process):
        asyncio.run(wave(url, upstream.model, around))
        held = memory(process)
        outcomes = asyncio.run(wave(url, upstream.model, 200, upstream, pause))
        assert outcomes.total() == 200 and outcomes["left"]
        assert outcomes.keys() <= {"left", "answer", "error", 429, 502, 503, 504}
        until(lambda: not upstream.running(), 30)
        lines = httpx.get(f"{url}/../metrics").text.splitlines()
        assert "tts_requests_in_flight 0.0" in lines and "tts_upstream_requests 0.0" in lines
        after = asyncio.run(wave(url, upstream.model, around))
        assert after.keys() <= {"left", "answer"}
        assert memory(process) < 1.15 * held + SPARE
    return outcomes


@pytest.mark.slow
def test_every_request_ends_and_none_leaks(upstream, tmp_path):
    make_tiny_tokenizer(tmp_path)
    options = ["-o", f"tokenizer={tmp_path}", "--interval", 20, "--max-tokens", 100]
    outcomes = outcomes_of_a_load(upstream, 1.5, 200, *options)
    assert outcomes["answer"] > 0.9 * (200 - outcomes["left"]), outcomes


@pytest.mark.vllm
@pytest.mark.filterwarnings("ignore")
def test_every_request_to_a_real_server_ends_and_none_leaks(doomed_server):
    # A busy machine may take longer to start it again than requests are tried for.
    outcomes_of_a_load(doomed_server, 4.0, 60, "--interval", 10, "--max-tokens", 30)
