"""Servers that hang, die, dribble or answer nonsense: waited for while they live, given up when they do not."""

import logging
import re
import time
from contextlib import contextmanager

import numpy as np
import pytest
from completion_server import PLAIN, Script, chunk, completion, plain, serving
from fake_backend import END, FakeTokenizer

from tts_gym.errors import BackendError
from tts_gym.llm import Request, Sampling, make_backend, openai_backend, openai_pulse, openai_server

pytest.importorskip("openai")

TEXT = "The answer is 42."


class Tokens(FakeTokenizer):
    def continuation(self, prompt, ids, finish_reason, stop):
        return self.decode(ids)


@pytest.fixture(autouse=True)
def tokenizer(monkeypatch):
    monkeypatch.setattr(openai_server, "Tokenizer", lambda name: Tokens())


@contextmanager
def connected(script, **options):
    with serving(script) as url:
        backend = make_backend("openai", "m", base_url=url, **options)
        script.times.clear()
        script.checks = 0
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


def streaming(asked, pause=0.0, text=TEXT, ids=True):
    """A server that streams a token at a time, with ids and log-probabilities."""
    if not asked.get("stream"):
        return plain(asked)

    def pieces():
        tokens = [*map(ord, text), END] if ids else [*map(ord, text)]
        for n in range(asked.get("n", 1)):
            for place, token in enumerate(tokens):
                time.sleep(pause)
                more = {"token_ids": [token]} if ids else {}
                logprobs = {"token_logprobs": [-0.5], "top_logprobs": [{"a": -0.5, "b": -1.5}]}
                reason = "stop" if place == len(tokens) - 1 else None
                yield chunk(n, text=chr(token) if token else "", logprobs=logprobs, finish_reason=reason, **more)
        yield b': a comment\n\ndata: {"choices": [], "usage": {"prompt_tokens_details": {"cached_tokens": 3}}}\n\n'
        yield b"data: [DONE]\n\n"

    return 200, pieces()


def test_a_streamed_answer_is_that_of_one_that_comes_whole():
    with connected(Script(streaming)) as backend:
        signals = backend.signals
        assert signals.token_ids and signals.logprobs and signals.top_logprobs == 2 and signals.cached_tokens
        result = run(backend, n=3, top_logprobs=2)[0]
        assert result.cached_tokens == 3 and len(result.completions) == 3
        for one in result.completions:
            assert (one.text, one.tokens.tolist()) == (TEXT, [*map(ord, TEXT), END])
            assert one.logprobs.tolist() == [-0.5] * len(one.tokens)
            np.testing.assert_allclose(one.top_logprobs, [[-0.5, -1.5]] * len(one.tokens))


def test_chunks_may_be_cut_anywhere():
    said = b"".join(streaming({"stream": True}, text="é\u2028 42")[1])
    script = Script(lambda asked: (200, iter([said[n : n + 7] for n in range(0, len(said), 7)])))
    with connected(script) as backend:
        assert run(backend)[0].completions[0].text == "é\u2028 42"


def test_a_slow_answer_is_not_late_while_it_streams():
    script = Script(streaming)
    with connected(script, timeout=0.5) as backend:
        script.reply = lambda asked: streaming(asked, pause=0.08)
        assert run(backend)[0].completions[0].text == TEXT
        assert len(script.times) == 1


def test_a_request_is_not_late_while_the_server_talks_to_another():
    script = Script(streaming)

    def queue(asked):
        if script.running > 1:
            time.sleep(1.2)
            return streaming(asked)
        return streaming(asked, pause=0.1)

    with connected(script, timeout=0.5) as backend:
        script.reply = queue
        results = run(backend, 2)
        assert all(result.error is None for result in results.values())
        assert len(script.times) == 2


def hang(asked):
    time.sleep(8)
    return streaming(asked)


def test_a_server_that_generates_nothing_is_given_up_though_it_is_healthy(caplog):
    script = Script(streaming)
    with connected(script, timeout=0.5) as backend:
        script.reply = hang
        start = time.monotonic()
        results = run(backend, 20)
        assert time.monotonic() - start < 5
        assert all("generated nothing for 1 seconds" in result.error for result in results.values())
        with pytest.raises(BackendError, match="is given up: it generated nothing"):
            run(backend)


