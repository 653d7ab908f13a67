"""What a request asks for, checked before anything is spent."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from tts_gym.serve.choice import Choice, read_choice
from tts_gym.serve.errors import RequestError
from tts_gym.serve.limits import Limits
from tts_gym.serve.messages import Turn, read_messages, unvoted_part
from tts_gym.serve.offer import Offer


class Endpoint(StrEnum):
    """The interface that a request uses; the value is its path below ``/v1/``."""

    chat = "chat/completions"
    completions = "completions"


def _is_number(low: float, high: float) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high


def _is_count(low: int) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, int) and not isinstance(value, bool) and low <= value < 2**63


def _is_stop(value: Any) -> bool:
    stops = [value] if isinstance(value, str) else value
    return isinstance(stops, list) and len(stops) <= MOST_STOPS and all(isinstance(s, str) and s for s in stops)


MOST_STOPS = 16
"""Most texts that end a branch."""

SAMPLING: dict[str, tuple[Callable[[Any], bool], str]] = {
    "temperature": (_is_number(0, 2), "a number from 0 to 2"),
    "top_p": (_is_number(1e-9, 1), "a number above 0 and at most 1"),
    "top_k": (_is_count(-1), "a number of tokens, 0 for all"),
    "max_tokens": (_is_count(1), "a number of tokens above 0"),
    "max_completion_tokens": (_is_count(1), "a number of tokens above 0"),
    "stop": (_is_stop, f"a text or up to {MOST_STOPS} texts, none empty"),
    "seed": (_is_count(0), "a whole number from 0 on"),
}
"""Parameters that branches are drawn by, what their values must be, and that in words."""

READ = {"model", "messages", "prompt", "stream", "stream_options", "tts", *SAMPLING}
"""Parameters that an answer by a controller honours."""

NEUTRAL: dict[str, tuple[Any, ...]] = {
    "n": (1,),
    "best_of": (1,),
    "tools": ([],),
    "tool_choice": ("none",),
    "parallel_tool_calls": (),
    "functions": ([],),
    "function_call": ("none",),
    "response_format": ({"type": "text"},),
    "logprobs": (False,),
    "top_logprobs": (0,),
    "prompt_logprobs": (),
    "echo": (False,),
    "suffix": ("",),
    "audio": (),
    "modalities": (["text"],),
    "prediction": (),
    "web_search_options": (),
    "structured_outputs": (),
    "guided_json": (),
    "guided_regex": (),
    "guided_choice": (),
    "guided_grammar": (),
}
"""Parameters that no controller can vote on, with the values at which they ask for nothing."""

IDLE: dict[str, tuple[Any, ...]] = {
    "frequency_penalty": (0,),
    "presence_penalty": (0,),
    "repetition_penalty": (1,),
    "logit_bias": ({},),
    "min_p": (0,),
}
"""Further parameters that ask for nothing at some value; at others they would be dropped."""


@dataclass(frozen=True)
class Asked:
    """A request.

    Attributes:
        endpoint: the interface that it uses.
        document: its body for the upstream: with the upstream's name of the model, without what is the gateway's.
        conversation: turns, or the text to be continued.
        sampling: what differs from the settings that branches are drawn by, in their words.
        choice: how it is to be answered.
        stream: whether the answer is wanted in pieces.
        include_usage: whether a stream ends with the usage.
        through: what no controller can vote on; None where one may.
    """

    endpoint: Endpoint
    document: Mapping[str, Any]
    conversation: Sequence[Turn] | str
    sampling: Mapping[str, Any]
    choice: Choice
    stream: bool
    include_usage: bool
    through: str | None

    @property
    def question(self) -> str:
        """The text that answers answer: the last turn of the user."""
        if isinstance(self.conversation, str):
            return self.conversation
        said = [str(turn["content"]) for turn in self.conversation if turn["role"] == "user"]
        return said[-1] if said else ""


def read_request(
    endpoint: Endpoint,
    document: Mapping[str, Any],
    headers: Mapping[str, str],
    model: str,
    offer: Offer,
    limits: Limits,
    width: int,
) -> Asked:
    """Read a request.

    Args:
        endpoint: the interface that it uses.
        document: its body.
        headers: its headers, names in lower case.
        model: name of the model here.
        offer: the controllers to choose from.
        limits: what the operator allows.
        width: most samples of a request that a controller has no say in.

    Raises:
        RequestError: it cannot be answered as it asks.
    """
    document = {name: value for name, value in document.items() if value is not None}
    alias = _alias(document.get("model"), model)
    choice = read_choice(headers, document.get("tts"), alias, offer, limits)
    stream = document.get("stream", False)
    if not isinstance(stream, bool):
        raise RequestError("stream is neither true nor false.", param="stream")
    sampling = _sampling(document)
    conversation, unvoted = _conversation(endpoint, document)
    through = next((name for name in NEUTRAL if _is_set(document, name, NEUTRAL)), unvoted)
    if through is None and sampling.get("temperature") == 0:
        through = "temperature 0"
    if through is None:
        _refuse_dropped(endpoint, document)
    else:
        _bound_samples(document, width)
    return Asked(
        endpoint=endpoint,
        document={name: value for name, value in document.items() if name != "tts"} | {"model": model},
        conversation=conversation,
        sampling=sampling,
        choice=choice,
        stream=stream,
        include_usage=_includes_usage(document, stream, through is not None),
        through=through,
    )


def _alias(asked: Any, model: str) -> str | None:
    """What stands behind the model's name."""
    if asked == model:
        return None
    if isinstance(asked, str) and asked.startswith(f"{model}@"):
        return asked.removeprefix(f"{model}@")
    name = repr(asked[:120]) if isinstance(asked, str) else "that is no text"
    raise RequestError(f"There is no model {name} here: use {model!r}, or {model}@CONTROLLER.", 404, "model")


