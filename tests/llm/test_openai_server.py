"""Servers that give less than vLLM does, misbehave, or die: told up front, tried again, never waited for in vain."""

import time
from contextlib import contextmanager

import numpy as np
import pytest
from completion_server import Script, completion, plain, serving

from tts_gym.errors import BackendError
from tts_gym.llm import Request, Sampling, make_backend

pytestmark = [pytest.mark.vllm, pytest.mark.filterwarnings("ignore")]


@contextmanager
def connected(script, tiny_model, **options):
    with serving(script) as url:
        backend = make_backend("openai", "m", base_url=url, tokenizer=tiny_model, **options)
        script.times.clear()
        yield backend
        backend.close()


def run(backend, number=1, n=1, **sampling):
    prompt = backend.tokenizer.encode("What is 6 * 7?")
    backend.submit([Request(key, prompt, Sampling(**{"max_tokens": 20} | sampling), n) for key in range(number)])
    results = {}
    while done := backend.finished():
        results |= {result.key: result for result in done}
    assert results.keys() == set(range(number))
    return results


def test_a_plain_server_says_what_it_cannot_give(tiny_model):
    with connected(Script(), tiny_model) as backend:
        signals = backend.signals
        assert not (signals.token_ids or signals.logprobs or signals.top_logprobs or signals.cached_tokens)
        assert not signals.scores
        with pytest.raises(BackendError, match="gives tokens to score, but m has log-prob"):
            backend.submit([Request(0, (1, 2, 3), Sampling(1), scored=2)])
        with pytest.raises(BackendError, match="at most 0"):
            run(backend, top_logprobs=1)
        (result,) = run(backend, n=2).values()
        for one in result.completions:
            assert (one.text, one.finish_reason, one.logprobs) == ("The answer is 42.", "stop", None)
            assert tuple(one.tokens) == backend.tokenizer.encode("The answer is 42.")
        assert result.cached_tokens is None


def test_log_probabilities_without_ids_are_kept_where_they_match(tiny_model):
    text = "The answer is 42."

    def reply(asked):
        wanted = min(asked.get("logprobs", 0), 5)
        count = length + more
        logprobs = {
            "token_logprobs": [-0.5] * count,
            "tokens": ["x"] * count,
            "top_logprobs": [{f"t{n}": -0.1 - n for n in range(wanted)}] * count,
        }
        return plain(asked, text, logprobs=logprobs)

    from tts_gym.llm.tokenizer import Tokenizer

    length, more = len(Tokenizer(tiny_model).encode(text)), 1
    script = Script()
    script.reply = reply
    with connected(script, tiny_model) as backend:
        assert backend.signals.logprobs and backend.signals.top_logprobs == 5 and not backend.signals.token_ids
        (one,) = run(backend, top_logprobs=2)[0].completions
        assert one.logprobs.tolist() == [-0.5] * len(one.tokens)
        np.testing.assert_allclose(one.top_logprobs, [[-0.1, -1.1]] * len(one.tokens), rtol=1e-6)
        more = 3
        (one,) = run(backend, top_logprobs=2)[0].completions
        assert one.logprobs is None and one.top_logprobs is None and len(one.tokens) == length


@pytest.mark.parametrize("extra", [-1, 0, 1, 2])
def test_a_server_scores_where_what_it_echoes_fits_the_prompt(tiny_model, extra):
    def reply(asked):
        count = len(asked["prompt"]) + extra if asked.pop("echo", False) else 1
        top = [None] + [{"a": -0.5, "b": -1.5}] * (count - 1)
        return plain(asked, "x", logprobs={"token_logprobs": [None] + [-0.5] * (count - 1), "top_logprobs": top})

    with connected(Script(reply), tiny_model) as backend:
        assert backend.signals.scores == (extra in (0, 1))
        if backend.signals.scores:
            backend.submit([Request(0, (1, 2, 3, 4), Sampling(1, 0.0), scored=3)])
            (scored,) = backend.finished()[0].completions
            assert (scored.tokens.tolist(), scored.logprobs.tolist()) == ([2, 3, 4], [-0.5] * 3)


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_server_is_asked_again_later(tiny_model, status):
    script = Script()
    with connected(script, tiny_model, retries=3) as backend:
        script.reply = lambda asked: (status, {}) if len(script.times) <= 2 else plain(asked)
        assert run(backend)[0].error is None
        first, second = np.diff(script.times)
        assert first > 0.3 and second > 0.7


