"""A backend that plays branches from a script, in pieces and an order of its own.

A token of branch ``b`` of a question is ``FIRST + b``, and how many there are tells how far the branch is.
"""

from dataclasses import dataclass

import numpy as np

from tts_gym.llm import Completion, Result, Signals
from tts_gym.llm.backend import Delta
from tts_gym.llm.pending import Pending

FIRST = 1_000_000
SUFFIX = "\n\nThe final answer is \\boxed{"


@dataclass(frozen=True)
class Script:
    """A branch: its length, the answers after each interval, and its final one; None is no answer."""

    tokens: int
    probes: list
    final: str | None


class ScriptedTokenizer:
    name, end_ids, structure = "scripted", frozenset(), ""

    def encode(self, text):
        return tuple(map(ord, text))

    encode_prompt = encode

    def keep(self, text):
        return False

    def decode(self, ids, special=False):
        return "".join(chr(token) for token in ids if token < FIRST)

    def decode_after(self, prompt, ids):
        return self.decode(ids)

    def chat(self, messages, add_generation_prompt=True, arguments=None):
        return self.encode("".join(message["content"] + "\n" for message in messages))


class ScriptedBackend:
    """Gives the scripts of each question to its branches in the order in which they are begun.

    Args:
        scripts: by the text of a question, the branches.
        interval: tokens between two probes.
        seed: of the order in which answers arrive, and of their pieces.
        longest: most tokens of a piece.
        sudden: probability that all the rest of a branch is the next piece.
        fail: why a request fails, or None, from the request.
        probes: as in ``Signals``.
    """

    def __init__(self, scripts, interval, seed=0, longest=None, sudden=0.2, fail=lambda request: None, probes=True):
        self.model, self.tokenizer, self.context = "scripted", ScriptedTokenizer(), None
        self.signals = Signals(True, True, 3, True, True, False, probes)
        self._scripts = {self.tokenizer.encode(question + "\n"): list(each) for question, each in scripts.items()}
        self._interval, self._longest, self._fail = interval, longest or 2 * interval, fail
        self._sudden = sudden
        self._begun = dict.fromkeys(self._scripts, 0)
        self._rng = np.random.default_rng(seed)
        self._pending = Pending(self.model, self.signals, None)
        self._sent, self._left = {}, {}
        self.requests, self.cancelled = [], []
        self.most_pending = 0

    def submit(self, requests):
        for request in self._pending.add(requests):
            self.requests.append(request)
            self._sent[request.key] = 0
            reason = self._fail(request)
            self._left[request.key] = reason or self._completion(request)
        self.most_pending = max(self.most_pending, len(self._pending.requests))

    def arrived(self):
        events = self._pending.take_failed()
        keys = list(self._pending.requests)
        for key in self._rng.permutation(keys)[: self._rng.integers(1, 4)] if keys else ():
            events.append(self._next(int(key)))
        return [event for event in events if event is not None]

    def finished(self):
        return [event for event in self.arrived() if isinstance(event, Result)]

    def cancel(self, keys):
        for key in keys:
            if self._pending.requests.pop(key, None) is not None:
                self.cancelled.append(key)

    def wake(self):
        pass

    def close(self):
        self._pending.requests.clear()

    def _next(self, key):
        request, whole, sent = self._pending.requests[key], self._left[key], self._sent[key]
        if isinstance(whole, str):
            return self._pending.fail(key, whole)
        if request.stream and sent < len(whole.tokens) and self._rng.random() >= self._sudden:
            end = min(len(whole.tokens), sent + int(self._rng.integers(1, self._longest)))
            self._sent[key] = end
            here = slice(sent, end)
            signals = (whole.logprobs[here], whole.top_logprobs[here], whole.self_certainty[here])
            return Delta(key, whole.tokens[here], "", *signals)
        del self._pending.requests[key]
        return Result(key, (whole,), len(request.prompt), 0)

    def _completion(self, request):
        if request.sampling.temperature == 0:
            return self._forced(request)
        asked = self.tokenizer.chat(request.messages) if request.messages else request.prompt
        question = tuple(token for token in asked if token < FIRST)
        written = [token for token in asked if token >= FIRST]
        if written:
            branch = written[0] - FIRST
        else:
            branch = self._begun[question]
            self._begun[question] += 1
        script = self._scripts[question][branch]
        left = script.tokens - len(written)
        tokens = np.full(min(left, request.sampling.max_tokens), FIRST + branch, np.int32)
        ends = left <= request.sampling.max_tokens
        text = "" if script.final is None else f"The final answer is \\boxed{{{script.final}}}."
        rng = np.random.default_rng([branch, len(written)])
        logprobs = -rng.exponential(0.5, len(tokens)).astype(np.float32)
        top = -np.sort(rng.exponential(1.0, (len(tokens), 3)).astype(np.float32))
        top = top[:, : request.sampling.top_logprobs]
        certainty = rng.gamma(2.0, 1.0, len(tokens)).astype(np.float32)
        return Completion(tokens, text if ends else "", "stop" if ends else "length", logprobs, top, certainty)

    def _forced(self, request):
        written = [token for token in request.prompt if token >= FIRST]
        length = len(self.tokenizer.encode(SUFFIX))
        question = tuple(token for token in request.prompt if token < FIRST)[:-length]
        script = self._scripts[question][written[0] - FIRST]
        answer = script.probes[len(written) // self._interval - 1]
        text = "" if answer is None else f"{answer}}}"
        tokens = np.array(self.tokenizer.encode(text), np.int32)
        return Completion(tokens, text, "stop", np.full(len(tokens), -0.5, np.float32))


def scripts_of(store, question):
    """The branches of a question of a store as scripts."""
    tables = store.tables
    texts = store.class_texts[question]
    found = []
    for row in range(tables.branch_start[question], tables.branch_start[question + 1]):
        classes = tables.answers[tables.answer_start[row] : tables.answer_start[row + 1]]
        answers = [texts[each] if each else None for each in classes]
        found.append(Script(int(tables.tokens[row]), answers[:-1], answers[-1]))
    return found
