"""About as many tokens as a text has, where its model's tokenizer is not known."""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from tts_gym.llm.tokenizer import Tokenizer

PIECE = re.compile(r" ?[^\W\d_]{1,6}| ?\d{1,3}| ?[^\w\s]{1,2}|\s+|.", re.DOTALL)
"""A token as most tokenizers cut them: a short word or part of one, up to three digits, a sign or two."""


class Pieces(Tokenizer):
    """Stands in for a tokenizer: its tokens are pieces of the text, numbered as they appear.

    Attributes:
        name: "pieces".
        end_ids: that of a token without text, which stands for those that are not shown.
    """

    def __init__(self) -> None:
        """Begin without pieces."""
        self.name = "pieces"
        self.end_ids = frozenset({0})
        self._ids: dict[str, int] = {}
        self._texts = [""]
        self._lock = threading.Lock()

    def encode(self, text: str) -> tuple[int, ...]:
        """See ``Tokenizer.encode``."""
        with self._lock:
            return tuple(self._id(piece) for piece in PIECE.findall(text))

    encode_prompt = encode

    @property
    def structure(self) -> str:
        """See ``Tokenizer.structure``: nothing is known of the model."""
        return ""

    def keep(self, text: str) -> bool:
        """See ``Tokenizer.keep``: no token is special."""
        return False

    def decode(self, ids: Sequence[int], special: bool = False) -> str:
        """See ``Tokenizer.decode``."""
        return "".join(self._texts[number] for number in ids)

    def chat(
        self,
        messages: Sequence[Mapping[str, Any]],
        add_generation_prompt: bool = True,
        arguments: Mapping[str, Any] = MappingProxyType({}),
    ) -> tuple[int, ...]:
        """See ``Tokenizer.chat``: the contents of the turns, a line each."""
        return self.encode("".join(f"{message.get('content') or ''}\n" for message in messages))

    def _id(self, piece: str) -> int:
        if piece not in self._ids:
            self._ids[piece] = len(self._texts)
            self._texts.append(piece)
        return self._ids[piece]
