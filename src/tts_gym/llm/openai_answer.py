"""What a server with the OpenAI completions interface answers, in chunks or whole: put together and checked."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tts_gym.llm.backend import Completion, Request
from tts_gym.llm.tokenizer import Tokenizer


class UselessError(ValueError):
    """A server's answer is of no use; the message says why, without naming the server."""


@dataclass
class Part:
    """One continuation, as far as it has come.

    Attributes:
        text: what it says.
        token_ids: ids of its tokens; None where the server does not tell.
        logprobs: log-probability of each token from ``told`` on; None where the server does not tell.
        top_logprobs: the most likely tokens at each such position with their log-probabilities.
        finish_reason: why it ended.
        read_ids: ids of its tokens as they were read back from the text while it came; None where they were not.
        told: tokens whose log-probabilities were handed out.
    """

    text: str = ""
    token_ids: list[int] | None = None
    logprobs: list[float | None] | None = None
    top_logprobs: list[dict[str, float] | None] = field(default_factory=list)
    finish_reason: str | None = None
    read_ids: list[int] | None = None
    told: int = 0

    def add(self, choice: dict[str, Any]) -> None:
        """Append what a chunk says, or all that an answer says that comes whole."""
        self.text += choice.get("text") or ""
        self.finish_reason = choice.get("finish_reason") or self.finish_reason
        if choice.get("token_ids") is not None:
            self.token_ids = self.token_ids or []
            self.token_ids += choice["token_ids"]
        told = choice.get("logprobs") or {}
        if told.get("token_logprobs") is not None:
            self.logprobs = self.logprobs or []
            self.logprobs += told["token_logprobs"]
            self.top_logprobs += told.get("top_logprobs") or []


@dataclass
class Answer:
    """What a server says to a request.

    Attributes:
        parts: the continuations by index.
        cached_tokens: tokens of the prompt found in the prefix cache; None where the server does not tell.
        prompt_tokens: tokens of the prompt, as above.
        generated_tokens: tokens of all continuations, as above, those included that it does not show.
        documents: number of chunks; 1 where it came whole.
    """

    parts: dict[int, Part] = field(default_factory=dict)
    cached_tokens: int | None = None
    prompt_tokens: int | None = None
    generated_tokens: int | None = None
    documents: int = 0

    def add(self, document: Any) -> None:
        """Take a chunk, or an answer that comes whole.

        Raises:
            UselessError: it is no completion, or tells of an error.
        """
        self.documents += 1
        try:
            if document.get("error"):
                error = document["error"]
                raise UselessError(_excerpt(str(error.get("message") if isinstance(error, dict) else error)))
            for choice in document.get("choices") or ():
                self.parts.setdefault(choice.get("index") or 0, Part()).add(choice)
            usage = document.get("usage") or {}
            cached = (usage.get("prompt_tokens_details") or {}).get("cached_tokens")
        except (AttributeError, TypeError) as error:
            raise UselessError(f"it is no completion: {_excerpt(json.dumps(document))}") from error
        self.cached_tokens = self.cached_tokens if cached is None else cached
        self.prompt_tokens = usage.get("prompt_tokens", self.prompt_tokens)
        self.generated_tokens = usage.get("completion_tokens", self.generated_tokens)


async def documents(body: AsyncIterator[bytes]) -> AsyncIterator[Any]:
    """The JSON documents of an answer: each event of a stream, or the one of a body that is no stream.

    Raises:
        UselessError: something is not JSON.
    """
    rest, whole = b"", b""
    async for piece in body:
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            if line.startswith(b"data:"):
                if line[5:].strip() != b"[DONE]":
                    yield _document(line[5:])
            elif not line.startswith((b":", b"event:", b"id:", b"retry:")):
                whole += line + b"\n"
    if rest.startswith(b"data:"):
        if rest[5:].strip() != b"[DONE]":
            yield _document(rest[5:])
    elif (whole + rest).strip():
        yield _document(whole + rest)


