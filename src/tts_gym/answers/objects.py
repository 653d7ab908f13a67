"""Objects of JSON: the order of their keys does not count."""

from __future__ import annotations

import json
from typing import Any, NoReturn

from tts_gym.answers.reading import Word


def read_object(text: str) -> Word | None:
    """The object that ``text`` is, but for case; None where it is none, or says a key twice."""
    if not text.startswith("{"):
        return None
    try:
        found = json.loads(text, object_pairs_hook=_without_repetition, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return None
    return Word("object", json.dumps(found, sort_keys=True).casefold())


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key stands twice")
    return found


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")
