"""Servers stream: what comes is handed out, goes on where a connection is lost, and stops where it is cancelled."""

import logging
import queue
import threading
import time

import numpy as np
import pytest
from arrivals import collect
from completion_server import Script, plain, until
from fake_backend import END, FakeTokenizer
from hypothesis import given
from hypothesis import strategies as st
from test_openai_failures import TEXT, connected, streaming
from test_openai_failures import tokenizer as tokenizer  # Of these tests, too.

from tts_gym.llm import Delta, Request, Sampling
from tts_gym.llm.openai_stream import Stream

PROMPT = tuple(map(ord, "What is 6 * 7?"))


def ask(backend, key=0, tokens=40, n=1, stream=True, **sampling):
    backend.submit([Request(key, PROMPT, Sampling(tokens, **sampling), n, stream)])


def going_on(asked, text=TEXT, **options):
    """A server that says what is missing of ``text`` after the prompt."""
    return streaming(asked, text=text[len(asked["prompt"]) - len(PROMPT) :], **options)


def test_deltas_are_the_beginning_of_the_result_without_the_token_that_ends_it():
    with connected(Script(streaming)) as backend:
        ask(backend, 3, top_logprobs=2)
        ask(backend, 4, stream=False, top_logprobs=2)
        deltas, results = collect(backend)
    assert deltas.keys() == {3} and results.keys() == {3, 4}
    (whole,), (at_once,) = results[3].completions, results[4].completions
    assert (whole.text, whole.tokens.tolist()) == (TEXT, [*map(ord, TEXT), END])
    assert [delta.text for delta in deltas[3]] == list(TEXT)
    assert np.concatenate([delta.tokens for delta in deltas[3]]).tolist() == whole.tokens[:-1].tolist()
    assert (whole.told, len(whole.logprobs)) == (len(TEXT), 1)
    for attribute in "logprobs", "top_logprobs":
        come = np.concatenate([getattr(part, attribute) for part in (*deltas[3], whole)])
        np.testing.assert_array_equal(come, getattr(at_once, attribute))
        assert come.dtype == getattr(at_once, attribute).dtype


def test_something_arrives_long_before_the_end():
    script, gate = Script(streaming), threading.Event()

    def halting(asked):
        status, pieces = streaming(asked)

        def halted():
            yield next(pieces)
            assert gate.wait(5)
            yield from pieces

        return status, halted()

    with connected(script) as backend:
        script.reply = halting
        ask(backend)
        (delta,) = backend.arrived()
        assert delta.tokens.tolist() == [ord(TEXT[0])]
        gate.set()
        assert backend.finished()[0].completions[0].text == TEXT


def test_a_server_may_take_the_request_and_not_stream():
    with connected(Script(plain)) as backend:
        ask(backend)
        _, results = collect(backend)
    assert results[0].completions[0].text == TEXT


@pytest.mark.parametrize("ids", [True, False])
def test_a_lost_connection_goes_on_from_what_has_come(ids):
    script, asked_for = Script(lambda asked: streaming(asked, ids=ids)), []

    def breaking(asked):
        asked_for.append(asked)
        status, pieces = going_on(asked, ids=ids)

        def some():
            for _ in range(6):
                yield next(pieces)
            script.break_off()

        return status, some() if len(asked_for) < 3 else pieces

    with connected(script) as backend:
        script.reply = breaking
        ask(backend)
        deltas, results = collect(backend)
    (whole,) = results[0].completions
    tokens = whole.tokens.tolist()
    assert (whole.text, tokens, whole.finish_reason) == (TEXT, [*map(ord, TEXT), *[END] * ids], "stop")
    come = [token for delta in deltas[0] for token in delta.tokens.tolist()]
    assert come == tokens[: len(come)] and len(come) >= len(TEXT) - len(" 42.")
    given = [len(asked["prompt"]) - len(PROMPT) for asked in asked_for]
    assert given == ([0, 6, 12] if ids else [0, len("The"), len("The")])
    assert [asked["prompt"] for asked in asked_for] == [[*PROMPT, *tokens[:number]] for number in given]
    assert [asked["max_tokens"] for asked in asked_for] == [40 - number for number in given]
    assert results[0].prompt_tokens == len(PROMPT)
    assert (whole.logprobs is not None) == ids


def test_nothing_is_asked_for_where_all_had_come():
    script = Script(streaming)

    def breaking(asked):
        status, pieces = streaming(asked)

        def some():
            for _ in range(5):
                yield next(pieces)
            script.break_off()

        return status, some()

    with connected(script) as backend:
        script.reply = breaking
        ask(backend, tokens=5)
        _, results = collect(backend)
        assert len(script.times) == 1
    (whole,) = results[0].completions
    assert (whole.text, whole.finish_reason) == (TEXT[:5], "length")


