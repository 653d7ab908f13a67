"""A vLLM engine that dies takes its requests along, and nothing else."""

import multiprocessing
import os
import signal

import pytest

from tts_gym.errors import BackendError
from tts_gym.llm import Request, Sampling, make_backend

pytestmark = [pytest.mark.vllm, pytest.mark.filterwarnings("ignore")]


def kill_engine():
    (process,) = [child for child in multiprocessing.active_children() if "EngineCore" in child.name]
    os.kill(process.pid, signal.SIGKILL)


def drain(backend):
    results = []
    while done := backend.finished():
        results += done
    return sorted(results, key=lambda result: result.key)


def test_an_engine_that_dies_fails_its_requests_and_starts_again(engine):
    prompt = engine.tokenizer.encode("What is 1 + 1?")
    engine.submit(Request(key, prompt, Sampling(450), n=16) for key in range(4))
    kill_engine()
    results = drain(engine)
    assert [result.key for result in results] == [0, 1, 2, 3]
    assert all("engine died" in result.error and not result.completions for result in results)
    engine.submit([Request(0, prompt, Sampling(5))])
    assert [result.error for result in drain(engine)] == [None]


def test_a_refused_request_fails_alone(engine):
    prompt = engine.tokenizer.encode("What is 1 + 1?")
    engine.submit([Request(0, prompt, Sampling(5, temperature=1e6)), Request(1, prompt, Sampling(5))])
    refused, run = drain(engine)
    assert "vLLM refuses it: temperature" in refused.error
    assert run.error is None


def test_wrong_arguments_are_named(tiny_model):
    with pytest.raises(BackendError, match="no_such_argument"):
        make_backend("vllm", tiny_model, no_such_argument=1)
