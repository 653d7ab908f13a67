"""An upstream that is down, slow, busy or cut off: tried again, then a plain sample, then a proper error."""

import time

import httpx
import pytest
from completion_server import until
from scripted_upstream import PLAIN, Thinker, ask, events, thinking

from tts_gym.serve import plain

pytest.importorskip("fastapi")

BUSY = 429, {"error": {"message": "Too many."}}
SICK = 503, {"error": {"message": "Out of memory."}}


@pytest.fixture(autouse=True)
def hurried(monkeypatch):
    monkeypatch.setattr(plain, "DELAY", 0.01)


class Faulty(Thinker):
    """Thinks in vain: ``fault`` is what is answered where branches are to be drawn, after the first request."""

    def __init__(self, fault):
        super().__init__()
        self.fault, self.begun = fault, False

    def think(self, asked):
        if "prompt" in asked and self.begun:
            return self.fault(self) if callable(self.fault) else self.fault
        self.begun = True
        return super().think(asked)


def cut_off(script):
    def pieces():
        yield b'data: {"choices": [{"ind'
        script.break_off()

    return 200, pieces()


@pytest.mark.parametrize("fault", [BUSY, SICK, (200, {"nonsense": 1}), cut_off], ids=["busy", "sick", "odd", "cut off"])
@pytest.mark.parametrize("stream", [False, True])
def test_a_plain_sample_stands_in_for_a_controller_without_model(monkeypatch, fault, stream):
    with thinking(monkeypatch, Faulty(fault), options={"retries": 0}, keep_alive=0.05) as (client, script, gateway):
        response = ask(client, stream=stream)
        assert response.status_code == 200, response.text
        if stream:
            text = "".join(each["choices"][0]["delta"].get("content", "") for each in events(response.text))
        else:
            text = response.json()["choices"][0]["message"]["content"]
            assert "plain sample" in response.headers["x-tts-fallback"]
            assert response.json()["usage"]["completion_tokens"] == 4
        assert text == PLAIN
        assert "tts_fallbacks_total 1.0" in gateway.metrics.text().decode()
        assert gateway.upstream.pending == 0
    (sent,) = script.chats
    assert "stream" not in sent and sent["messages"][0]["content"] == "What is 6 * 7?"


@pytest.mark.parametrize(("fault", "status"), [(BUSY, 429), (SICK, 502), ((200, b"nonsense"), 502)])
@pytest.mark.parametrize("body", [{}, {"n": 2}], ids=["decided", "through"])
def test_an_error_is_one_as_clients_know_it(monkeypatch, fault, status, body):
    with thinking(monkeypatch, options={"retries": 0}) as (client, script, gateway):
        script.refuse = fault
        response = ask(client, **body)
        if body and fault[0] == 200:
            return  # What goes through is not judged.
        assert response.status_code == status
        assert response.json()["error"].keys() == {"message", "type", "param", "code"}
        script.refuse = None
        assert ask(client, **body).status_code == 200
        assert gateway.upstream.pending == 0


def test_an_error_within_a_stream_ends_it(monkeypatch):
    with thinking(monkeypatch, options={"retries": 1}, keep_alive=0.02) as (client, script, _):
        script.refuse = SICK
        response = ask(client, stream=True)
    assert response.status_code == 200
    assert (
        response.text.endswith("\n\n")
        and '"error": {"message": "The upstream server answers with status 503' in response.text
    )
    assert "[DONE]" not in response.text


def test_a_slow_upstream_meets_the_deadline(monkeypatch):
    with thinking(monkeypatch, Thinker(pause=3.0)) as (client, script, gateway):
        start = time.monotonic()
        response = ask(client, {"x-tts-deadline": "0.3"})
        assert response.status_code == 504 and time.monotonic() - start < 2
        assert "wrote nothing within 0.3 seconds" in response.json()["error"]["message"]
        response = ask(client, {"x-tts-deadline": "0.3"}, n=2)
        assert response.status_code == 504
        assert gateway.upstream.pending == 0


def test_a_server_that_comes_back_is_used_again(monkeypatch):
    """It was given up in between, which a backend of its own would never take back."""
    with thinking(monkeypatch, options={"retries": 1, "timeout": 0.3}) as (client, script, gateway):
        script.refuse, script.health = SICK, 503
        assert ask(client).status_code == 502
        until(lambda: gateway.upstream.down is not None)
        assert client.get("/../health").json()["upstream"] != "ok"
        assert ask(client).status_code == 502
        script.refuse, script.health = None, 200
        until(lambda: "x-tts-fallback" not in ask(client).headers, 5)
        assert gateway.upstream.down is None


@pytest.mark.parametrize("stream", [False, True])
def test_what_goes_through_is_cut_off(monkeypatch, stream):
    with thinking(monkeypatch) as (client, script, _):

        def pieces():
            yield b'data: {"choices": []}\n\n' if stream else b'{"choices": ['
            script.break_off()

        script.reply = lambda asked: (200, pieces())
        response = ask(client, n=2, stream=stream)
    if stream:
        assert response.status_code == 200
        first, error, rest = response.text.split("\n\n")
        assert (
            first == 'data: {"choices": []}'
            and error.startswith('data: {"error": {"message": "The upstream')
            and not rest
        )
    else:
        assert response.status_code == 502 and "gives no answer" in response.json()["error"]["message"]


@pytest.mark.parametrize("stream", [False, True])
def test_a_client_that_leaves_stops_what_goes_through(monkeypatch, stream):
    with thinking(monkeypatch, Thinker(pause=0.2)) as (client, script, _):
        left = []

        def pieces():
            yield b'data: {"choices": []}\n\n'
            left.append(script.is_left())

        script.reply = lambda asked: (200, pieces())
        with pytest.raises(httpx.TimeoutException):
            ask(client, n=2, stream=stream, timeout=0.3)
        until(lambda: left == [True])
