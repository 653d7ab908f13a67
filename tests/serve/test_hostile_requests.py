"""Requests that are wrong, or meant to harm: refused in a sentence, and nothing is spent on them."""

import json
import socket
import time
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from scripted_upstream import Thinker, address, ask, thinking

pytest.importorskip("fastapi")

TURN = {"role": "user", "content": "What is 6 * 7?"}


@pytest.fixture(scope="module")
def patched():
    with pytest.MonkeyPatch.context() as patch:
        yield patch


@pytest.fixture(scope="module")
def gate(patched):
    """A gateway of which nothing is ever to be had."""
    specs = ["sc:n=3", "cmc:beta=0.5", "crew"]
    with thinking(patched, Thinker(), specs=specs, body=100_000, reading=1.0, branches=8) as (client, script, gateway):
        yield client
        assert script.completions == [] and script.chats == []
        assert "tts_tokens_total{" not in gateway.metrics.text().decode()


def refused(response, status=400, words=""):
    assert response.status_code == status, response.text
    error = response.json()["error"]
    assert error.keys() == {"message", "type", "param", "code"} and error["code"] == status
    assert words in error["message"] and "\n" not in error["message"]
    assert error["message"].endswith((".", "?")), error["message"]
    return error


def posted(client, content, **headers):
    return client.post("/chat/completions", content=content, headers=headers)


@pytest.mark.parametrize(
    ("content", "status", "words"),
    [
        (b"", 400, "no JSON"),
        (b"{", 400, "no JSON"),
        (b"[1]", 400, "no JSON object"),
        (b'{"model": NaN}', 400, "NaN is no number"),
        (b'{"temperature": -Infinity}', 400, "-Infinity"),
        (b'{"temperature": 1e999}', 400, "too large"),
        (b'{"seed": ' + b"9" * 5000 + b"}", 400, "no JSON"),
        (b'{"model": "\xff\xfe"}', 400, "not UTF-8"),
        (b'{"model": "\\ud800"}', 400, "surrogate"),
        (b'{"model": ' + b"[" * 49_000 + b"]" * 49_000 + b"}", 400, "nested"),
        (b'{"model": ' + b"[" * 100 + b"]" * 100 + b"}", 400, "nested"),
        (b'{"model": "' + b"x" * 100_000 + b'"}', 413, "more than 100,000 bytes"),
        (b'{"model": "' + b"x" * 1_000_000 + b'"}', 413, "more than 100,000 bytes"),
    ],
)
def test_bodies(gate, content, status, words):
    refused(posted(gate, content), status, words)


def test_a_body_without_end_is_refused(gate):
    def endless():
        while True:
            yield b"x" * 60_000

    try:
        response = gate.post("/chat/completions", content=endless())
    except Exception as error:  # The gateway has stopped listening while the client still sends.
        assert type(error).__name__ in ("WriteError", "ReadError", "RemoteProtocolError")
    else:
        refused(response, 413)


