"""The conversation of a request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tts_gym.serve.errors import RequestError

Turn = Mapping[str, Any]
"""A turn as chat templates take it: ``role``, ``content`` as one text, and whatever else it has."""

ROLES = ("system", "developer", "user", "assistant")
TOOL_ROLES = ("tool", "function")
TOOL_KEYS = ("tool_calls", "function_call")


def unvoted_part(messages: Any) -> str | None:
    """What in a conversation no controller can vote on: a part that is no text, or the use of a tool.

    Args:
        messages: the turns as the request has them.
    """
    for message in messages if isinstance(messages, list) else ():
        if not isinstance(message, dict):
            continue
        if message.get("role") in TOOL_ROLES or any(message.get(key) for key in TOOL_KEYS):
            return "use of tools"
        content = message.get("content")
        for part in content if isinstance(content, list) else ():
            if isinstance(part, dict) and isinstance(part.get("type"), str) and part["type"] != "text":
                return part["type"] if part["type"].replace("_", "").isalnum() and part["type"].isascii() else "content"
    return None


def read_messages(messages: Any) -> list[Turn]:
    """The turns of a conversation of texts.

    Args:
        messages: the turns as the request has them.

    Raises:
        RequestError: they are no conversation.
    """
    if not isinstance(messages, list) or not messages:
        raise RequestError("messages is no list of turns.", param="messages")
    return [_turn(message, number) for number, message in enumerate(messages)]


def _turn(message: Any, number: int) -> Turn:
    where = f"messages[{number}]"
    if not isinstance(message, dict):
        raise RequestError(f"{where} is no object.", param=where)
    if message.get("role") not in ROLES:
        raise RequestError(f"The role of {where} is none of {', '.join(ROLES)}.", param=where)
    content = message.get("content")
    if content is None and message["role"] == "assistant":
        content = ""
    if isinstance(content, list):
        content = "".join(_text(part, where) for part in content)
    if not isinstance(content, str):
        raise RequestError(f"The content of {where} is no text.", param=where)
    return {**{name: value for name, value in message.items() if value is not None}, "content": content}


def _text(part: Any, where: str) -> str:
    if not isinstance(part, dict) or part.get("type") != "text" or not isinstance(part.get("text"), str):
        raise RequestError(f"A part of the content of {where} is no text.", param=where)
    return str(part["text"])
