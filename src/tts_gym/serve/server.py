"""Running the gateway."""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable, Mapping
from typing import Any

import httpx
import uvicorn

from tts_gym.errors import BackendError, LiveError
from tts_gym.live.settings import LiveSettings
from tts_gym.llm import make_backend
from tts_gym.llm.backend import Backend
from tts_gym.llm.tokenizer import in_a_line
from tts_gym.serve.app import make_app
from tts_gym.serve.gateway import Gateway
from tts_gym.serve.plain import authorization
from tts_gym.serve.protocol import server_config


def backend_maker(settings: LiveSettings, url: str | None, options: Mapping[str, Any]) -> Callable[[], Backend]:
    """What makes the backend, as often as it is needed.

    Args:
        settings: how branches are drawn, with the kind of backend and the model.
        url: address of the server behind the gateway; None for a model of this process.
        options: of the backend.
    """
    drawn = settings.drawn
    told = {**options} if url is None else {"base_url": url, **options}

    def make() -> Backend:
        try:
            return make_backend(drawn.backend, drawn.model, **told)
        except TypeError as error:
            raise LiveError(f"The backend {drawn.backend} does not take its options: {error}.") from error

    return make


def only_model(url: str, key: str | None) -> str:
    """The model of a server that has one alone.

    Args:
        url: address of the server, up to and with the version.
        key: its key; None where it wants none.

    Raises:
        BackendError: the server does not list its models, or has several.
    """
    try:
        listed = httpx.get(f"{url.rstrip('/')}/models", headers=authorization(key), timeout=10.0)
        names = [str(model["id"]) for model in listed.raise_for_status().json()["data"]]
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, KeyError, TypeError) as error:
        raise BackendError(
            f"The server at {url} does not list its models ({in_a_line(error)}): start it, or give --model."
        ) from error
    if len(names) != 1:
        raise BackendError(f"The server at {url} has {len(names)} models: say which with --model.")
    return names[0]


def listening(host: str, port: int) -> socket.socket:
    """A socket that takes connections.

    Args:
        host: address to listen on.
        port: port to listen on; 0 for a free one.

    Raises:
        LiveError: the address is taken, or none of this machine.
    """
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        raise LiveError(f"Cannot listen on {host}, port {port}: {error.strerror or error}.") from error


def serve(gateway: Gateway, at: socket.socket, key: str | None = None) -> None:
    """Serve until the process is told to end.

    Args:
        gateway: answers requests.
        at: takes connections.
        key: what clients must know; None to let anybody.

    Raises:
        LiveError: the model cannot give what a controller needs.
    """
    gateway.offer.check(gateway.upstream.model())
    host, port = at.getsockname()[:2]
    print(f"Serving {gateway.name} at http://{host}:{port}/v1", file=sys.stderr, flush=True)
    uvicorn.Server(server_config(make_app(gateway, key), gateway.limits.reading)).run([at])