def _sampling(document: Mapping[str, Any]) -> dict[str, Any]:
    """What branches are drawn by, in the words of ``CollectionSettings``."""
    given = {name: document[name] for name in SAMPLING if name in document}
    for name, value in given.items():
        fits, words = SAMPLING[name]
        if not fits(value):
            raise RequestError(f"{name} is not {words}.", param=name)
    if "max_tokens" in given and "max_completion_tokens" in given:
        raise RequestError("max_tokens and max_completion_tokens are the same: give one of them.", param="max_tokens")
    if "max_completion_tokens" in given:
        given["max_tokens"] = given.pop("max_completion_tokens")
    if "stop" in given:
        given["stop"] = (given["stop"],) if isinstance(given["stop"], str) else tuple(given["stop"])
    if "top_k" in given:
        given["top_k"] = max(0, given["top_k"])
    return given


def _conversation(endpoint: Endpoint, document: Mapping[str, Any]) -> tuple[Sequence[Turn] | str, str | None]:
    """What is to be answered, and what in it no controller can vote on."""
    if endpoint is Endpoint.chat:
        messages = document.get("messages")
        if (unvoted := unvoted_part(messages)) is not None:
            return (), unvoted
        return read_messages(messages), None
    prompt = document.get("prompt")
    if isinstance(prompt, list) and len(prompt) == 1 and isinstance(prompt[0], str):
        prompt = prompt[0]
    if isinstance(prompt, list) and prompt:
        return "", "prompt of a list"
    if not isinstance(prompt, str) or not prompt:
        raise RequestError("prompt is no text.", param="prompt")
    return prompt, None


def _is_set(document: Mapping[str, Any], name: str, neutral: Mapping[str, tuple[Any, ...]]) -> bool:
    """Whether a parameter asks for something; those of tools do nothing without tools."""
    if name not in document or (name in ("tool_choice", "parallel_tool_calls") and not document.get("tools")):
        return False
    value = document[name]
    return not any(value == idle and isinstance(value, bool) == isinstance(idle, bool) for idle in neutral[name])


def _refuse_dropped(endpoint: Endpoint, document: Mapping[str, Any]) -> None:
    other = "prompt" if endpoint is Endpoint.chat else "messages"
    for name in document:
        if name == other or not (
            name in READ or name in NEUTRAL or (name in IDLE and not _is_set(document, name, IDLE))
        ):
            raise RequestError(
                f"{name[:60]} would be dropped, as no controller takes it: leave it out.", param=name[:60]
            )


def _bound_samples(document: Mapping[str, Any], width: int) -> None:
    """Refuse more samples than the operator allows branches."""
    for name in ("n", "best_of"):
        if name in document and not _is_count(1)(document[name]):
            raise RequestError(f"{name} is not a number above 0.", param=name)
    prompt = document.get("prompt")
    prompts = len(prompt) if isinstance(prompt, list) and not all(_is_count(0)(token) for token in prompt) else 1
    samples = prompts * max(document.get("n", 1), document.get("best_of", 1))
    if samples > width:
        raise RequestError(f"{samples} samples are asked for, but at most {width} are given.", param="n")


def _includes_usage(document: Mapping[str, Any], stream: bool, through: bool) -> bool:
    options = document.get("stream_options")
    if options is None or through:
        return False
    if not stream:
        raise RequestError("stream_options need stream.", param="stream_options")
    if not isinstance(options, dict) or not isinstance(options.get("include_usage", False), bool):
        raise RequestError("stream_options is no object with include_usage true or false.", param="stream_options")
    if others := sorted(options.keys() - {"include_usage"}):
        raise RequestError(f"stream_options.{others[0][:60]} would be dropped: leave it out.", param="stream_options")
    return bool(options.get("include_usage", False))