def test_a_server_that_hangs_altogether_is_given_up():
    script = Script(streaming)
    with connected(script, timeout=0.5) as backend:
        script.reply, script.health = hang, lambda: time.sleep(8)
        start = time.monotonic()
        results = run(backend, 20)
        assert time.monotonic() - start < 5
        assert all("did not answer health checks" in result.error for result in results.values())


def test_a_server_that_died_is_given_up_and_one_that_comes_back_is_not(monkeypatch, caplog):
    monkeypatch.setattr(openai_pulse, "GRACE", 1.0)
    monkeypatch.setattr(openai_pulse, "TELL", 0.2)
    script = Script(streaming)
    with connected(script) as backend:
        script.reply, script.health = lambda asked: (503, {}), 503
        with caplog.at_level(logging.WARNING):
            result = run(backend, 8)[7]
        assert "did not answer health checks for 1 seconds (status 503)" in result.error
        assert "is not healthy (status 503): waiting for it for up to" in caplog.text
    script.health, script.reply = 404, streaming
    with connected(script) as backend:
        back = time.monotonic() + 0.5
        script.reply = lambda asked: streaming(asked) if time.monotonic() > back else (503, {})
        assert run(backend)[0].error is None and script.checks > 0


def test_what_is_waited_for_is_told(monkeypatch, caplog):
    monkeypatch.setattr(openai_pulse, "TELL", 0.2)
    script = Script(streaming)
    with connected(script) as backend, caplog.at_level(logging.WARNING):
        script.reply = lambda asked: (time.sleep(1), streaming(asked))[1]
        assert run(backend, 3)[0].error is None
    notes = [record for record in caplog.records if "has said nothing for" in record.message]
    assert 2 <= len(notes) <= 6 and "(3 requests wait): waiting for it for up to 120 s" in notes[-1].message


def test_an_answer_that_breaks_off_is_a_clear_line():
    script = Script(streaming)
    with connected(script) as backend:
        script.reply = lambda asked: (200, iter([chunk(text="The", token_ids=[1]), b"data: {"]))
        assert "it is not JSON: '{'" in run(backend)[0].error
        script.reply = lambda asked: (200, iter([chunk(text="The", token_ids=[1])]))
        assert "finish_reason None" in run(backend)[0].error


@pytest.mark.parametrize("reply", [streaming, plain])
def test_a_server_that_refuses_several_continuations_is_asked_one_by_one(reply):
    seeds = []

    def one(asked):
        if asked.get("n", 1) > 1:
            return 400, {"error": {"message": "n must be 1"}}
        seeds.append(asked.get("seed"))
        return reply(asked)

    script = Script(one)
    with connected(script, seeds=True) as backend:
        for _ in range(2):
            seeds.clear()
            (result,) = run(backend, n=3, seed=5).values()
            assert [one.text for one in result.completions] == [TEXT] * 3
            assert sorted(seeds) == [5, 6, 7]
        assert len(script.times) == 1 + 3 + 3


@pytest.mark.parametrize("given", [1, 2])
def test_a_server_that_gives_too_few_continuations_is_asked_for_the_rest(given):
    script = Script(lambda asked: plain(asked | {"n": min(asked.get("n", 1), given)}))
    with connected(script) as backend:
        assert len(run(backend, n=3)[0].completions) == 3
        assert len(script.times) == 1 + 3 - given


def test_a_refusal_that_has_another_reason_is_told():
    script = Script()
    with connected(script) as backend:
        script.reply = lambda asked: (400, {"error": {"message": "too long"}})
        assert "too long" in run(backend, n=4)[0].error


def logprobs(number, **choice):
    return {"token_ids": [65, 66, END], "logprobs": {"token_logprobs": [-0.1] * number}, "text": "AB"} | choice


