"""A controller decides behind the OpenAI interface, and the response tells what it took."""

import threading
from functools import partial

import httpx
import pytest
from completion_server import until
from fake_backend import FakeBackend
from scripted_upstream import PLAIN, Thinker, ask, events, served, thinking, thought

from tts_gym.collectors.settings import CollectionSettings
from tts_gym.errors import LiveError
from tts_gym.live.settings import LiveSettings
from tts_gym.serve.app import make_app
from tts_gym.serve.gateway import Gateway
from tts_gym.serve.limits import Limits
from tts_gym.serve.offer import Offer
from tts_gym.serve.upstream import Upstream

pytest.importorskip("fastapi")


def test_the_winner_is_the_answer_and_its_cost_is_told(monkeypatch):
    with thinking(monkeypatch) as (client, script, _):
        response = ask(client)
        assert response.status_code == 200
        said = response.json()
    (choice,) = said["choices"]
    assert choice["finish_reason"] == "stop"
    assert choice["message"]["content"] == "The answer is 42."
    assert choice["message"]["reasoning_content"].startswith("step 0, so far 42.")
    assert said["model"] == "m" and said["object"] == "chat.completion"
    assert response.headers["x-tts-controller"] == "sc:n=3"
    assert response.headers["x-tts-width"] == "3"
    assert said["tts"]["answer"] == "42"
    lengths = sum(len(text) + 1 for text in script.texts)
    assert said["usage"]["completion_tokens"] == said["tts"]["tokens"] == lengths
    prompts = sum(len(each["prompt"]) for each in script.completions)
    assert said["usage"]["prompt_tokens"] == prompts
    assert said["usage"]["total_tokens"] == lengths + prompts
    assert said["usage"]["completion_tokens_details"] == {"abandoned_tokens": 0, "forced_tokens": 0}
    assert said["usage"]["prompt_tokens_details"]["cached_tokens"] == 9
    assert not any("tts" in str(each) for each in script.completions)


def test_a_stream_tells_the_same(monkeypatch):
    with thinking(monkeypatch, Thinker([thought("42")])) as (client, _, _):
        whole = ask(client).json()
        response = ask(client, stream=True, stream_options={"include_usage": True})
    assert response.headers["content-type"].startswith("text/event-stream")
    *chunks, last = events(response.text)
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks]
    assert deltas[0]["role"] == "assistant"
    for name in ("content", "reasoning_content"):
        assert "".join(delta.get(name, "") for delta in deltas) == whole["choices"][0]["message"][name]
    assert [chunk["choices"][0]["finish_reason"] for chunk in chunks] == [None] * (len(chunks) - 1) + ["stop"]
    assert all(chunk["usage"] is None for chunk in chunks)
    assert last["choices"] == [] and last["usage"] == whole["usage"]


def test_a_stream_gives_signs_of_life_while_it_waits(monkeypatch):
    with thinking(monkeypatch, Thinker(pause=0.01), keep_alive=0.1) as (client, _, _):
        response = ask(client, stream=True)
    assert response.text.startswith(": keep-alive\n\n: keep-alive\n\n")
    assert all("usage" not in each for each in events(response.text))


@pytest.mark.parametrize(
    "way",
    [
        {"headers": {"x-tts-controller": "cmc", "x-tts-beta": "0.25", "x-tts-budget": "900", "x-tts-deadline": "20"}},
        {"tts": {"controller": "cmc", "beta": 0.25, "budget": 900, "deadline": 20}},
        {"model": "m@cmc:beta=0.25", "tts": {"budget": 900, "deadline": 20}},
    ],
)
def test_a_request_chooses_its_controller(monkeypatch, way):
    with thinking(monkeypatch, specs=["sc:n=3", "cmc:beta=0.75"]) as (client, script, _):
        response = ask(client, **way)
    assert response.status_code == 200, response.text
    told = {name: response.headers[f"x-tts-{name}"] for name in ("controller", "beta", "budget", "deadline")}
    assert told == {"controller": "cmc:beta=0.25", "beta": "0.25", "budget": "900", "deadline": "20"}
    assert response.json()["tts"]["tokens"] <= 900
    assert response.json()["model"] == "m"


def test_what_a_request_chooses_is_capped(monkeypatch):
    with thinking(monkeypatch, specs=["sc:n=500"], budget=10_000, deadline=5.0, branches=4) as (client, _, _):
        response = ask(client, {"x-tts-budget": "99999999", "x-tts-deadline": "1e9"})
    assert response.headers["x-tts-budget"] == "10000" and response.headers["x-tts-deadline"] == "5.0"
    assert response.headers["x-tts-width"] == "4"