@given(st.text(st.sampled_from("ab \n\té"), max_size=30), st.data())
def test_words_read_back_are_the_beginning_of_the_whole(text, data):
    tokens = max(1, len(text))
    stream = Stream(Request(0, PROMPT, Sampling(tokens, stop=("x",)), 1, True), FakeTokenizer(), False, False)
    deltas = []
    while text:
        piece = text[: data.draw(st.integers(1, len(text)))]
        text = text[len(piece) :]
        choice = {"text": piece, "finish_reason": None if text else "stop"}
        deltas.append(stream.take({"choices": [choice]}))
    stream.take({"choices": [{"text": "", "finish_reason": "stop"}]})
    whole = stream.completion()
    deltas = [delta for delta in deltas if delta is not None]
    come = "".join(delta.text for delta in deltas)
    assert whole.text.startswith(come) and len(whole.text.removeprefix(come).split()) <= 1
    assert [token for delta in deltas for token in delta.tokens] == [*map(ord, come)]
    assert whole.tokens.tolist() == [*map(ord, whole.text)]


def test_what_missing_ids_cost_is_said_once(caplog):
    def run(ids):
        caplog.clear()
        with connected(Script(lambda asked: streaming(asked, ids=ids))) as backend, caplog.at_level(logging.WARNING):
            ask(backend, stream=False)
            assert backend.finished() and not caplog.records
            for _ in range(2):
                ask(backend)
                assert backend.finished()
        return [record.message for record in caplog.records]

    assert run(ids=True) == []
    (said,) = run(ids=False)
    assert "does not say which tokens it generates" in said


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("sent", [None, 0, 3])
def test_a_cancelled_request_closes_its_connection(stream, sent):
    """Before the server answers, before the first token, and after some."""
    script, left, halted = Script(streaming), queue.Queue(), threading.Event()

    def wait():
        halted.set()
        left.put(script.is_left())

    def halting(asked):
        status, pieces = streaming(asked)
        if sent is None:
            wait()

        def some():
            yield b": hello\n\n"
            for _ in range(sent or 0):
                yield next(pieces)
            wait()

        return status, some()

    with connected(script) as backend:
        script.reply = halting
        ask(backend, 0, stream=stream)
        assert halted.wait(5)
        if sent and stream:
            assert isinstance(backend.arrived()[0], Delta)
        start = time.monotonic()
        backend.cancel([0, 17])
        assert left.get(timeout=5) and time.monotonic() - start < 2
        script.reply = streaming
        assert backend.arrived() == []
        ask(backend, 0)
        _, results = collect(backend)
        assert results[0].error is None and results[0].completions[0].text == TEXT


def test_a_cancelled_request_of_several_continuations_closes_all_its_connections():
    script, left = Script(streaming), queue.Queue()

    def halting(asked):
        if asked["n"] > 1:
            return 400, {"error": {"message": "n must be 1"}}
        left.put(script.is_left())
        return streaming(asked)

    with connected(script) as backend:
        script.reply = halting
        ask(backend, n=3, stream=False)
        until(lambda: script.running == 3)
        backend.cancel([0])
        assert [left.get(timeout=5) for _ in range(3)] == [True] * 3


def test_a_request_that_waits_to_be_tried_again_is_cancelled():
    script = Script(streaming)
    with connected(script) as backend:
        script.reply = lambda asked: (429, {})
        ask(backend)
        until(lambda: len(script.times) == 1 and not script.running)
        backend.cancel([0])
        assert backend.arrived() == []
        time.sleep(1.0)
        assert len(script.times) == 1


def test_a_request_that_waits_for_others_is_cancelled():
    script, gate = Script(streaming), threading.Event()
    with connected(script, concurrency=1) as backend:
        script.reply = lambda asked: (gate.wait(5), streaming(asked))[1]
        for key in range(3):
            ask(backend, key)
        until(lambda: script.running == 1)
        backend.cancel([1])
        gate.set()
        _, results = collect(backend)
        assert results.keys() == {0, 2} and len(script.times) == 2


def test_what_had_arrived_of_a_cancelled_request_is_dropped():
    script = Script(streaming)
    with connected(script) as backend:
        ask(backend, 0)
        until(lambda: len(script.times) == 1 and not script.running)
        time.sleep(0.1)
        backend.cancel([0])
        ask(backend, 0, tokens=30)
        deltas, results = collect(backend)
        come = [token for delta in deltas[0] for token in delta.tokens]
        assert [*come, END] == results[0].completions[0].tokens.tolist()


def test_a_request_that_was_refused_at_once_is_cancelled(monkeypatch):
    with connected(Script(streaming)) as backend:
        monkeypatch.setattr(backend._pending, "_context", 50)
        ask(backend, 0, tokens=60)
        backend.cancel([0])
        assert backend.arrived() == []


def test_waiting_ends_when_another_thread_wakes_it():
    script, gate = Script(streaming), threading.Event()
    with connected(script) as backend:
        script.reply = lambda asked: (gate.wait(5), streaming(asked))[1]
        ask(backend)
        threading.Timer(0.3, backend.wake).start()
        start = time.monotonic()
        assert backend.arrived() == []
        assert 0.2 < time.monotonic() - start < 3
        backend.wake()
        backend.wake()
        assert backend.arrived() == []
        gate.set()
        assert backend.arrived() != []
