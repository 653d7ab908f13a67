"""Text as a model's token ids and back."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from tts_gym.errors import BackendError

CONTEXT = 8
"""Prompt tokens that the text of a continuation is read with: whether it begins with a space depends on them."""


class Tokenizer:
    """The tokenizer of a Hugging Face model, in the extra ``collect``.

    Attributes:
        name: name or path of the model.
        end_ids: ids of the tokens that end a text.
    """

    def __init__(self, name: str, end_ids: Sequence[int] = (), **options: Any) -> None:
        """Load the tokenizer.

        Args:
            name: name or path of the model.
            end_ids: ids that end a text beside the tokenizer's own.
            **options: of ``AutoTokenizer.from_pretrained``.

        Raises:
            BackendError: it cannot be loaded.
        """
        from transformers import AutoTokenizer

        try:
            self._tokenizer: Any = AutoTokenizer.from_pretrained(name, **options)
        except (OSError, ValueError, KeyError) as error:
            raise BackendError(f"The tokenizer of {name!r} cannot be loaded: {in_a_line(error)}") from error
        self.name = name
        own = self._tokenizer.eos_token_id
        self.end_ids = frozenset(end_ids) | (frozenset() if own is None else {own})
        added = self._tokenizer.added_tokens_decoder
        self._special = {token for token, one in added.items() if one.special} | {*self._tokenizer.all_special_ids}
        self._left_out = set(self._special)

    @property
    def structure(self) -> str:
        """The chat template, if there is one, and the added tokens, as one text."""
        added = (one.content for one in self._tokenizer.added_tokens_decoder.values())
        return "\n".join([str(self._tokenizer.chat_template or ""), *added])

    def keep(self, text: str) -> bool:
        """Have texts hold special tokens from now on, those that are in ``text``; returns whether there are any."""
        found = self._special.intersection(self.encode(text))
        self._left_out -= found
        return bool(found)

    def encode(self, text: str) -> tuple[int, ...]:
        """Token ids of ``text`` alone, without special tokens around it."""
        return tuple(self._tokenizer.encode(text, add_special_tokens=False))

    def encode_prompt(self, text: str) -> tuple[int, ...]:
        """Token ids of ``text`` as the beginning of an input, with the special tokens that the model expects there."""
        return tuple(self._tokenizer.encode(text))

    def decode(self, ids: Sequence[int], special: bool = False) -> str:
        """The text of token ids.

        Args:
            ids: the token ids.
            special: with all special tokens; else with those only that are kept.
        """
        shown = [token for token in ids if special or token not in self._left_out]
        text: str = self._tokenizer.decode(shown)
        return text

    def decode_after(self, prompt: Sequence[int], ids: Sequence[int]) -> str:
        """What token ids add to the text of a prompt, without special tokens that are not kept.

        Args:
            prompt: token ids before them.
            ids: the token ids.
        """
        before = list(prompt[-CONTEXT:])
        return self.decode(before + list(ids)).removeprefix(self.decode(before))

    def continuation(self, prompt: Sequence[int], ids: Sequence[int], finish_reason: str, stop: Sequence[str]) -> str:
        """The text of a continuation, up to the stop text or the token that ended it.

        Args:
            prompt: token ids before it.
            ids: its own token ids.
            finish_reason: "stop" or "length".
            stop: texts that end it.
        """
        text = self.decode_after(prompt, ids)
        if finish_reason != "stop":
            return text
        found = [text.index(end) for end in stop if end in text]
        return text[: min(found)] if found else self.decode_after(prompt, ids[:-1])

    def chat(
        self,
        messages: Sequence[Mapping[str, str]],
        add_generation_prompt: bool = True,
        arguments: Mapping[str, Any] = MappingProxyType({}),
    ) -> tuple[int, ...]:
        """Token ids of a conversation in the model's chat template.

        Args:
            messages: turns with ``role`` and ``content``.
            add_generation_prompt: end with the beginning of the assistant's answer.
            arguments: of the template, by name.

        Raises:
            BackendError: the model has no chat template, or the template refuses the messages or lacks an argument.
        """
        template = self._tokenizer.chat_template
        if template is None:
            raise BackendError(f"Model {self.name!r} has no chat template: use plain prompts (--no-chat).")
        for name in arguments:
            if re.search(rf"\b{re.escape(name)}\b", str(template)) is None:
                raise BackendError(f"The chat template of {self.name!r} does not look at {name}: leave it out.")
        try:
            text: str = self._tokenizer.apply_chat_template(
                [dict(message) for message in messages],
                **arguments,
                add_generation_prompt=add_generation_prompt,
                tokenize=False,
            )
        except Exception as error:  # A template is a program of the model's authors and raises what it likes.
            raise BackendError(
                f"The chat template of {self.name!r} refuses the messages: {in_a_line(error)}"
            ) from error
        return self.encode(text)


def in_a_line(error: BaseException) -> str:
    """What ``error`` says, in a line of at most 300 characters."""
    return textwrap.shorten(str(error), 300) or type(error).__name__