@pytest.mark.parametrize(
    ("headers", "words"),
    [
        ({"x-tts-controller": "nobody"}, "no controller 'nobody'"),
        ({"x-tts-controller": "oracle"}, "no controller"),
        ({"x-tts-controller": "../../evil.py:Program"}, "no controller"),
        ({"x-tts-controller": "/etc/passwd"}, "no controller"),
        ({"x-tts-controller": "rl:/tmp/policy.zip"}, "no controller"),
        ({"x-tts-controller": "zoo"}, "no controller"),
        ({"x-tts-controller": "x" * 5000}, "no controller"),
        ({"x-tts-controller": "cmc:beta=7"}, "beta"),
        ({"x-tts-controller": "cmc:beta"}, "name=value"),
        ({"x-tts-controller": "cmc:beta=0.1,beta=0.2"}, "once"),
        ([("x-tts-budget", "5"), ("x-tts-budget", "6")], "twice"),
        ({"x-tts-controller": "cmc:nothing=1"}, "no parameter nothing"),
        ({"x-tts-controller": "cmc:beta=0.1", "x-tts-beta": "0.2"}, "twice"),
        ({"x-tts-beta": "0.5"}, "sc has no parameter beta"),
        ({"x-tts-controller": "cmc", "x-tts-beta": "7"}, "between 0 and 1"),
        ({"x-tts-controller": "cmc", "x-tts-beta": "-0.1"}, "between 0 and 1"),
        ({"x-tts-controller": "cmc", "x-tts-beta": "nan"}, "beta is no number"),
        ({"x-tts-controller": "cmc", "x-tts-beta": "0.5\t0.6"}, "beta is no number"),
        ({"x-tts-budget": "-5"}, "budget is -5"),
        ({"x-tts-budget": "0"}, "budget is 0"),
        ({"x-tts-budget": "2.5"}, "budget is 2.5"),
        ({"x-tts-budget": "inf"}, "budget is no number"),
        ({"x-tts-budget": "9" * 5000}, "budget is no number"),
        ({"x-tts-deadline": "-1"}, "deadline is -1"),
        ({"x-tts-deadline": "soon"}, "deadline is no number"),
        ({"x-tts-model": "/models/other"}, "no setting 'model'"),
    ],
)
def test_headers(gate, headers, words):
    refused(ask(gate, headers), 400, words)


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ({"model": None}, 404, "no model"),
        ({"model": 7}, 404, "no model"),
        ({"model": "other"}, 404, "no model 'other'"),
        ({"model": "/models/secret"}, 404, "no model"),
        ({"model": "m@../../etc/passwd"}, 400, "no controller"),
        ({"model": "m@evil.py:Program:x=1"}, 400, "no controller"),
        ({"model": "m@cmc:beta=7"}, 400, "between 0 and 1"),
        ({"model": "m@"}, 400, "no controller"),
        ({"model": "m@cmc", "tts": {"controller": "cmc"}}, 400, "twice"),
        ({"tts": "cmc"}, 400, "no object"),
        ({"tts": {"controller": ["cmc"]}}, 400, "no text"),
        ({"tts": {"controller": "cmc", "beta": True}}, 400, "no number"),
        ({"tts": {"controller": "cmc", "beta": "__import__('os')"}}, 400, "no number"),
        ({"tts": {"budget": -1}}, 400, "budget is -1"),
        ({"tts": {"file": "x"}}, 400, "no setting 'file'"),
        ({"messages": None}, 400, "messages"),
        ({"messages": []}, 400, "messages"),
        ({"messages": "hello"}, 400, "messages"),
        ({"messages": [7]}, 400, "messages[0]"),
        ({"messages": [{"role": "root", "content": "x"}]}, 400, "role"),
        ({"messages": [{"role": "user"}]}, 400, "content"),
        ({"messages": [{"role": "user", "content": [{"type": "text", "text": 7}]}]}, 400, "content"),
        ({"temperature": -1}, 400, "temperature"),
        ({"temperature": "hot"}, 400, "temperature"),
        ({"temperature": True}, 400, "temperature"),
        ({"top_p": 0}, 400, "top_p"),
        ({"top_k": 1.5}, 400, "top_k"),
        ({"max_tokens": 0}, 400, "max_tokens"),
        ({"max_tokens": 5, "max_completion_tokens": 5}, 400, "the same"),
        ({"stop": ["x"] * 100}, 400, "stop"),
        ({"stop": ""}, 400, "stop"),
        ({"seed": 5}, 400, "seed would be dropped"),
        ({"stream": "yes"}, 400, "stream"),
        ({"stream": False, "stream_options": {"include_usage": True}}, 400, "stream_options"),
        ({"stream": True, "stream_options": {"include_usage": 1}}, 400, "stream_options"),
        ({"stream": True, "stream_options": {"continuous_usage_stats": True}}, 400, "would be dropped"),
        ({"frequency_penalty": 0.5}, 400, "frequency_penalty would be dropped"),
        ({"logit_bias": {"5": 100}}, 400, "logit_bias would be dropped"),
        ({"chat_template": "{{ x }}"}, 400, "chat_template would be dropped"),
        ({"prompt": "x"}, 400, "prompt would be dropped"),
        ({"n": 9}, 400, "9 samples"),
        ({"n": 10**9}, 400, "samples"),
        ({"n": "2"}, 400, "n is not"),
        ({"n": -1}, 400, "n is not"),
    ],
)
def test_parameters(gate, body, status, words):
    for stream in ({}, {"stream": True}):
        refused(ask(gate, **{**stream, **body}), status, words)


