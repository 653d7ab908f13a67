"""The three backends hand out tokens as they come, and stop what is cancelled."""

import threading
import time

import numpy as np
import pytest
from arrivals import collect

from tts_gym.llm import Request, Result, Sampling, make_backend

pytestmark = [pytest.mark.vllm, pytest.mark.filterwarnings("ignore")]

PROMPT = "What is 1 + 1?"


@pytest.fixture(params=["transformers_model", "engine", "client"])
def backend(request):
    backend = request.getfixturevalue(request.param)
    yield backend
    while backend.arrived():
        pass


def stream(backend, keys, tokens=60, **sampling):
    prompt = backend.tokenizer.encode(PROMPT)
    backend.submit(Request(key, prompt, Sampling(tokens, **sampling), stream=True) for key in keys)


def come_of(backend, key):
    """Wait for a delta of a request; returns what came of others."""
    others = []
    while True:
        arrived = backend.arrived()
        assert arrived
        others += [each for each in arrived if each.key != key]
        if len(others) < len(arrived) or any(each.key == key for each in arrived):
            return others


NAMES = "logprobs", "top_logprobs", "self_certainty"


def test_deltas_are_the_beginning_of_the_result(backend):
    """What is known of tokens comes once: with their deltas, or with the result."""
    stream(backend, range(4), temperature=1.0, top_logprobs=3)
    backend.submit([Request(9, backend.tokenizer.encode(PROMPT), Sampling(60, 0.0), n=2)])
    deltas, results = collect(backend)
    assert results.keys() == {0, 1, 2, 3, 9} and deltas.keys() <= {0, 1, 2, 3} and deltas
    for key, come in deltas.items():
        (whole,) = results[key].completions
        assert results[key].error is None and all(len(delta.tokens) for delta in come)
        joined = np.concatenate([delta.tokens for delta in come])
        np.testing.assert_array_equal(joined, whole.tokens[: len(joined)])
        assert joined.dtype == whole.tokens.dtype and whole.told == len(joined)
        for name in NAMES:
            rest, parts = getattr(whole, name), [getattr(delta, name) for delta in come]
            if rest is None:
                assert parts == [None] * len(come)
            else:
                assert [len(part) for part in parts] == [len(delta.tokens) for delta in come]
                assert len(rest) == len(whole.tokens) - whole.told
                assert {part.dtype for part in (*parts, rest)} == {np.dtype(np.float32)}


@pytest.mark.parametrize("piece", [1, 16])
def test_what_comes_in_pieces_is_what_comes_whole(backend, piece):
    sampling = Sampling(60, 0.0, top_logprobs=3)
    prompt = backend.tokenizer.encode(PROMPT)
    backend.submit([Request(0, prompt, sampling, stream=True, piece=piece), Request(1, prompt, sampling)])
    deltas, results = collect(backend)
    (rest,), (whole,) = results[0].completions, results[1].completions
    assert rest.tokens.tolist() == whole.tokens.tolist() and whole.told == 0
    assert all(len(delta.tokens) >= piece for delta in deltas[0][1:])
    for name in NAMES:
        if (values := getattr(whole, name)) is not None:
            joined = np.concatenate([getattr(part, name) for part in (*deltas[0], rest)])
            np.testing.assert_allclose(joined, values, rtol=1e-3, atol=1e-4)


def test_streaming_changes_no_token(backend):
    stream(backend, [0], temperature=0.0, stop=("never seen",))
    backend.submit([Request(1, backend.tokenizer.encode(PROMPT), Sampling(60, 0.0, stop=("never seen",)))])
    _, results = collect(backend)
    (one,), (two,) = results[0].completions, results[1].completions
    assert one.tokens.tolist() == two.tokens.tolist() and one.text == two.text


def test_a_cancelled_request_leaves_its_key_and_the_others_alone(backend):
    stream(backend, [0, 1], 400, temperature=1.0)
    others = come_of(backend, 0)
    backend.cancel([0, 77])
    stream(backend, [0], 5, temperature=0.0)
    deltas, results = collect(backend)
    results |= {each.key: each for each in others if isinstance(each, Result)}
    assert results.keys() == {0, 1} and results[0].error is results[1].error is None
    (short,) = results[0].completions
    assert len(short.tokens) <= 5
    come = [token for delta in deltas.get(0, ()) for token in delta.tokens]
    assert come == short.tokens.tolist()[: len(come)]


def test_all_is_cancelled_before_the_first_token(backend):
    prompt = backend.tokenizer.encode(PROMPT)
    stream(backend, range(100), 400, temperature=1.0)
    backend.submit(Request(key, prompt, Sampling(400, 1.0), n=4) for key in range(100, 120))
    backend.cancel(range(200))
    assert backend.arrived() == []
    start = time.monotonic()
    stream(backend, [0], 1)
    assert collect(backend)[1][0].error is None
    assert time.monotonic() - start < 20


def test_another_thread_wakes_it(backend):
    prompt = backend.tokenizer.encode(PROMPT)
    backend.submit([Request(0, prompt, Sampling(450, 1.0), n=64)])
    threading.Timer(0.2, backend.wake).start()
    arrived = backend.arrived()
    backend.cancel([0])
    assert arrived == [] and backend.arrived() == []


def test_a_server_stops_what_is_cancelled(client, server, endless):
    before = server.generated_at_rest()
    for begun in True, False:
        # The client asks for 64 at a time.
        stream(endless(client), range(200), 3900, temperature=1.0)
        assert not begun or client.arrived()
        client.cancel(range(200))
        assert client.arrived() == []
    assert server.generated_at_rest() - before < 2 * 64 * 3900 / 10
    stream(client, range(8), 40, temperature=1.0)
    assert collect(client)[1].keys() == set(range(8))


def test_conversations_with_a_real_server(server):
    chat = make_backend("chat", server.model, base_url=server.url, tokenizer=server.model)
    asked = ({"role": "user", "content": PROMPT},)
    chat.submit(Request(key, (), Sampling(60, 1.0), stream=True, messages=asked) for key in range(4))
    deltas, results = collect(chat)
    for key, result in results.items():
        (whole,) = result.completions
        assert result.error is None and result.prompt_tokens == len(chat.tokenizer.chat(asked))
        come = [token for delta in deltas.get(key, ()) for token in delta.tokens]
        assert come == whole.tokens.tolist()[: len(come)]
        assert whole.text.startswith("".join(delta.text for delta in deltas.get(key, ())))
        assert whole.finish_reason == "stop" or len(whole.tokens) >= 60
    chat.close()
    assert results.keys() == set(range(4))
