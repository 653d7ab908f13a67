"""A continuation that a server sends piece by piece, perhaps over several connections."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from tts_gym.llm.backend import Completion, Delta, Request
from tts_gym.llm.openai_answer import Answer, Part, completion, logprob_columns
from tts_gym.llm.tokenizer import Tokenizer


class Stream:
    """A continuation in the making.

    Where the connection is lost, the rest is asked for: what was handed out stands. A stop text that lies across such
    a break is not seen.

    A server that does not tell token ids has its text read back into tokens word by word, as a word is known to be
    whole where the next begins; so what was handed out is the beginning of the whole here, too.

    Attributes:
        answer: what the server has said.
    """

    def __init__(self, request: Request, tokenizer: Tokenizer, token_ids: bool, logprobs: bool) -> None:
        """Begin with nothing.

        Args:
            request: what is continued.
            tokenizer: that of the model.
            token_ids: whether the server tells token ids.
            logprobs: whether it tells log-probabilities.
        """
        self.answer = Answer()
        self._request, self._tokenizer, self._logprobs = request, tokenizer, logprobs
        self._part = self.answer.parts[0] = Part(read_ids=None if token_ids else [])
        self._tokens = 0
        self._characters = 0
        self._last_word = ""

    def rest(self) -> Request | None:
        """The request for what is missing yet; None if nothing is."""
        if self._part.read_ids is not None:
            self._part.text = self._part.text[: self._characters]
            # Of which words the log-probabilities were that had come, nobody tells.
            self._part.logprobs, self._part.top_logprobs = None, []
            self._logprobs = self._logprobs and not self._characters
        ids = (self._part.token_ids if self._part.read_ids is None else self._part.read_ids) or []
        room = self._request.sampling.max_tokens - len(ids)
        if room < 1:
            self._part.finish_reason = "length"
            return None
        sampling = replace(self._request.sampling, max_tokens=room)
        return replace(self._request, prompt=(*self._request.prompt, *ids), sampling=sampling)

    def take(self, document: Any) -> Delta | None:
        """Take what the server sends; returns what is new, if anything.

        Raises:
            UselessError: it is no completion, or tells of an error.
        """
        self.answer.add(document)
        return self._told() if self._part.read_ids is None else self._read_back()

    def completion(self) -> Completion:
        """The whole continuation, once it has ended.

        Raises:
            UselessError: it did not end as continuations end, is empty, or its log-probabilities do not fit its tokens.
        """
        if self._part.read_ids is not None:
            self._read(self._part.text[self._characters :])
        return completion(self._part, self._request, self._tokenizer, self._logprobs)

    def _told(self) -> Delta | None:
        """The tokens that came last, by the ids that the server told; not those that ended it."""
        part, start = self._part, self._tokens
        ids = part.token_ids or []
        if len(ids) == start or part.finish_reason is not None:
            return None
        text, self._characters = part.text[self._characters :], len(part.text)
        self._tokens = len(ids)
        number = self._request.sampling.top_logprobs
        values = top = None
        given = len(ids) - part.told
        if len(part.logprobs or ()) == given and (not number or len(part.top_logprobs) == given):
            values, top = logprob_columns(part, start, len(ids), number)
            part.told, part.logprobs, part.top_logprobs = len(ids), [], []
        return Delta(self._request.key, np.array(ids[start:], np.int32), text, values, top)

    def _read_back(self) -> Delta | None:
        """The words that came last, save one that may not be whole."""
        words = self._part.text[self._characters :].rsplit(maxsplit=1)
        if len(words) < 2:
            return None
        return Delta(self._request.key, np.array(self._read(words[0]), np.int32), words[0])

    def _read(self, text: str) -> list[int]:
        """Token ids of the next part of the text, as they are after the part before it."""
        encode = self._tokenizer.encode
        before, both = encode(self._last_word), encode(self._last_word + text)
        ids = both[len(before) :] if both[: len(before)] == before else encode(text)
        self._last_word = text
        self._characters += len(text)
        assert self._part.read_ids is not None
        self._part.read_ids += ids
        return list(ids)