def test_a_server_that_never_recovers_gives_errors(tiny_model):
    script = Script()
    with connected(script, tiny_model, retries=1) as backend:
        script.reply = lambda asked: (500, {"error": {"message": "engine is dead"}})
        results = run(backend, 3)
        assert all("engine is dead" in result.error and not result.completions for result in results.values())
        assert len(script.times) == 6


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        ((200, b"<html>"), "no usable answer"),
        ((200, {"choices": []}), "0 continuations instead of 1"),
        ((400, {"error": {"message": "too long"}}), "too long"),
        (completion({}, "x", finish_reason="content_filter"), "content_filter"),
    ],
)
def test_an_unusable_answer_is_an_error(tiny_model, reply, reason):
    script = Script()
    with connected(script, tiny_model, retries=1) as backend:
        script.reply = lambda asked: reply
        assert reason in run(backend)[0].error
        script.reply = plain
        assert run(backend)[0].error is None


def test_a_slow_answer_is_given_up(tiny_model):
    script = Script()
    with connected(script, tiny_model, retries=1, timeout=0.4) as backend:
        script.reply = lambda asked: (time.sleep(2.0), plain(asked))[1]
        assert "in 2 attempts" in run(backend)[0].error


def test_requests_at_a_time_are_bounded(tiny_model):
    script = Script()
    with connected(script, tiny_model, concurrency=4) as backend:
        script.reply = lambda asked: (time.sleep(0.02), plain(asked))[1]
        results = run(backend, 40)
        assert all(result.error is None for result in results.values())
        assert 2 <= script.most_running <= 4


def test_no_server_is_said_at_once(tiny_model):
    with pytest.raises(BackendError, match="No server answers at http://127.0.0.1:9/v1"):
        make_backend("openai", tiny_model, base_url="http://127.0.0.1:9/v1")


@pytest.mark.parametrize("body", [b"<html>", {"choices": []}])
def test_a_server_of_something_else_is_said_at_once(tiny_model, body):
    script = Script()
    script.reply = lambda asked: (200, body)
    with serving(script) as url, pytest.raises(BackendError, match="correct the address"):
        make_backend("openai", "m", base_url=url, tokenizer=tiny_model)


def test_an_unknown_model_is_said_at_once(server):
    with pytest.raises(BackendError, match="does not exist"):
        make_backend("openai", "other", base_url=server.url, tokenizer=server.model)


def test_a_closed_backend_takes_nothing(tiny_model):
    with connected(Script(), tiny_model) as backend:
        backend.close()
        assert backend.finished() == []
        with pytest.raises(BackendError, match="closed"):
            run(backend)


def test_a_killed_server_fails_its_requests(doomed_server):
    backend = make_backend("openai", doomed_server.model, base_url=doomed_server.url, timeout=20, concurrency=16)
    prompt = backend.tokenizer.encode("What is 1 + 1?")
    backend.submit(Request(key, prompt, Sampling(450, temperature=2.0), n=8) for key in range(48))
    results = backend.finished()
    doomed_server.kill()
    start = time.monotonic()
    while done := backend.finished():
        results += done
    assert time.monotonic() - start < 60
    assert sorted(result.key for result in results) == list(range(48))
    assert any(result.error is None for result in results)
    failed = [result for result in results if result.error]
    assert failed and all("given up" in result.error for result in failed)
    with pytest.raises(BackendError, match="did not answer health checks"):
        backend.submit([Request(99, prompt, Sampling(1))])
    backend.close()
