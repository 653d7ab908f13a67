"""The body of a request, which anybody may have written, as a JSON object."""

from __future__ import annotations

import asyncio
import json
import math
from typing import Any, NoReturn

from starlette.requests import ClientDisconnect, Request

from tts_gym.serve.errors import RequestError
from tts_gym.serve.limits import Limits

DEPTH = 64
"""Most lists and objects within one another."""

PATIENCE = 16
"""How many times too large a body may be to be read to its end."""


async def read_object(request: Request, limits: Limits) -> dict[str, Any]:
    """The JSON object that a request holds.

    Args:
        request: the request.
        limits: how large it may be, and how long it may take to come.

    Raises:
        RequestError: it is too large, comes too slowly, or is no JSON object as the standard has it.
    """
    try:
        async with asyncio.timeout(limits.reading):
            body = await _read(request, limits.body)
    except TimeoutError as error:
        raise RequestError(f"The body did not come within {limits.reading:g} seconds.", 408) from error
    except ClientDisconnect as error:
        raise RequestError("The client left before the body was there.", 408) from error
    return parse_object(body)


def parse_object(body: bytes) -> dict[str, Any]:
    """The JSON object that ``body`` spells.

    Args:
        body: UTF-8.

    Raises:
        RequestError: it is no JSON object, holds numbers or characters that JSON has not, or is too deep.
    """
    try:
        document = json.loads(body.decode("utf-8"), parse_constant=_no_number, parse_float=_finite)
        json.dumps(document, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError as error:
        raise RequestError("The body holds half a surrogate pair, which is no character.") from error
    except UnicodeDecodeError as error:
        raise RequestError(f"The body is not UTF-8: byte {error.start} is no part of a character.") from error
    except RecursionError as error:
        raise RequestError(f"The body is nested more than {DEPTH} deep.") from error
    except ValueError as error:
        raise RequestError(f"The body is no JSON: {error}.") from error
    if not isinstance(document, dict):
        raise RequestError("The body is no JSON object.")
    _check_depth(document)
    return document


async def _read(request: Request, most: int) -> bytes:
    """The body; one that is too large is read on for a while, as many a client hears nothing before it is through."""
    body, size = bytearray(), 0
    async for piece in request.stream():
        size += len(piece)
        if size <= most:
            body += piece
        if size > PATIENCE * most:
            break
    if size > most:
        raise RequestError(f"The body has more than {most:,} bytes.", 413, headers={"connection": "close"})
    return bytes(body)


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number of JSON")


def _finite(text: str) -> float:
    if not math.isfinite(value := float(text)):
        raise ValueError(f"{text[:20]} is too large a number")
    return value


def _check_depth(document: Any) -> None:
    level = [document]
    for _ in range(DEPTH):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return
    raise RequestError(f"The body is nested more than {DEPTH} deep.")
