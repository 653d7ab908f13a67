"""How long a sample is: as its source tells, by a tokenizer, or else by its characters."""

from __future__ import annotations

from collections import Counter

from tts_gym.errors import SourceError
from tts_gym.importers.samples import Sample

CHARACTERS = "characters / 4"
"""What stands for tokens where nothing counts them."""

CHARACTERS_PER_TOKEN = 4

MOST_TOKENS = 2**24
"""More tokens than any sample has."""


class TokenCounter:
    """Counts the tokens of samples, and by what it did.

    Attributes:
        ways: samples by what counted their tokens.
    """

    def __init__(self, tokenizer: str | None = None) -> None:
        """Load the tokenizer.

        Args:
            tokenizer: name or path, for samples whose source tells no length; None where there is none.

        Raises:
            SourceError: transformers, which loads it, is not installed.
            BackendError: it cannot be loaded.
        """
        self.ways: Counter[str] = Counter()
        self._name, self._tokenizer = tokenizer, None
        if tokenizer is not None:
            from tts_gym.llm.tokenizer import Tokenizer

            try:
                self._tokenizer = Tokenizer(tokenizer)
            except ImportError as error:
                raise SourceError(f"The tokenizer {tokenizer} needs transformers: install tts-gym[collect].") from error

    def count(self, sample: Sample, place: str) -> int:
        """Tokens of a sample; 0 where it has neither a known length nor a text.

        Args:
            sample: the sample.
            place: what error messages call it.

        Raises:
            SourceError: it is longer than any sample can be.
        """
        if sample.tokens:
            tokens, way = sample.tokens, sample.counted_by or "the source"
        elif not sample.text or not sample.text.strip():
            return 0
        elif self._tokenizer is not None:
            tokens, way = max(1, len(self._tokenizer.encode(sample.text))), f"tokenizer {self._name}"
        else:
            tokens, way = -(-len(sample.text) // CHARACTERS_PER_TOKEN), CHARACTERS
        if tokens > MOST_TOKENS:
            raise SourceError(f"{place} has {tokens} tokens by {way}; that is no length of a sample, correct it.")
        self.ways[way] += 1
        return tokens