def completion(part: Part, request: Request, tokenizer: Tokenizer, logprobs: bool) -> Completion:
    """A continuation, checked.

    Args:
        part: what the server said.
        request: what it was asked.
        tokenizer: that of the model.
        logprobs: whether it was asked for log-probabilities.

    Raises:
        UselessError: it did not end as continuations end, is empty, or its log-probabilities do not fit its tokens.
    """
    sampling, reason = request.sampling, part.finish_reason
    if reason not in ("stop", "length"):
        raise UselessError(f"a continuation ended with finish_reason {reason!r} instead of 'stop' or 'length'")
    if part.token_ids is not None:
        ids: Sequence[int] = part.token_ids
        text = tokenizer.continuation(request.prompt, ids, reason, sampling.stop)
    else:
        ids, text = tokenizer.encode(part.text) if part.read_ids is None else part.read_ids, part.text
    # Without ids the tokens of a stop text are not seen, which may come at once.
    if not ids and not (part.token_ids is None and reason == "stop" and sampling.stop):
        raise UselessError(f"a continuation is empty and ended with finish_reason {reason!r}")
    values: NDArray[np.float32] | None = None
    top: NDArray[np.float32] | None = None
    if logprobs:
        # Ids read back from the text lack the token that ended it, and may be split in another way.
        spare = 0 if part.token_ids is not None else 1
        given, wanted = len(part.logprobs or ()), sampling.top_logprobs
        if 0 <= part.told + given - len(ids) <= spare and (not wanted or len(part.top_logprobs) == given):
            values, top = logprob_columns(part, part.told, len(ids), wanted)
        elif part.token_ids is not None:
            raise UselessError(
                f"log-probabilities do not fit the tokens: {part.told + given} and those of the most likely tokens at "
                f"{part.told + len(part.top_logprobs)} positions came with {len(ids)} tokens"
            )
    return Completion(np.array(ids, np.int32), text, reason, values, top, told=part.told)


def scored(answer: Answer, request: Request) -> Completion:
    """The tokens that a request gave to score, checked.

    Args:
        answer: what the server said, asked to echo the prompt and to add a token.
        request: what it was asked.

    Raises:
        UselessError: it tells no log-probabilities of the prompt.
    """
    part = answer.parts.get(0, Part())
    length, given, wanted = len(request.prompt), len(part.logprobs or ()), request.sampling.top_logprobs
    # Its own token may be one that ends the text, and is not always shown.
    if given - length not in (0, 1) or (wanted and len(part.top_logprobs) != given):
        raise UselessError(f"{given} log-probabilities came of a prompt of {length} tokens")
    start = length - request.scored
    columns = logprob_columns(part, start, length, wanted)
    return Completion(np.array(request.prompt[start:], np.int32), "", "length", *columns)


def logprob_columns(
    part: Part, start: int, end: int, number: int
) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
    """Log-probabilities of the tokens from ``start`` to ``end``, and of the most likely tokens there.

    Args:
        part: a continuation with log-probabilities.
        start: its first token that is wanted, of those whose log-probabilities were not handed out.
        end: the token after the last one.
        number: how many of the most likely tokens are wanted.

    Returns:
        [length] float32, and [length, number] float32, largest first, NaN where there are fewer; None for 0.
    """
    here = slice(start - part.told, end - part.told)
    values = np.array((part.logprobs or [])[here], np.float32)
    if not number:
        return values, None
    rows = np.full((end - start, number), np.nan, np.float32)
    for row, told in zip(rows, part.top_logprobs[here], strict=True):
        largest = sorted((told or {}).values(), reverse=True)[:number]
        row[: len(largest)] = largest
    return values, rows


def _document(data: bytes) -> Any:
    try:
        return json.loads(data)
    except ValueError as error:
        raise UselessError(f"it is not JSON: {_excerpt(data.decode(errors='replace'))!r}") from error


def _excerpt(text: str) -> str:
    return " ".join(text.split())[:200]
