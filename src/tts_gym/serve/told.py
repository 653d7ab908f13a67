"""What responses tell of an answer: its text, what it took, and how it was decided."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tts_gym.answers.reasoning import Marks
from tts_gym.answers.sections import BETWEEN, patterns
from tts_gym.live.answering import Answer
from tts_gym.live.branch import LiveBranch
from tts_gym.live.question import LiveQuestion
from tts_gym.serve.asked import Asked, Endpoint
from tts_gym.serve.choice import PREFIX

PIECE = 48
"""Characters of a text that a stream sends at once."""


@dataclass(frozen=True)
class Told:
    """An answer as it is told.

    Attributes:
        text: the answer's text, after the reasoning.
        reasoning: the reasoning before it; None where nothing marks one.
        finish_reason: "stop", or "length" where the text was cut off.
        usage: tokens that it took, as OpenAI tells them, and the abandoned ones.
        facts: how it was answered and what that was charged, by name.
    """

    text: str
    reasoning: str | None
    finish_reason: str
    usage: Mapping[str, Any]
    facts: Mapping[str, Any] = field(default_factory=dict)


def told(asked: Asked, live: LiveQuestion, answer: Answer) -> Told | None:
    """What is told of an answer; None where the model came to no text at all.

    The text is that of the branch that ended with the answer; where none did, the answer itself; where there is no
    answer, the text of the first branch that ended, or else of the longest.

    Args:
        asked: the request.
        live: what the model wrote.
        answer: what it came to.
    """
    shown = _shown(live, answer)
    if shown is None:
        return None
    text, finish_reason = shown
    reasoning = None
    if asked.endpoint is Endpoint.chat:
        marks = live.source.settings.drawn.probing.marks
        reasoning, text = split_reasoning(text, live.answers.in_reasoning, marks)
    facts = {
        **asked.choice.told(),
        **{name: getattr(answer, name) for name in ("tokens", "sequential_tokens", "width", "probes", "requests")},
        "seconds": round(answer.seconds, 3),
        "ended": answer.ended,
        "answer": answer.answer,
    }
    return Told(text, reasoning, finish_reason, usage(live), facts)


def usage(live: LiveQuestion) -> dict[str, Any]:
    """What a question took of the model, whatever its controller was charged.

    Args:
        live: what the model wrote; nothing of it runs any more.
    """
    spent = live.spent
    generated = spent.generated + spent.forced
    abandoned = sum(len(branch.tokens) for branch in live.branches if not branch.ended)
    details = {"prompt_tokens_details": {"cached_tokens": spent.cached}} if spent.told else {}
    return {
        "prompt_tokens": spent.prompt,
        "completion_tokens": generated,
        "total_tokens": spent.prompt + generated,
        **details,
        "completion_tokens_details": {"abandoned_tokens": abandoned, "forced_tokens": spent.forced},
    }


def split_reasoning(text: str, in_reasoning: bool, marks: Marks | None = None) -> tuple[str | None, str]:
    """The reasoning that a text begins with, None where nothing marks one, and what comes after it.

    Args:
        text: what a model wrote.
        in_reasoning: whether the prompt opened the reasoning.
        marks: what it begins and ends with beside all that is known.
    """
    opening, closing = patterns(marks)
    opened = opening.match(text.lstrip())
    if opened is None and not in_reasoning:
        return None, text
    rest = text if opened is None else text.lstrip()[opened.end() :]
    closed = closing.search(rest)
    if closed is None:
        return BETWEEN.sub("\n", rest).strip(), ""
    return BETWEEN.sub("\n", rest[: closed.start()]).strip(), rest[closed.end() :].lstrip()


def headers(facts: Mapping[str, Any]) -> dict[str, str]:
    """Response headers that tell what is known; texts of the model are left to the body.

    Args:
        facts: by name.
    """
    return {
        f"{PREFIX}{name.replace('_', '-')}": f"{value}"
        for name, value in facts.items()
        if value is not None and name != "answer"
    }


def whole(asked: Asked, said: Told) -> dict[str, Any]:
    """The body of a response that is no stream.

    Args:
        asked: the request.
        said: the answer.
    """
    if asked.endpoint is Endpoint.chat:
        message: dict[str, Any] = {"role": "assistant", "content": said.text}
        if said.reasoning is not None:
            message["reasoning_content"] = said.reasoning
        content: dict[str, Any] = {"message": message}
    else:
        content = {"text": said.text}
    choice = {"index": 0, **content, "logprobs": None, "finish_reason": said.finish_reason}
    return {**head(asked), "choices": [choice], "usage": said.usage, "tts": said.facts}


def chunks(asked: Asked, said: Told) -> Iterator[dict[str, Any]]:
    """The documents of a response that is a stream.

    Args:
        asked: the request.
        said: the answer.
    """
    top = head(asked, streamed=True)
    no_usage = {"usage": None} if asked.include_usage else {}
    is_chat = asked.endpoint is Endpoint.chat

    def chunk(content: dict[str, Any], finish_reason: str | None = None) -> dict[str, Any]:
        told = {"delta": content} if is_chat else {"text": "", **content}
        return {**top, "choices": [{"index": 0, **told, "logprobs": None, "finish_reason": finish_reason}], **no_usage}

    if is_chat:
        yield chunk({"role": "assistant", "content": ""})
        for piece in _pieces(said.reasoning or ""):
            yield chunk({"reasoning_content": piece})
    for piece in _pieces(said.text):
        yield chunk({"content" if is_chat else "text": piece})
    yield chunk({}, said.finish_reason) | {"tts": said.facts}
    if asked.include_usage:
        yield {**top, "choices": [], "usage": said.usage}


def head(asked: Asked, streamed: bool = False) -> dict[str, Any]:
    """What every document of a response begins with.

    Args:
        asked: the request.
        streamed: whether the response is a stream.
    """
    number = uuid.uuid4().hex
    if asked.endpoint is Endpoint.chat:
        name, kind = f"chatcmpl-{number}", "chat.completion.chunk" if streamed else "chat.completion"
    else:
        name, kind = f"cmpl-{number}", "text_completion"
    return {"id": name, "object": kind, "created": int(time.time()), "model": asked.document["model"]}


def _shown(live: LiveQuestion, answer: Answer) -> tuple[str, str] | None:
    """Text and finish reason of what is shown."""
    ended = [branch for branch in live.branches if branch.ended]
    if answer.text is not None:
        branch = next(branch for branch in ended if branch.text == answer.text)
        return branch.text, branch.finish_reason or "stop"
    if answer.answer is not None:
        return answer.answer, "stop"
    if ended:
        return ended[0].text, ended[0].finish_reason or "stop"
    longest = max(live.branches, key=lambda branch: len(branch.tokens), default=None)
    return None if longest is None or not longest.tokens else (_written(longest), "length")


def _written(branch: LiveBranch) -> str:
    source = branch.source
    before = source.prefix(()) if source.probes else ()
    return source.engine.backend.tokenizer.decode_after(before, branch.tokens)


def _pieces(text: str) -> Iterator[str]:
    return (text[start : start + PIECE] for start in range(0, len(text), PIECE))
