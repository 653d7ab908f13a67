"""Servers that have conversations only: streamed, counted, and honest about what they cannot do."""

import json
import logging
import queue
from contextlib import contextmanager

import pytest
from completion_server import Script, serving, until
from fake_backend import FakeTokenizer
from hypothesis import given
from hypothesis import strategies as st

from tts_gym.answers import extract
from tts_gym.errors import BackendError
from tts_gym.llm import Delta, Request, Sampling, chat_server, make_backend
from tts_gym.llm.pieces import Pieces

pytest.importorskip("openai")

ASKED = ({"role": "system", "content": "Be short."}, {"role": "user", "content": "What is 6 * 7?"})
ANSWER = "The final answer is \\boxed{42}."


class Tokens(FakeTokenizer):
    def __init__(self, name):
        pass


@pytest.fixture(autouse=True)
def tokenizer(monkeypatch):
    monkeypatch.setattr(chat_server, "Tokenizer", Tokens)


@contextmanager
def connected(script, tokenizer="t", **options):
    with serving(script) as url:
        backend = make_backend("chat", "m", base_url=url, tokenizer=tokenizer, **options)
        script.times.clear()
        yield backend
        backend.close()


def chunk(**delta):
    return b"data: " + json.dumps({"choices": [{"index": 0, "delta": delta, "finish_reason": None}]}).encode() + b"\n\n"


def ending(generated=None, reason="stop"):
    usage = {"prompt_tokens": 25, "completion_tokens": generated} if generated else None
    for document in {"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]}, {"choices": [], "usage": usage}:
        yield b"data: " + json.dumps(document).encode() + b"\n\n"
    yield b"data: [DONE]\n\n"


def streaming(asked, said=({"content": ANSWER},), generated=None, reason="stop"):
    """A server that streams parts of messages, character by character."""

    def pieces():
        yield chunk(role="assistant", content="")
        for part in said:
            for name, text in part.items():
                yield from (chunk(**{name: character}) for character in text)
        yield from ending(generated, reason)

    return 200, pieces()


def whole(asked, **message):
    message = {"role": "assistant", "content": ANSWER} | message
    return 200, {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}], "usage": {"prompt_tokens": 25}}


def ask(backend, key=0, n=1, stream=True, **sampling):
    backend.submit([Request(key, (), Sampling(**{"max_tokens": 90} | sampling), n, stream, ASKED)])


def collect(backend):
    deltas, results = [], {}
    while arrived := backend.arrived():
        for each in arrived:
            if isinstance(each, Delta):
                deltas.append(each)
            else:
                results[each.key] = each
    return deltas, results


@pytest.mark.parametrize("name", ["reasoning_content", "reasoning"])
def test_reasoning_is_put_back_before_the_answer(name):
    said = [{name: "Perhaps \\boxed{41}. No."}, {"content": ANSWER}]
    with connected(Script(lambda asked: streaming(asked, said))) as backend:
        ask(backend)
        deltas, results = collect(backend)
        (streamed,) = results[0].completions
        ask(backend, stream=False, n=2)
        _, results = collect(backend)
    assert streamed.text == f"<think>Perhaps \\boxed{{41}}. No.</think>{ANSWER}"
    assert [one.text for one in results[0].completions] == [streamed.text] * 2
    assert extract(streamed.text).answer == "42"
    come = "".join(delta.text for delta in deltas)
    assert come == streamed.text.removesuffix(" \\boxed{42}.")
    tokens = [token for delta in deltas for token in delta.tokens]
    assert tokens == streamed.tokens.tolist()[: len(tokens)] == [*map(ord, come)]


def test_an_answer_may_come_whole():
    with connected(Script(lambda asked: whole(asked, reasoning="6 * 7"))) as backend:
        ask(backend)
        _, results = collect(backend)
    assert results[0].completions[0].text == f"<think>6 * 7</think>{ANSWER}"
    assert results[0].prompt_tokens == 25


@pytest.mark.parametrize(("stream", "generated", "length"), [(True, 500, 500), (False, 500, 500), (False, 8, 8)])
def test_the_server_counts_the_tokens_also_those_it_hides(stream, generated, length):
    with connected(Script(lambda asked: streaming(asked, generated=generated)), tokenizer=None) as backend:
        ask(backend, stream=stream)
        _, results = collect(backend)
    (answer,) = results[0].completions
    assert len(answer.tokens) == length and answer.text == ANSWER


def test_arguments_of_the_template_are_sent_where_the_server_looks_for_them():
    seen = []
    arguments = {"enable_thinking": False, "reasoning_effort": "low"}
    with connected(Script(lambda asked: seen.append(asked) or whole(asked))) as backend:
        backend.submit([Request(0, (), Sampling(90, top_k=5), messages=ASKED, template_arguments=arguments)])
        assert collect(backend)[1][0].error is None
    asked = seen[-1]
    assert asked["reasoning_effort"] == "low" and asked["top_k"] == 5
    assert asked["chat_template_kwargs"] == {"enable_thinking": False}
    assert "chat_template_kwargs" not in seen[0]


