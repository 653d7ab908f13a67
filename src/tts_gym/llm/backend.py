"""What a text-generation backend takes and gives: requests in, results out as they finish."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from tts_gym.errors import BackendError
from tts_gym.llm.tokenizer import Tokenizer


@dataclass(frozen=True)
class Sampling:
    """How tokens are drawn.

    Attributes:
        max_tokens: most tokens of a continuation.
        temperature: divides the logits; 0 always takes the most likely token.
        top_p: share of the probability, most likely tokens first, that is drawn from.
        top_k: number of most likely tokens that are drawn from; 0 for all.
        stop: texts that end a continuation.
        seed: of the draws; None for an unknown one.
        top_logprobs: number of most likely tokens whose log-probabilities are wanted at each position.

    Raises:
        ValueError: an attribute is out of range.
    """

    max_tokens: int
    temperature: float = 0.7
    top_p: float = 1.0
    top_k: int = 0
    stop: tuple[str, ...] = ()
    seed: int | None = None
    top_logprobs: int = 0

    def __post_init__(self) -> None:
        """Check the attributes."""
        if self.max_tokens < 1:
            raise ValueError(f"A continuation needs at least 1 token, but max_tokens is {self.max_tokens}.")
        if not self.temperature >= 0:
            raise ValueError(f"A temperature is not negative, but got {self.temperature}.")
        if not 0 < self.top_p <= 1:
            raise ValueError(f"top_p is above 0 and at most 1, but got {self.top_p}.")
        if self.top_k < 0 or self.top_logprobs < 0:
            raise ValueError(
                f"Numbers of tokens are not negative, but top_k is {self.top_k} and top_logprobs {self.top_logprobs}."
            )
        if isinstance(self.stop, str) or "" in self.stop:
            raise ValueError(f"stop is a tuple of texts that are not empty, but got {self.stop!r}.")


@dataclass(frozen=True)
class Request:
    """A prompt to continue.

    Attributes:
        key: number that comes back with the result; no two pending requests of a backend share one.
        prompt: token ids.
        sampling: how tokens are drawn.
        n: number of independent continuations.

    Raises:
        ValueError: the prompt is empty, or no continuation is wanted.
    """

    key: int
    prompt: tuple[int, ...]
    sampling: Sampling
    n: int = 1
    stream: bool = False

    def __post_init__(self) -> None:
        """Check the attributes."""
        if not self.prompt:
            raise ValueError(f"Request {self.key} has an empty prompt: a model continues at least one token.")
        if self.n < 1:
            raise ValueError(f"Request {self.key} asks for {self.n} continuations: ask for at least 1.")


@dataclass(frozen=True)
class Completion:
    """A continuation.

    Log-probabilities are natural logarithms under the distribution of the model itself, before the temperature and
    before top_p and top_k.

    Attributes:
        tokens: [length] int32, ids of the tokens generated, up to and with those that ended it (an end-of-sequence
            token, or the tokens of a stop text).
        text: what the tokens say, without special tokens and up to the stop text.
        finish_reason: "stop" at an end-of-sequence token or a stop text, "length" at ``max_tokens``.
        logprobs: [length] float32, log-probability of each token; None where the backend cannot tell.
        top_logprobs: [length, top_logprobs] float32, those of the most likely tokens, largest first (NaN where a
            server gives fewer); None if none are asked for, or as above.
        self_certainty: [length] float32, Kullback-Leibler divergence of the distribution at each token from the uniform
            one, ``-mean(log(V p))`` over the V tokens of the vocabulary (2502.18581, section 3); None as above.
    """

    tokens: NDArray[np.int32]
    text: str
    finish_reason: str
    logprobs: NDArray[np.float32] | None = None
    top_logprobs: NDArray[np.float32] | None = None
    self_certainty: NDArray[np.float32] | None = None


@dataclass(frozen=True)
class Delta:
    """What has come of a streamed request since its last delta."""

    key: int
    tokens: NDArray[np.int32]
    text: str = ""
    logprobs: NDArray[np.float32] | None = None
    top_logprobs: NDArray[np.float32] | None = None
    self_certainty: NDArray[np.float32] | None = None


@dataclass(frozen=True)
class Result:
    """What a request came to.

    Attributes:
        key: that of the request.
        completions: the ``n`` continuations; none if the request failed.
        prompt_tokens: length of the prompt in tokens.
        cached_tokens: tokens of the prompt that were found in the prefix cache, where the backend tells; with several
            continuations, those that one of them found.
        error: why the request failed.
    """

    key: int
    completions: tuple[Completion, ...]
    prompt_tokens: int
    cached_tokens: int | None = None
    error: str | None = None


@dataclass(frozen=True)
class Signals:
    """What a backend can give beside text.

    Attributes:
        token_ids: the ids are those that the model generated; otherwise they are read back from the text, without a
            token that ended it.
        logprobs: log-probabilities of the tokens generated.
        top_logprobs: most log-probabilities at a position.
        self_certainty: self-certainty at each position.
        cached_tokens: number of prompt tokens found in the prefix cache.
        seeds: draws that a seed of the request repeats.
    """

    token_ids: bool
    logprobs: bool
    top_logprobs: int
    self_certainty: bool
    cached_tokens: bool
    seeds: bool
    probes: bool = True


class Backend(Protocol):
    """A language model that continues prompts.

    Attributes:
        model: its name or path.
        tokenizer: turns text into its token ids and back.
        signals: what it can give beside text.
        context: most tokens of a prompt with its continuation; None where it does not tell.
    """

    model: str
    tokenizer: Tokenizer
    signals: Signals
    context: int | None

    def submit(self, requests: Iterable[Request]) -> None:
        """Take requests without waiting for them; others may be running.

        A request that fails later, say because it exceeds the context, comes to a result with an error.

        Raises:
            BackendError: a request asks for a signal that the backend cannot give or has the key of a pending one, in
                which case none is taken; or the backend is closed or cannot go on.
        """
        ...

    def finished(self) -> list[Result]:
        """Wait until a request has finished.

        Returns:
            The requests that finished since the last call, in any order; none only if none is pending.
        """
        ...

    def arrived(self) -> list[Delta | Result]: ...
    def cancel(self, keys: Iterable[int]) -> None: ...
    def wake(self) -> None: ...
    def close(self) -> None:
        """Stop and release the model; pending requests are dropped."""
        ...


class Pending:
    """The requests that a backend works on, checked as they come.

    Attributes:
        requests: unfinished requests by key.
    """

    def __init__(self, model: str, signals: Signals, context: int | None) -> None:
        """Begin without requests."""
        self.requests: dict[int, Request] = {}
        self._model, self._signals, self._context = model, signals, context
        self._failed: list[Result] = []

    def add(self, requests: Iterable[Request]) -> list[Request]:
        """Take requests.

        Returns:
            Those to run: the others exceed the context and have failed.

        Raises:
            BackendError: see ``Backend.submit``.
        """
        added: dict[int, Request] = {}
        for request in requests:
            if request.key in self.requests or request.key in added:
                raise BackendError(f"Request {request.key} is pending already: give every request a key of its own.")
            self._check(request)
            added[request.key] = request
        self.requests |= added
        for request in added.values():
            total = len(request.prompt) + request.sampling.max_tokens
            if self._context is not None and total > self._context:
                self.fail_later(
                    request.key,
                    f"a prompt of {len(request.prompt)} tokens and {request.sampling.max_tokens} new ones exceed the "
                    f"context of {self._context} tokens",
                )
        return [request for key, request in added.items() if key in self.requests]

    def fail(self, key: int, reason: str) -> Result:
        """The result of a pending request that failed."""
        return Result(key, (), len(self.requests.pop(key).prompt), error=reason)

    def fail_all(self, reason: str) -> list[Result]:
        """The results of all pending requests, which failed."""
        return [self.fail(key, reason) for key in list(self.requests)]

    def fail_later(self, key: int, reason: str) -> None:
        """Keep the result of a pending request that failed for ``take_failed``."""
        self._failed.append(self.fail(key, reason))

    def take_failed(self) -> list[Result]:
        """The results that ``fail_later`` kept."""
        failed, self._failed = self._failed, []
        return failed

    def _check(self, request: Request) -> None:
        sampling = request.sampling
        if sampling.seed is not None and not self._signals.seeds:
            raise BackendError(
                f"Request {request.key} has a seed, but {self._model} runs where seeds of requests are not supported: "
                f"leave the seed out."
            )
        if sampling.top_logprobs > self._signals.top_logprobs:
            raise BackendError(
                f"Request {request.key} asks for {sampling.top_logprobs} log-probabilities at each position, but "
                f"{self._model} gives at most {self._signals.top_logprobs}."
            )
