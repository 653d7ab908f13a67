"""A backend without a model: a token a character, continuations fixed by prompt, sampling and index."""

import threading
import zlib
from collections import OrderedDict

import numpy as np

from tts_gym.llm import Backend, Completion, Delta, Result, Signals
from tts_gym.llm.pending import Pending

END = 0
"""Token that ends a continuation."""

BLOCK = 16
"""Tokens that the prefix cache remembers together."""

PIECE = 7
"""Tokens of a streamed request that come together."""


class FakeTokenizer:
    name = "fake"
    end_ids = frozenset({END})
    structure = ""

    def encode(self, text):
        return tuple(map(ord, text))

    encode_prompt = encode

    def keep(self, text):
        return False

    def decode(self, ids, special=False):
        return "".join(chr(token) for token in ids if token != END)

    def decode_after(self, prompt, ids):
        return self.decode(ids)

    def chat(self, messages, add_generation_prompt=True, arguments=None):
        turns = [f"<{message['role']}>{message['content']}\n" for message in messages]
        return self.encode("".join(turns) + "<assistant>" * add_generation_prompt)


def worked_answer(prompt, rng):
    """A continuation of some steps that ends in a number."""
    steps = [f"step {step}: {rng.integers(100)}\n" for step in range(rng.integers(2, 8))]
    return "".join(steps) + f"The final answer is {rng.integers(3)}."


class FakeBackend(Backend):
    """Answers at once, a few requests at a call and in a mixed order; streamed ones piece by piece.

    A streamed request that fails does so after its first piece.

    Args:
        write: text of a continuation, from the text of the prompt and a generator fixed by the request.
        fail: why a request fails, or None, from the request.
        context, top_logprobs, self_certainty, seeds, token_ids, logprobs, scores: as in ``Backend`` and ``Signals``.
        at_once: most results of a call.
    """

    def __init__(
        self,
        write=worked_answer,
        fail=lambda request: None,
        context=100_000,
        top_logprobs=20,
        self_certainty=False,
        seeds=True,
        at_once=5,
        token_ids=True,
        logprobs=True,
        scores=True,
    ):
        self.model = "fake"
        self.tokenizer = FakeTokenizer()
        self.context = context
        self.signals = Signals(token_ids, logprobs, top_logprobs, self_certainty, True, seeds, scores=scores)
        self.submitted = 0
        self._write, self._fail, self._at_once = write, fail, at_once
        self._pending = Pending(self.model, self.signals, context)
        self._order = np.random.default_rng(0)
        self._blocks = OrderedDict()
        self._streams = {}
        self._woken = threading.Event()

    def submit(self, requests):
        self.submitted += len(self._pending.add(requests))

    def arrived(self):
        arrived = self._pending.take_failed()
        if not arrived and not self._woken.is_set():
            keys = self._order.permutation(list(self._pending.requests))[: self._at_once]
            arrived = [self._come(int(key)) for key in keys]
        self._woken.clear()
        return arrived

    def cancel(self, keys):
        for key in self._pending.drop(keys):
            self._streams.pop(key, None)

    def wake(self):
        self._woken.set()

    def close(self):
        self._pending.requests.clear()

    def _come(self, key):
        """The next piece of a streamed request, or its result."""
        request = self._pending.requests[key]
        if not request.stream:
            return self._result(key)
        if key not in self._streams:
            whole = self._completion(request, 0)
            self._streams[key] = whole, iter(range(0, len(whole.tokens), PIECE)), self._fail(request)
        whole, starts, reason = self._streams[key]
        start = next(starts, None)
        if start is None or (start and reason is not None):
            del self._streams[key]
            if reason is not None:
                return self._pending.fail(key, reason)
            del self._pending.requests[key]
            return Result(key, (whole,), len(request.prompt), self._cached(request.prompt))
        new = slice(start, start + PIECE)
        signals = [
            None if told is None else told[new] for told in (whole.logprobs, whole.top_logprobs, whole.self_certainty)
        ]
        return Delta(key, whole.tokens[new], whole.text[new], *signals)

    def _result(self, key):
        request = self._pending.requests[key]
        reason = self._fail(request)
        if reason is not None:
            return self._pending.fail(key, reason)
        del self._pending.requests[key]
        completions = tuple(self._completion(request, index) for index in range(request.n))
        if request.scored:
            completions = (self._scores(request),)
        return Result(key, completions, len(request.prompt), self._cached(request.prompt))

    def _completion(self, request, index):
        sampling = request.sampling
        drawn = index if sampling.temperature else 0
        rng = np.random.default_rng(
            [zlib.crc32(np.array(request.prompt, np.int32).tobytes()), drawn, sampling.seed or 0]
        )
        text = self._write(self.tokenizer.decode(request.prompt), rng)
        tokens = np.array([*self.tokenizer.encode(text), END], np.int32)[: sampling.max_tokens]
        stops = [text.index(stop) for stop in sampling.stop if stop in text[: sampling.max_tokens]]
        if stops:
            text = text[: min(stops)]
            tokens = tokens[: max(1, min(stops) + 1)]
        length = len(tokens)
        reason = "stop" if stops or tokens[-1] == END else "length"
        if not self.signals.token_ids:
            text = text[: sampling.max_tokens]
            return Completion(np.array(self.tokenizer.encode(text), np.int32), text, reason)
        return Completion(tokens, text[: sampling.max_tokens], reason, *self._confidences(rng, length, sampling))

    def _confidences(self, rng, length, sampling):
        logprobs = -rng.exponential(0.5, length).astype(np.float32) if self.signals.logprobs else None
        top = None
        if sampling.top_logprobs:
            top = -np.sort(rng.exponential(1.0, (length, sampling.top_logprobs)).astype(np.float32))
        certainty = rng.gamma(2.0, 1.0, length).astype(np.float32) if self.signals.self_certainty else None
        return logprobs, top, certainty

    def _scores(self, request):
        """The tokens to score; their log-probabilities are fixed by the prompt."""
        rng = np.random.default_rng(zlib.crc32(np.array(request.prompt, np.int32).tobytes()))
        tokens = np.array(request.prompt[-request.scored :], np.int32)
        return Completion(tokens, "", "length", *self._confidences(rng, request.scored, request.sampling))

    def _cached(self, prompt):
        """Tokens of the prompt in blocks that were seen, the last token aside; the blocks are seen from now on."""
        cached, known = 0, True
        for end in range(BLOCK, len(prompt), BLOCK):
            block = hash(prompt[:end])
            known = known and block in self._blocks
            cached = end if known else cached
            self._blocks[block] = None
        while len(self._blocks) > 20_000:
            self._blocks.popitem(last=False)
        return cached
