"""Logs of servers with the OpenAI interface, as JSON lines of requests and responses, or what its batches give.

A line is {request, response}, an output of a batch {custom_id, response: {body}}, or a response with the messages of
its request beside. A response without messages is of a question that ``--questions`` names: by ``custom_id``, which
is the id of the question, or that and a number, as in ``q7-0``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tts_gym.errors import SourceError
from tts_gym.importers.paths import column_of, count_of, text_of, texts_of, value_at
from tts_gym.importers.rows import grouped
from tts_gym.importers.samples import Columns, Sample, SampledQuestion
from tts_gym.importers.source import Source
from tts_gym.importers.table import GOLD
from tts_gym.importers.thinking import with_reasoning

NUMBERED = re.compile(r"(.+?)[-_:#/]\d+")
"""A question's id with the number of a sample."""


@dataclass(frozen=True)
class OpenAILogs:
    """The format of logs of requests and responses."""

    def recognises(self, source: Source) -> bool:
        """See ``Format.recognises``."""
        row = source.first
        return "choices" in _response(row) or ("custom_id" in row and "response" in row)

    def questions(self, source: Source, columns: Columns) -> Iterator[SampledQuestion]:
        """See ``Format.questions``."""
        rows = source.rows

        def key(row: Any, number: int) -> Hashable:
            if not isinstance(row, Mapping):
                raise SourceError(f"{rows.place(number)} is no object of a request and a response.")
            place = rows.place(number)
            asked = _id(row, columns, place) or _messages(row) or _question(row, columns, place)
            if asked is None:
                raise SourceError(f"{place} has neither the messages of its request nor a custom_id; give one of them.")
            return json.dumps(asked)

        for found in grouped(rows, key):
            number, row = found[0]
            place = rows.place(number)
            for other, another in found[1:]:
                if _messages(another) != _messages(row):
                    raise SourceError(
                        f"{rows.place(other)} and {place} have one id and ask differently; give each its own."
                    )
            samples = [sample for number, row in found for sample in _samples(row, rows.place(number))]
            yield SampledQuestion(
                _id(row, columns, place), _question(row, columns, place), _gold(row, columns, place), samples
            )


FORMAT = OpenAILogs()


def _request(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """The request of a line; its messages stand beside the response where nobody kept it."""
    request = row.get("request", row)
    body = request.get("body", request) if isinstance(request, Mapping) else None
    return body if isinstance(body, Mapping) else {}


def _response(row: Mapping[str, Any]) -> Mapping[str, Any]:
    response = row.get("response", row)
    body = response.get("body", response) if isinstance(response, Mapping) else None
    return body if isinstance(body, Mapping) else {}


def _messages(row: Mapping[str, Any]) -> Any:
    request = _request(row)
    return request.get("messages", request.get("prompt"))


def _id(row: Mapping[str, Any], columns: Columns, place: str) -> str | None:
    if columns.id is not None:
        return text_of(value_at(row, columns.id, place), f"{place}: {columns.id}")
    name = text_of(row.get("custom_id"), f"{place}: custom_id")
    if name is None or name in columns.ids:
        return name
    numbered = NUMBERED.fullmatch(name)
    if numbered and numbered[1] in columns.ids:
        return numbered[1]
    return None if _messages(row) is not None else name


def _question(row: Mapping[str, Any], columns: Columns, place: str) -> str | None:
    """What the last turn of the user asks."""
    if columns.question is not None:
        return text_of(value_at(row, columns.question, place), f"{place}: {columns.question}")
    messages = _messages(row)
    if not isinstance(messages, list):
        return text_of(messages, f"{place}: prompt")
    asked = [turn for turn in messages if isinstance(turn, Mapping) and turn.get("role") == "user"]
    if not asked:
        raise SourceError(f"{place}: the messages hold no turn of the user; give the request with its response.")
    content = asked[-1].get("content")
    parts = content if isinstance(content, list) else [{"text": content}]
    texts = [text_of(value_at(part, "text", place), f"{place}: content") for part in parts]
    return "\n".join(text for text in texts if text is not None)


def _gold(row: Mapping[str, Any], columns: Columns, place: str) -> tuple[str, ...]:
    """The gold answer where somebody noted it, in the line or in the ``metadata`` of its request."""
    metadata = _request(row).get("metadata")
    for noted in (row, metadata):
        column = column_of(noted, columns.gold, GOLD) if isinstance(noted, Mapping) else None
        if column is not None and (found := texts_of(value_at(noted, column, place), f"{place}: {column}")):
            return found
    return ()


def _samples(row: Mapping[str, Any], place: str) -> Iterator[Sample]:
    """The choices of a response; a response that is an error has one without text."""
    response = _response(row)
    choices = response.get("choices")
    if not isinstance(choices, list) or not choices:
        yield Sample(None)
        return
    usage = value_at(response, "usage.completion_tokens", place) if len(choices) == 1 else None
    for choice in choices:
        logprobs = value_at(choice, "logprobs.content", place) or value_at(choice, "logprobs.tokens", place)
        message = value_at(choice, "message", place)
        said = value_at(message, "content", place) if message else value_at(choice, "text", place)
        thought = value_at(message, "reasoning_content", place) or value_at(message, "reasoning", place)
        tokens, counted_by = usage, "usage"
        if tokens is None and isinstance(logprobs, list):
            tokens, counted_by = len(logprobs), "log-probabilities"
        yield Sample(
            text=with_reasoning(text_of(thought, f"{place}: reasoning"), text_of(said, f"{place}: content")),
            tokens=count_of(tokens, f"{place}: completion_tokens"),
            counted_by=counted_by,
            finish_reason=text_of(value_at(choice, "finish_reason", place), f"{place}: finish_reason"),
            model=text_of(response.get("model"), f"{place}: model"),
        )
