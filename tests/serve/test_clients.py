"""Clients as they are, before a gateway as it is, before a real vLLM server."""

import asyncio
import json
import subprocess

import pytest
from processes import gateway_process

pytestmark = [pytest.mark.vllm, pytest.mark.filterwarnings("ignore")]

TURNS = [{"role": "user", "content": "What is 1 + 1?"}]
KEY = "a key of its own"


@pytest.fixture(scope="module")
def gate(server):
    arguments = ["--upstream", server.url, "-c", "sc:n=3", "-c", "cmc:beta=0.5", "-c", "parallel-probe"]
    limits = ["--interval", 20, "--max-tokens", 80, "--branches", 6, "--api-key", KEY]
    with gateway_process(*arguments, *limits) as (url, _):
        yield url, server.model


@pytest.fixture
def sdk(gate):
    openai = pytest.importorskip("openai")
    url, _ = gate
    with openai.OpenAI(base_url=url, api_key=KEY, max_retries=0) as client:
        yield client


def test_openai(gate, sdk):
    _, model = gate
    raw = sdk.chat.completions.with_raw_response.create(
        model=model, messages=TURNS, extra_headers={"x-tts-controller": "cmc", "x-tts-beta": "0.2"}, temperature=1.0
    )
    said = raw.parse()
    assert raw.headers["x-tts-controller"] == "cmc:beta=0.2"
    assert said.choices[0].message.role == "assistant" and said.choices[0].finish_reason in ("stop", "length")
    assert said.usage.completion_tokens > 0 and said.usage.prompt_tokens > 0
    assert said.usage.total_tokens == said.usage.completion_tokens + said.usage.prompt_tokens
    again = sdk.chat.completions.create(
        model=model, messages=TURNS, extra_body={"tts": {"controller": "parallel-probe"}}
    )
    assert again.tts["controller"].startswith("parallel-probe")
    assert {each.id for each in sdk.models.list()} == {
        model,
        *(f"{model}@{c}" for c in ("sc", "cmc", "parallel-probe")),
    }
    text = sdk.completions.create(model=f"{model}@sc:n=2", prompt="What is 1 + 1?", max_tokens=20)
    assert text.choices[0].text is not None and text.tts["width"] == 2


def test_openai_in_a_stream(gate, sdk):
    _, model = gate
    stream = sdk.chat.completions.create(
        model=f"{model}@cmc:beta=0", messages=TURNS, stream=True, stream_options={"include_usage": True}
    )
    *chunks, last = stream
    assert chunks[0].choices[0].delta.role == "assistant"
    assert chunks[-1].choices[0].finish_reason in ("stop", "length")
    assert last.usage.completion_tokens > 0 and last.choices == []


def test_openai_at_the_same_time(gate):
    openai = pytest.importorskip("openai")
    url, model = gate

    async def ask():
        async with openai.AsyncOpenAI(base_url=url, api_key=KEY) as client:
            names = [model, f"{model}@cmc", f"{model}@parallel-probe"] * 3
            create = client.chat.completions.create
            return await asyncio.gather(*[create(model=name, messages=TURNS) for name in names])

    assert all(said.choices[0].message.content is not None for said in asyncio.run(ask()))


def test_openai_is_told_what_is_wrong(gate, sdk):
    openai = pytest.importorskip("openai")
    _, model = gate
    with pytest.raises(openai.BadRequestError, match="between 0 and 1"):
        sdk.chat.completions.create(model=f"{model}@cmc:beta=7", messages=TURNS)
    with pytest.raises(openai.NotFoundError, match="no model"):
        sdk.chat.completions.create(model="other", messages=TURNS)
    with pytest.raises(openai.BadRequestError, match="leaves no room"):
        sdk.chat.completions.create(model=model, messages=[{"role": "user", "content": "one two three " * 4000}])
    with pytest.raises(openai.AuthenticationError):
        sdk.with_options(api_key="none").models.list()


def test_openai_goes_through(gate, sdk):
    _, model = gate
    raw = sdk.chat.completions.with_raw_response.create(model=f"{model}@sc", messages=TURNS, n=2, max_tokens=8)
    assert raw.headers["x-tts-through"] == "n" and len(raw.parse().choices) == 2
    stream = sdk.chat.completions.create(
        model=model, messages=TURNS, temperature=0, max_tokens=8, stream=True, stream_options={"include_usage": True}
    )
    *_, last = stream
    assert last.usage.completion_tokens <= 8


def test_litellm(gate):
    litellm = pytest.importorskip("litellm")
    url, model = gate
    name = f"openai/{model}@cmc"
    said = litellm.completion(model=name, messages=TURNS, api_base=url, api_key=KEY)
    assert said.choices[0].message.content is not None and said.usage.completion_tokens > 0
    stream = litellm.completion(
        model=name, messages=TURNS, api_base=url, api_key=KEY, stream=True, stream_options={"include_usage": True}
    )
    *_, last = stream
    assert last.usage.completion_tokens > 0


def test_inspect(gate, tmp_path):
    inspect_ai = pytest.importorskip("inspect_ai")
    from inspect_ai.dataset import Sample
    from inspect_ai.model import get_model
    from inspect_ai.scorer import includes

    url, model = gate
    task = inspect_ai.Task(
        dataset=[Sample(input=f"What is {n} + 1?", target=str(n + 1)) for n in range(4)], scorer=includes()
    )
    asked = get_model(f"openai-api/gateway/{model}@cmc", base_url=url, api_key=KEY)
    (log,) = inspect_ai.eval(task, model=asked, log_dir=str(tmp_path), display="none")
    assert log.status == "success", log.error
    assert len(log.samples) == 4 and all(sample.output.usage.output_tokens > 0 for sample in log.samples)


def test_curl(gate):
    url, model = gate
    body = json.dumps({"model": f"{model}@cmc", "messages": TURNS, "stream": True})
    command = ["curl", "-sN", f"{url}/chat/completions", "-H", f"Authorization: Bearer {KEY}", "-d", body]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.startswith("data: {") and done.stdout.endswith("data: [DONE]\n\n")
