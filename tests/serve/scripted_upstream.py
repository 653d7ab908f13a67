"""A server with both OpenAI interfaces that thinks by a script, a character a token, and a gateway before it."""

import json
import random
import socket
import threading
import time
from contextlib import contextmanager
from urllib.parse import urlsplit

import httpx
import uvicorn
from completion_server import Script, chunk, serving, until
from fake_backend import END, FakeTokenizer

from tts_gym.collectors.settings import CollectionSettings
from tts_gym.live.settings import LiveSettings
from tts_gym.llm import openai_server
from tts_gym.serve.app import make_app
from tts_gym.serve.gateway import Gateway
from tts_gym.serve.limits import Limits
from tts_gym.serve.offer import Offer
from tts_gym.serve.plain import Plain
from tts_gym.serve.protocol import server_config
from tts_gym.serve.server import backend_maker
from tts_gym.serve.upstream import Upstream

INTERVAL = 20
FORCED = "The final answer is \\boxed{"
PLAIN = "A plain sample."
ASSISTANT = "<assistant>"


def thought(answer, steps=3):
    """What a branch says that comes to ``answer``."""
    return (
        "<think>" + "".join(f"step {n}, so far {answer}. " for n in range(steps)) + f"</think>The answer is {answer}."
    )


class Tokens(FakeTokenizer):
    def continuation(self, prompt, ids, finish_reason, stop):
        return self.decode(ids)


class Thinker(Script):
    """Gives ``texts`` to branches, in turn; those that go on keep theirs.

    Attributes:
        pause: seconds before each token.
        asked: bodies of the requests to each interface.
        refuse: None, or what is answered in place of all.
    """

    def __init__(self, texts=None, pause=0.0):
        super().__init__(self.think)
        self.texts = texts or [thought("42"), thought("42", 5), thought("41", 2)]
        self.pause = pause
        self.chats, self.completions = [], []
        self.refuse = None
        self.health = 200
        self._turn = 0

    def think(self, asked):
        if self.refuse is not None:
            return self.refuse
        if "messages" in asked:
            self.chats.append(asked)
            return 200, self._chat(asked)
        self.completions.append(asked)
        prompt = Tokens().decode(asked["prompt"])
        if prompt.endswith(FORCED):
            said = random.choice(["42}", "41}"])
        else:
            written = prompt.partition(ASSISTANT)[2]
            fitting = [text for text in self.texts if text.startswith(written)] or [written]
            with self.lock:
                self._turn += 1
            said = fitting[self._turn % len(fitting)][len(written) :]
        return 200, self._stream(asked, said)

    def _stream(self, asked, said):
        ids = [*map(ord, said), END]
        cut = len(ids) > asked["max_tokens"]
        ids = ids[: asked["max_tokens"]]
        for place, token in enumerate(ids):
            time.sleep(self.pause)
            last = place == len(ids) - 1
            reason = None if not last else "length" if cut else "stop"
            yield chunk(text=chr(token) if token else "", token_ids=[token], finish_reason=reason)
        yield b'data: {"choices": [], "usage": {"prompt_tokens_details": {"cached_tokens": 3}}}\n\n'
        yield b"data: [DONE]\n\n"

    def _chat(self, asked):
        time.sleep(self.pause)
        message = {"role": "assistant", "content": PLAIN}
        usage = {"prompt_tokens": 5, "completion_tokens": 4, "total_tokens": 9}
        if not asked.get("stream"):
            choices = [{"index": n, "message": message, "finish_reason": "stop"} for n in range(asked.get("n", 1))]
            yield {
                "id": "up",
                "object": "chat.completion",
                "created": 1,
                "model": "m",
                "choices": choices,
                "usage": usage,
            }
            return
        told = {"id": "up", "object": "chat.completion.chunk", "created": 1, "model": "m"}
        *pieces, last = PLAIN.split(" ")
        for piece in (*pieces, last):
            time.sleep(self.pause)
            reason = "stop" if piece is last else None
            document = {**told, "choices": [{"index": 0, "delta": {"content": piece}, "finish_reason": reason}]}
            yield f"data: {json.dumps(document)}\n\n".encode()
        if asked.get("stream_options", {}).get("include_usage"):
            yield f"data: {json.dumps({**told, 'choices': [], 'usage': usage})}\n\n".encode()
        yield b"data: [DONE]\n\n"


@contextmanager
def gateway_to(url, specs=("sc:n=3",), key=None, options=None, branches=8, kind="openai", **limits):
    """The address of a gateway, up to and with ``/v1``, and the gateway."""
    drawn = CollectionSettings(kind, "m", branches=branches, interval=INTERVAL, max_tokens=400)
    settings = LiveSettings(drawn)
    options = {"retries": 1, "timeout": 2.0, **(options or {})}
    with Upstream(backend_maker(settings, url, options), settings, 64) as upstream:
        gateway = Gateway("m", upstream, Plain(url, None), Offer.of(specs), Limits(**limits))
        gateway.offer.check(upstream.model())
        with served(make_app(gateway, key), gateway.limits.reading) as at:
            yield at, gateway


@contextmanager
def served(app, patience):
    at = socket.create_server(("127.0.0.1", 0), backlog=512)
    server = uvicorn.Server(server_config(app, patience))
    thread = threading.Thread(target=server.run, args=([at],))
    thread.start()
    try:
        until(lambda: server.started)
        yield f"http://127.0.0.1:{at.getsockname()[1]}/v1"
    finally:
        server.should_exit = True
        thread.join()
        at.close()


@contextmanager
def thinking(monkeypatch, script=None, specs=("sc:n=3",), **options):
    """A client of a gateway to a server that thinks, the server's script, and the gateway."""
    monkeypatch.setattr(openai_server, "Tokenizer", lambda name: Tokens())
    script = script or Thinker()
    with (
        serving(script) as url,
        gateway_to(url, specs, **options) as (at, gateway),
        httpx.Client(base_url=at, timeout=30) as client,
    ):
        script.chats.clear()
        script.completions.clear()
        yield client, script, gateway


def ask(client, headers=None, timeout=30, **body):
    """The response to a conversation of one turn."""
    document = {"model": "m", "messages": [{"role": "user", "content": "What is 6 * 7?"}], **body}
    return client.post("/chat/completions", json=document, headers=headers, timeout=timeout)


def events(text):
    """The documents of a stream, which ends as it should."""
    *found, last = [line.removeprefix("data: ") for line in text.split("\n\n") if line.startswith("data: ")]
    assert last == "[DONE]"
    return [json.loads(each) for each in found]


def address(client):
    parts = urlsplit(str(client.base_url))
    return parts.hostname, parts.port