def test_tokens_handed_out_are_never_taken_back():
    with connected(Script(lambda asked: streaming(asked, generated=2))) as backend:
        ask(backend)
        deltas, results = collect(backend)
    tokens = [token for delta in deltas for token in delta.tokens]
    assert len(tokens) > 2 and results[0].completions[0].tokens.tolist() == tokens


def test_an_answer_all_hidden_is_an_answer_cut_off():
    with connected(Script(lambda asked: streaming(asked, said=(), generated=90, reason="length"))) as backend:
        ask(backend)
        _, results = collect(backend)
    (answer,) = results[0].completions
    assert (answer.text, answer.finish_reason, len(answer.tokens)) == ("", "length", 90)


def test_what_cannot_be_had_is_known_and_refused_before_anything_is_asked():
    script = Script(streaming)
    with connected(script) as backend:
        assert not backend.signals.probes and not backend.signals.logprobs and not backend.signals.token_ids
        with pytest.raises(BackendError, match="m has conversations only: give messages"):
            backend.submit([Request(0, (1, 2), Sampling(5))])
        with pytest.raises(BackendError, match="at most 0"):
            ask(backend, top_logprobs=1)
        with pytest.raises(BackendError, match="seeds"):
            ask(backend, seed=1)
        assert script.times == []


def test_an_estimate_is_said_once(caplog):
    with caplog.at_level(logging.WARNING), connected(Script(streaming), tokenizer=None) as backend:
        for _ in range(2):
            ask(backend)
            collect(backend)
    (said,) = caplog.records
    assert "are estimated" in said.message and "-o tokenizer=PATH" in said.message


@pytest.mark.parametrize("limit", ["max_tokens", "max_completion_tokens"])
@pytest.mark.parametrize("streams", [True, False])
def test_a_server_is_asked_as_it_likes(limit, streams):
    taken = []

    def picky(asked):
        other = {"max_tokens", "max_completion_tokens"} - {limit}
        if other & asked.keys() or (not streams and "stream" in asked):
            return 400, {"error": {"message": "unsupported"}}
        taken.append(asked)
        return streaming(asked) if streams else whole(asked)

    with connected(Script(picky), seeds=True) as backend:
        ask(backend, n=2, stream=False, seed=5, stop=("\n",), top_k=3, temperature=0.5)
        _, results = collect(backend)
    assert results[0].error is None and len(results[0].completions) == 2
    first, second = sorted(taken[1:], key=lambda asked: asked["seed"])
    assert first["messages"] == list(ASKED) and first[limit] == 90
    assert (first["seed"], second["seed"], first["stop"], first["top_k"]) == (5, 6, ["\n"], 3)
    assert first["temperature"] == 0.5 and "n" not in first


def test_a_lost_connection_is_mended_only_before_something_is_handed_out():
    script = Script(streaming)

    def breaking(after):
        def reply(asked):
            status, pieces = streaming(asked)

            def some():
                for _ in range(after):
                    yield next(pieces)
                script.break_off()

            return status, some() if len(script.times) == 1 else pieces

        return reply

    with connected(script) as backend:
        script.reply = breaking(3)
        ask(backend)
        assert collect(backend)[1][0].completions[0].text == ANSWER
        script.times.clear()
        script.reply = breaking(20)
        ask(backend)
        assert "lost within an answer" in collect(backend)[1][0].error
        script.times.clear()
        ask(backend, stream=False)
        assert collect(backend)[1][0].completions[0].text == ANSWER


def test_a_cancelled_answer_closes_its_connection():
    script, left = Script(streaming), queue.Queue()

    def halting(asked):
        left.put(script.is_left())
        return streaming(asked)

    with connected(script) as backend:
        script.reply = halting
        ask(backend)
        until(lambda: script.running == 1)
        backend.cancel([0])
        assert left.get(timeout=5)
        assert backend.arrived() == []


@pytest.mark.parametrize("body", [b"<html>", {"choices": []}, {"choices": 7}])
def test_another_server_is_said_at_once(body):
    script = Script(lambda asked: (200, body))
    with serving(script) as url, pytest.raises(BackendError, match="correct the address"):
        make_backend("chat", "m", base_url=url)


@given(st.text(max_size=60))
def test_pieces_make_the_text(text):
    pieces = Pieces()
    ids = pieces.encode(text)
    assert pieces.decode(ids) == text and pieces.encode(text) == ids
    assert pieces.decode([*ids, *pieces.end_ids]) == text


def test_pieces_are_about_as_many_as_tokens():
    text = "We compute 12 + 30 = 42, because twelve and thirty make forty-two. The answer is 42."
    assert 20 <= len(Pieces().encode(text)) <= 35