def test_a_request_draws_as_it_says(monkeypatch):
    with thinking(monkeypatch) as (client, script, _):
        response = ask(client, temperature=1.5, top_p=0.5, max_completion_tokens=30, stop=["xyz"], top_k=7)
    assert response.status_code == 200
    for asked in [each for each in script.completions if each["temperature"]]:
        assert (asked["temperature"], asked["top_p"], asked["stop"], asked["top_k"]) == (1.5, 0.5, ["xyz"], 7)
        assert asked["max_tokens"] <= 30
    assert response.json()["choices"][0]["finish_reason"] == "length"


def test_a_text_is_continued(monkeypatch):
    with thinking(monkeypatch) as (client, script, _):
        response = client.post("/completions", json={"model": "m", "prompt": "6 * 7? <assistant>"})
        streamed = client.post("/completions", json={"model": "m", "prompt": "6 * 7? <assistant>", "stream": True})
    assert response.json()["object"] == "text_completion"
    text = response.json()["choices"][0]["text"]
    assert text in script.texts and text.endswith("42.")
    assert "".join(each["choices"][0]["text"] for each in events(streamed.text)).endswith("The answer is 42.")


def test_where_nobody_answers_a_text_is_given_all_the_same(monkeypatch):
    with thinking(monkeypatch, Thinker(["Hello, how are you?"])) as (client, _, _):
        response = ask(client)
    assert response.json()["choices"][0]["message"] == {"role": "assistant", "content": "Hello, how are you?"}
    assert response.json()["tts"]["answer"] is None


def test_the_deadline_gives_the_best_so_far(monkeypatch):
    with thinking(monkeypatch, Thinker(pause=0.02)) as (client, script, _):
        response = ask(client, {"x-tts-deadline": "0.5"})
        assert response.status_code == 200
        assert response.headers["x-tts-ended"] == "deadline"
        assert response.json()["choices"][0]["finish_reason"] == "length"
        assert response.json()["usage"]["completion_tokens_details"]["abandoned_tokens"] > 0
        until(lambda: script.running == 0)


def has_counted(gateway, line):
    return line in gateway.metrics.text().decode()


def test_a_client_that_leaves_stops_everything(monkeypatch):
    script = Thinker([thought("42", 20)], pause=0.05)
    with thinking(monkeypatch, script, keep_alive=0.05) as (client, script, gateway):
        for left, stream in enumerate((False, True), 1):
            with pytest.raises(Exception, match="timed out"):
                client.post(
                    "/chat/completions",
                    json={"model": "m", "messages": [{"role": "user", "content": "?"}], "stream": stream},
                    timeout=0.5 if not stream else 0.03,
                )
            until(partial(has_counted, gateway, f"tts_clients_left_total {left}.0"), 30)
            until(lambda: not script.running and not gateway.upstream.pending, 30)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ({"n": 2}, "n"),
        ({"tools": [{"type": "function", "function": {"name": "f"}}]}, "tools"),
        ({"response_format": {"type": "json_object"}}, "response_format"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]}, "image_url"),
        ({"temperature": 0}, "temperature 0"),
        ({"logprobs": True, "frequency_penalty": 1.5}, "logprobs"),
    ],
)
def test_what_no_controller_can_vote_on_goes_through_untouched(monkeypatch, body, why):
    with thinking(monkeypatch) as (client, script, _):
        response = ask(client, {"x-tts-deadline": "9"}, **{"model": "m@sc", "tts": {"budget": 50}, **body})
        streamed = ask(client, stream=True, **body)
    assert response.headers["x-tts-through"] == why and "x-tts-controller" not in response.headers
    assert response.json()["choices"][0]["message"]["content"] == PLAIN and response.json()["id"] == "up"
    sent = {"model": "m", "messages": [{"role": "user", "content": "What is 6 * 7?"}], **body}
    assert script.chats == [sent, {**sent, "stream": True}]
    assert script.completions == []
    assert [each["choices"][0]["delta"]["content"] for each in events(streamed.text)] == PLAIN.split(" ")


def test_tokens_of_what_goes_through_are_counted_where_they_are_told(monkeypatch):
    def counted():
        lines = [line.rpartition(" ") for line in gateway.metrics.text().decode().splitlines()]
        kinds = {kind: f'tts_tokens_total{{kind="{kind}"}}' for kind in ("prompt", "generated")}
        return {kind: sum(float(value) for name, _, value in lines if name == told) for kind, told in kinds.items()}

    with thinking(monkeypatch) as (client, script, gateway):
        ask(client, n=2)
        assert counted() == {"prompt": 5, "generated": 4}
        silent = ask(client, n=2, stream=True)
        assert counted() == {"prompt": 5, "generated": 4} and '"usage"' not in silent.text
        told = ask(client, n=2, stream=True, stream_options={"include_usage": True})
        assert counted() == {"prompt": 10, "generated": 8} and events(told.text)[-1]["usage"]["total_tokens"] == 9
    assert [each.get("stream_options") for each in script.chats] == [None, None, {"include_usage": True}]