@pytest.mark.parametrize("prompt", [None, "", 7, [], {}, ["x"] * 9, [[1, 2]] * 9])
def test_prompts(gate, prompt):
    refused(gate.post("/completions", json={"model": "m", "prompt": prompt}))


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(), inner, max_size=3)),
    max_leaves=8,
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.sampled_from(
        ["model", "messages", "stop", "temperature", "stream", "stream_options", "tts", "seed", "n", "x"]
    ),
    value=JSON,
)
def test_whatever_stands_in_a_parameter_is_no_fault(gate, name, value):
    assume(name != "temperature" or value is False or value != 0)  # which goes through as it is, with what nobody knows
    body = {"model": "m", "messages": [TURN], "unknown": 1, name: value}
    response = posted(gate, json.dumps(body).encode())
    assert 400 <= response.status_code < 500, response.text
    assert response.json()["error"]["message"]


def test_paths_and_methods(gate):
    refused(gate.get("/nothing"), 404)
    refused(gate.get("/chat/completions"), 405)
    refused(gate.post("/../metrics"), 405)


def raw(client, *pieces, pause=0.0, wait=5.0):
    """What is answered to bytes."""
    with socket.create_connection(address(client), wait) as connection:
        for piece in pieces:
            try:
                connection.sendall(piece)
            except OSError:
                break
            time.sleep(pause)
        answered = b""
        with suppress(ConnectionResetError):  # What was sent beyond what was read resets the connection.
            while piece := connection.recv(65536):
                answered += piece
        return answered


HEAD = b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n"


@pytest.mark.parametrize(
    ("pieces", "pause"),
    [
        ([b""], 0),
        ([b"POST /v1"], 0),
        ([HEAD, *[b"X-A: b\r\n"] * 8], 0.2),
        ([HEAD + b"Content-Length: 100\r\n\r\n"], 0),
        ([HEAD + b"Content-Length: 100\r\nConnection: close\r\n\r\n", *[b"x"] * 8], 0.2),
    ],
)
def test_who_dawdles_is_let_go(gate, pieces, pause):
    start = time.monotonic()
    answered = raw(gate, *pieces, pause=pause, wait=10)
    assert time.monotonic() - start < 8
    assert answered.startswith(b"HTTP/1.1 408")
    assert b"within 1 seconds" in answered


def test_who_dawdles_with_a_second_request_is_let_go(gate):
    with socket.create_connection(address(gate), 10) as connection:
        connection.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
        first = b""
        while not first.endswith(b"}"):
            first += connection.recv(65536)
        assert first.startswith(b"HTTP/1.1 200")
        connection.sendall(b"GET /he")
        answered = b""
        while piece := connection.recv(65536):
            answered += piece
    assert answered.startswith(b"HTTP/1.1 408")


@pytest.mark.parametrize(
    "lines",
    [
        b"x-tts-beta: 0.5\r\n x-folded: 1\r\n",
        b"x-tts-controller: cmc\x00\r\n",
        b"x-tts-controller : cmc\r\n",
        b"Content-Length: 5\r\nContent-Length: 6\r\n",
        b"x-long: " + b"x" * 200_000 + b"\r\n",
        b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n",
    ],
)
def test_headers_that_are_none(gate, lines):
    body = b'{"model": "m", "unknown": 1}'
    answered = raw(gate, HEAD + lines + b"Connection: close\r\n\r\n" + body)
    assert answered.startswith(b"HTTP/1.1 4"), answered


def test_nothing_of_a_request_gets_into_headers(patched):
    with thinking(patched, specs=["cmc"]) as (client, _, _):
        response = ask(client, model="m@cmc:beta=0.5\r\nx-evil: 1")
        refused(response, 400)
        assert "x-evil" not in response.headers
        response = ask(client, messages=[{"role": "user", "content": "x\r\nx-evil: 1"}])
        assert response.status_code == 200 and "x-evil" not in response.headers
