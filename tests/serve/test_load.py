"""Many requests at a time, of clients that leave, to a server that dies and comes back."""

import asyncio
import random
import time

import httpx
import pytest
from processes import UpstreamProcess, gateway_process, memory
from tiny_model import make_tiny_tokenizer

pytest.importorskip("fastapi")
pytest.importorskip("transformers")
pytestmark = pytest.mark.slow

MODELS = ["m", "m@cmc:beta=0.1", "m@crew", "m@asc", "m@parallel-probe:max_steps=20"]
LEAVING = 0.2


@pytest.fixture
def upstream():
    process = UpstreamProcess()
    process.start()
    yield process
    process.kill()


async def one(client, number):
    """Ask; return the status, "answer" or "error" for what a stream ends with, or "left"."""
    rng = random.Random(number)
    stream = rng.random() < 0.5
    body = {
        "model": rng.choice(MODELS),
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


async def wave(url, number, upstream=None):
    """Outcomes of requests that are made together; a given upstream is killed on the way and comes back, twice."""
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(base_url=url, timeout=120, limits=limits) as client:
        asking = [asyncio.ensure_future(one(client, each)) for each in range(number)]
        for _ in range(2 if upstream else 0):
            await asyncio.sleep(1.5)
            upstream.kill()
            await asyncio.sleep(0.5)
            await asyncio.to_thread(upstream.start)
        return await asyncio.gather(*asking)


def test_every_request_ends_and_none_leaks(upstream, tmp_path):
    make_tiny_tokenizer(tmp_path)
    specs = ["sc:n=4", "cmc", "crew", "asc:max_samples=8", "parallel-probe:num_chains=8"]
    arguments = [each for spec in specs for each in ("-c", spec)]
    arguments += ["--upstream", f"{upstream.address}/v1", "-o", f"tokenizer={tmp_path}", "-o", "retries=4"]
    arguments += ["--branches", 8, "--interval", 20, "--max-tokens", 100, "--top-logprobs", 0]
    with gateway_process(*arguments) as (url, process):
        asyncio.run(wave(url, 200))
        held = memory(process)
        outcomes = asyncio.run(wave(url, 200, upstream))
        assert len(outcomes) == 200 and "left" in outcomes
        stayed = [outcome for outcome in outcomes if outcome != "left"]
        assert stayed.count("answer") > 0.9 * len(stayed), outcomes
        assert set(stayed) <= {"answer", "error", 429, 502, 503, 504}
        deadline = time.monotonic() + 5
        while upstream.told()["now"]:
            assert time.monotonic() < deadline, upstream.told()
            time.sleep(0.05)
        lines = httpx.get(f"{url}/../metrics").text.splitlines()
        assert "tts_requests_in_flight 0.0" in lines and "tts_upstream_requests 0.0" in lines
        asyncio.run(wave(url, 200))
        assert memory(process) < 1.15 * held + 20e6