@pytest.mark.parametrize(
    ("choice", "reason"),
    [
        ({"finish_reason": None}, "finish_reason None instead of 'stop' or 'length'"),
        ({"finish_reason": "eos"}, "finish_reason 'eos' instead of 'stop' or 'length'"),
        ({"text": "", "token_ids": []}, "a continuation is empty"),
        ({"text": "", "token_ids": None, "finish_reason": "length"}, "a continuation is empty"),
        (logprobs(2), "log-probabilities do not fit the tokens: 2 .* 3 tokens"),
        (logprobs(4), "log-probabilities do not fit the tokens: 4 .* 3 tokens"),
        (logprobs(3), "log-probabilities do not fit the tokens: 3 .* at 0 positions .* 3 tokens"),
        ({"logprobs": None}, "log-probabilities do not fit"),
        ({"logprobs": 7}, "it is no completion"),
    ],
)
@pytest.mark.parametrize("stream", [True, False])
def test_a_continuation_of_no_use_is_a_clear_line(choice, reason, stream):
    script = Script(streaming)
    with connected(script) as backend:
        body = {"index": 0, "text": "A", "token_ids": [65], "finish_reason": "stop"} | choice
        script.reply = lambda asked: (200, iter([chunk(**body)]) if stream else {"choices": [body]})
        (result,) = run(backend, top_logprobs=2).values()
        assert result.error.count("\n") == 0 and result.error.startswith("the server at http://127.0.0.1:")
        assert re.search(reason, result.error)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"<html><body>502 Bad\nGateway</body></html>", "it is not JSON: '<html><body>502 Bad Gateway</body></html>'"),
        (b"data: <html>\n\n", "it is not JSON: '<html>'"),
        (b"", "0 continuations instead of 1"),
        (b"[]", "it is no completion: []"),
        (b'data: {"error": {"message": "engine is dead"}}\n\n', "engine is dead"),
        (b'{"error": "engine is dead"}', "engine is dead"),
    ],
)
def test_an_answer_of_no_use_is_a_clear_line(body, reason):
    script = Script(streaming)
    with connected(script) as backend:
        script.reply = lambda asked: (200, body)
        assert reason in run(backend)[0].error
        script.reply = streaming
        assert run(backend)[0].error is None


def test_an_empty_continuation_may_end_at_a_stop_text():
    with connected(Script(lambda asked: completion(asked, ""))) as backend:
        (one,) = run(backend, stop=("\n",))[0].completions
        assert (one.text, len(one.tokens)) == ("", 0)
        assert "is empty" in run(backend)[0].error


def test_a_server_says_how_long_to_wait():
    script = Script(streaming)
    with connected(script) as backend:
        script.reply = lambda asked: (429, {}) if len(script.times) < 2 else streaming(asked)
        assert run(backend)[0].error is None
        assert script.checks == 0


def test_a_server_that_does_not_stream_has_more_time():
    def whole(asked):
        return completion(asked, TEXT)

    for reply, seconds in (streaming, 120.0), (plain, 600.0), (whole, 600.0):
        with connected(Script(reply)) as backend:
            assert backend._pulse.timeout == seconds


def test_a_server_that_hangs_at_once_is_told(monkeypatch):
    monkeypatch.setattr(openai_backend, "FIRST", 0.5)
    with serving(Script(hang)) as url, pytest.raises(BackendError, match="does not answer a short request"):
        make_backend("openai", "m", base_url=url)


def test_a_name_without_tokenizer_points_to_the_option(monkeypatch):
    def missing(name):
        raise BackendError(f"The tokenizer of {name!r} cannot be loaded: no such model")

    monkeypatch.setattr(openai_server, "Tokenizer", missing)
    with pytest.raises(BackendError, match="-o tokenizer=PATH"):
        make_backend("openai", "served")
    with pytest.raises(BackendError, match="no such model$"):
        make_backend("openai", "served", tokenizer="/nowhere")


def test_stream_options_are_sent_only_where_they_are_taken():
    asked_for = []

    def reply(asked):
        asked_for.append(asked)
        return plain(asked)

    with connected(Script(reply)) as backend:
        asked_for.clear()
        run(backend)
    assert all(asked.keys() <= PLAIN for asked in asked_for)
