"""A tokenizer for backends that have no model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any


class CharacterTokenizer:
    """A token a character."""

    structure = ""

    def keep(self, text: str) -> bool:
        """No token is special."""
        return False

    def encode(self, text: str) -> tuple[int, ...]:
        """Characters as tokens."""
        return tuple(map(ord, text))

    encode_prompt = encode

    def decode(self, ids: Sequence[int], special: bool = False) -> str:
        """Tokens as characters."""
        return "".join(map(chr, ids))

    def chat(
        self,
        messages: Sequence[dict[str, str]],
        add_generation_prompt: bool = True,
        arguments: Mapping[str, Any] = MappingProxyType({}),
    ) -> tuple[int, ...]:
        """The turns one after another."""
        return self.encode("\n".join(message["content"] for message in messages))
