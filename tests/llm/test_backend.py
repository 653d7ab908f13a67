"""What every backend checks before it runs a request, and how backends are made."""

import sys

import pytest
from fake_backend import FakeBackend
from hypothesis import given, settings
from hypothesis import strategies as st

from tts_gym.errors import BackendError
from tts_gym.llm import Request, Sampling, make_backend
from tts_gym.registry import BACKENDS


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_tokens": 0},
        {"temperature": -0.1},
        {"temperature": float("nan")},
        {"top_p": 0.0},
        {"top_p": 1.1},
        {"top_k": -1},
        {"top_logprobs": -1},
        {"stop": ("a", "")},
        {"stop": "text"},
    ],
)
def test_wrong_sampling_is_refused(wrong):
    with pytest.raises(ValueError):
        Sampling(**{"max_tokens": 1} | wrong)


def test_wrong_requests_are_refused():
    with pytest.raises(ValueError, match="empty prompt"):
        Request(0, (), Sampling(1))
    with pytest.raises(ValueError, match="at least 1"):
        Request(0, (1,), Sampling(1), n=0)
    with pytest.raises(ValueError, match="streams 2 continuations"):
        Request(0, (1,), Sampling(1), n=2, stream=True)
    with pytest.raises(ValueError, match="both a prompt and messages"):
        Request(0, (1,), Sampling(1), messages=({"role": "user", "content": "x"},))
    for wrong in ({"scored": 3}, {"scored": -1}, {"scored": 1, "n": 2}, {"scored": 1, "stream": True}):
        with pytest.raises(ValueError, match="score fewer than all of them, once"):
            Request(0, (1, 2, 3), Sampling(1), **wrong)


def test_an_unknown_kind_is_refused():
    with pytest.raises(BackendError, match="use one of vllm, openai, transformers"):
        make_backend("llama", "model")


@pytest.mark.parametrize(("kind", "extra"), [("vllm", "vllm"), ("openai", "collect"), ("transformers", "collect")])
def test_a_missing_extra_is_named(monkeypatch, kind, extra):
    monkeypatch.delitem(sys.modules, BACKENDS.shipped[kind].module, raising=False)
    monkeypatch.setitem(sys.modules, kind, None)
    with pytest.raises(BackendError, match=f"The backend {kind} needs {kind}: .* extra {extra}"):
        make_backend(kind, "model")


def test_importing_the_package_imports_no_heavy_library():
    import subprocess

    code = "import tts_gym.llm, sys; print({'torch', 'vllm', 'transformers', 'openai'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "set()"


@settings(deadline=None)
@given(st.lists(st.tuples(st.text(min_size=1, max_size=30), st.integers(1, 60), st.integers(1, 4)), max_size=12))
def test_every_request_comes_back_once(wanted):
    backend = FakeBackend(context=64)
    requests = [
        Request(key, backend.tokenizer.encode(text), Sampling(tokens), n)
        for key, (text, tokens, n) in enumerate(wanted)
    ]
    backend.submit(requests)
    results = {}
    while done := backend.finished():
        assert not results.keys() & {result.key for result in done}
        results |= {result.key: result for result in done}
    assert results.keys() == set(range(len(requests)))
    for request in requests:
        result = results[request.key]
        fits = len(request.prompt) + request.sampling.max_tokens <= 64
        assert (result.error is None) == fits
        assert len(result.completions) == (request.n if fits else 0)


def test_a_backend_of_token_ids_takes_no_messages():
    with pytest.raises(BackendError, match="fake takes token ids"):
        FakeBackend().submit([Request(0, (), Sampling(1), messages=({"role": "user", "content": "x"},))])


def test_one_bad_request_keeps_the_others_out():
    backend = FakeBackend(top_logprobs=2)
    good = Request(0, (65,), Sampling(3))
    for bad in (good, Request(1, (65,), Sampling(3, top_logprobs=3))):
        with pytest.raises(BackendError):
            backend.submit([good, bad])
        assert backend.finished() == []
