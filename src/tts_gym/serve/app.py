"""The routes of the gateway."""

from __future__ import annotations

import hmac
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from tts_gym.serve.asked import Endpoint, read_request
from tts_gym.serve.bodies import read_object
from tts_gym.serve.errors import RequestError, error_body
from tts_gym.serve.gateway import Gateway
from tts_gym.serve.reply import Reply


@dataclass
class Routes:
    """What can be asked of the gateway.

    Attributes:
        gateway: answers requests.
        key: what clients must know to use anything under ``/v1``; None to let anybody.
    """

    gateway: Gateway
    key: str | None
    _started: int = field(default_factory=lambda: int(time.time()))

    def check_key(self, request: Request) -> None:
        """Refuse who does not know the key."""
        given = request.headers.get("authorization", "").removeprefix("Bearer ").encode()
        if self.key is not None and not hmac.compare_digest(given, self.key.encode()):
            raise RequestError("The API key is missing or wrong.", 401)

    async def chat(self, request: Request) -> Response:
        """Answer a conversation."""
        return await self._answer(Endpoint.chat, request)

    async def completions(self, request: Request) -> Response:
        """Continue a text."""
        return await self._answer(Endpoint.completions, request)

    async def models(self) -> dict[str, Any]:
        """The model, alone and with each controller."""
        names = [self.gateway.name, *(f"{self.gateway.name}@{name}" for name in self.gateway.offer.controllers)]
        told = [{"id": name, "object": "model", "created": self._started, "owned_by": "tts-gym"} for name in names]
        return {"object": "list", "data": told}

    async def health(self) -> dict[str, Any]:
        """Whether the gateway is there, and its model."""
        return {"status": "ok", "upstream": self.gateway.upstream.down or "ok"}

    async def metrics(self) -> Response:
        """What is counted, for Prometheus."""
        return Response(self.gateway.metrics.text(), media_type="text/plain; version=0.0.4")

    async def _answer(self, endpoint: Endpoint, request: Request) -> Response:
        gateway = self.gateway
        document = await read_object(request, gateway.limits)
        width = gateway.upstream.settings.drawn.branches
        asked = read_request(endpoint, document, request.headers, gateway.name, gateway.offer, gateway.limits, width)
        return Reply(partial(gateway.reply, asked))


def make_app(gateway: Gateway, key: str | None = None) -> FastAPI:
    """The application.

    Args:
        gateway: answers requests.
        key: what clients must know to use anything under ``/v1``; None to let anybody.
    """

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        await gateway.close()

    routes = Routes(gateway, key)
    app = FastAPI(lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)
    app.add_api_route("/health", routes.health)
    app.add_api_route("/metrics", routes.metrics)
    v1 = APIRouter(prefix="/v1", dependencies=[Depends(routes.check_key)])
    v1.add_api_route("/models", routes.models)
    for endpoint, answer in ((Endpoint.chat, routes.chat), (Endpoint.completions, routes.completions)):
        v1.add_api_route(f"/{endpoint}", answer, methods=["POST"])
    app.include_router(v1)
    app.add_exception_handler(RequestError, _refuse)
    app.add_exception_handler(HTTPException, _no_route)
    return app


def _refuse(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestError)
    return JSONResponse(error.body(), error.status, error.headers)


def _no_route(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return JSONResponse(error_body(f"{error.detail}.", error.status_code), error.status_code)