def test_a_stream_that_cannot_be_read_goes_through_as_it_is(monkeypatch):
    pieces = [b'data: {"usage": {"completion_tokens": 3}}\n\n', b"data: {never", b" ends}\n\n", b"data: [DONE]\n\n"]
    with thinking(monkeypatch) as (client, script, gateway):
        script.reply = lambda asked: (200, iter(pieces))
        assert ask(client, n=2, stream=True).content == b"".join(pieces)
        assert 'tts_tokens_total{kind="generated"} 3.0' in gateway.metrics.text().decode()


def test_models_health_and_metrics(monkeypatch):
    with thinking(monkeypatch, specs=["sc:n=3", "cmc"]) as (client, _, _):
        assert [each["id"] for each in client.get("/models").json()["data"]] == ["m", "m@sc", "m@cmc"]
        ask(client)
        ask(client, n=2)
        assert client.get("/../health").json() == {"status": "ok", "upstream": "ok"}
        lines = client.get("/../metrics").text.splitlines()
    assert 'tts_requests_total{controller="sc",endpoint="chat",status="200"} 1.0' in lines
    assert 'tts_requests_total{controller="none",endpoint="chat",status="200"} 1.0' in lines
    assert "tts_requests_in_flight 0.0" in lines and "tts_upstream_requests 0.0" in lines
    assert any(line.startswith('tts_tokens_total{kind="generated"}') for line in lines)


def test_a_key_is_asked_for(monkeypatch):
    with thinking(monkeypatch, key="secret") as (client, script, _):
        assert ask(client).status_code == 401
        assert ask(client, {"authorization": "Bearer other"}).status_code == 401
        assert client.get("/models").status_code == 401
        assert client.get("/../health").status_code == 200
        assert script.completions == []
        assert ask(client, {"authorization": "Bearer secret"}).status_code == 200
        assert ask(client, {"authorization": "Bearer secret"}, n=2).status_code == 200


def test_requests_at_a_time_are_bounded(monkeypatch):
    with thinking(monkeypatch, Thinker(pause=0.02), requests=1) as (client, _, gateway):
        first = threading.Thread(target=ask, args=(client,))
        first.start()
        until(lambda: gateway.upstream.pending > 0)
        response = ask(client)
        assert response.status_code == 429 and response.headers["retry-after"] == "1"
        first.join()
        assert ask(client).status_code == 200


def test_a_model_of_this_process_needs_no_server(monkeypatch):
    drawn = CollectionSettings("fake", "fake", branches=4, interval=20, max_tokens=400)
    with Upstream(FakeBackend, LiveSettings(drawn, ahead=99), 64) as upstream:
        gateway = Gateway("fake", upstream, None, Offer.of(["sc:n=3", "cmc"]), Limits())
        with served(make_app(gateway), 5.0) as url, httpx.Client(base_url=url) as client:
            for model in ("fake", "fake@cmc:beta=0"):
                response = ask(client, model=model)
                assert (
                    response.status_code == 200
                    and "final answer is" in response.json()["choices"][0]["message"]["content"]
                )
            seeded = ask(client, model="fake", seed=3)
            assert seeded.status_code == 200
            assert ask(client, model="fake", seed=3).json()["choices"] == seeded.json()["choices"]
            refused = ask(client, model="fake", n=2)
    assert refused.status_code == 400 and "n needs a server" in refused.json()["error"]["message"]


def test_a_model_with_conversations_only_is_voted_on(monkeypatch):
    with thinking(monkeypatch, kind="chat") as (client, script, _):
        response = ask(client, temperature=1.25)
        assert response.status_code == 200 and response.headers["x-tts-width"] == "3"
        assert response.json()["choices"][0]["message"]["content"].replace(" ", "") == PLAIN.replace(" ", "")
        assert [each["temperature"] for each in script.chats] == [1.25] * 3
        assert [each["messages"] for each in script.chats] == [[{"role": "user", "content": "What is 6 * 7?"}]] * 3
        refused = client.post("/completions", json={"model": "m", "prompt": "6 * 7 is"})
        assert refused.status_code == 400 and "conversations only" in refused.json()["error"]["message"]
    with pytest.raises(LiveError, match="cmc looks at answers"), thinking(monkeypatch, specs=["cmc"], kind="chat"):
        pass
