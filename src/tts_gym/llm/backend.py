"""What a text-generation backend takes and gives: requests in, what comes of them out as it arrives."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

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
    """A prompt to continue, or to score.

    Attributes:
        key: number that comes back with the result; no two pending requests of a backend share one.
        prompt: token ids; none where ``messages`` are given.
        sampling: how tokens are drawn.
        n: number of independent continuations.
        stream: whether what the model generates is wanted as it comes, of a single continuation.
        piece: tokens that should at least come together then, where the backend can: the more, the less it costs.
        messages: turns with ``role`` and ``content`` in place of a prompt, for a backend that has conversations only.
        template_arguments: arguments of the model's chat template beside the messages, by name.
        scored: how many tokens at the end of the prompt are scored; then nothing is continued, and the completion is
            those tokens with their log-probabilities, as if they had been generated, without text.

    Raises:
        ValueError: there is no prompt, no continuation is wanted, several are to be streamed, or what is to be scored
            is no end of a prompt.
    """

    key: int
    prompt: tuple[int, ...]
    sampling: Sampling
    n: int = 1
    stream: bool = False
    messages: tuple[Mapping[str, Any], ...] = ()
    template_arguments: Mapping[str, Any] = field(default_factory=dict)
    piece: int = 1
    scored: int = 0

    def __post_init__(self) -> None:
        """Check the attributes."""
        if not self.prompt and not self.messages:
            raise ValueError(f"Request {self.key} has an empty prompt: a model continues at least one token.")
        if self.prompt and self.messages:
            raise ValueError(f"Request {self.key} has both a prompt and messages: give one of them.")
        if self.n < 1:
            raise ValueError(f"Request {self.key} asks for {self.n} continuations: ask for at least 1.")
        if self.stream and self.n > 1:
            raise ValueError(f"Request {self.key} streams {self.n} continuations: make a request of each.")
        if self.scored and (self.stream or self.n > 1 or not 0 < self.scored < len(self.prompt)):
            raise ValueError(
                f"Request {self.key} scores {self.scored} tokens of a prompt of {len(self.prompt)}: score fewer than "
                "all of them, once."
            )


@dataclass(frozen=True)
class Completion:
    """A continuation.

    Log-probabilities are natural logarithms under the distribution of the model itself, before the temperature and
    before top_p and top_k.

    Of a streamed one, a backend need not keep those of tokens that came before: they are with the deltas only.

    Attributes:
        tokens: [length] int32, ids of the tokens generated, up to and with those that ended it (an end-of-sequence
            token, or the tokens of a stop text).
        text: what the tokens say, without special tokens that the tokenizer is not told to keep, up to the stop text.
        finish_reason: "stop" at an end-of-sequence token or a stop text, "length" at ``max_tokens``.
        logprobs: [length - told] float32, log-probability of each token; None where the backend cannot tell.
        top_logprobs: [length - told, top_logprobs] float32, those of the most likely tokens, largest first (NaN where a
            server gives fewer); None if none are asked for, or as above.
        self_certainty: [length - told] float32, Kullback-Leibler divergence of the distribution at each token from the
            uniform one, ``-mean(log(V p))`` over the V tokens of the vocabulary (2502.18581, section 3); None as above.
        told: tokens at its beginning whose log-probabilities came with deltas and are not here again.
    """

    tokens: NDArray[np.int32]
    text: str
    finish_reason: str
    logprobs: NDArray[np.float32] | None = None
    top_logprobs: NDArray[np.float32] | None = None
    self_certainty: NDArray[np.float32] | None = None
    told: int = 0


@dataclass(frozen=True)
class Delta:
    """What has come of a streamed request since its last delta.

    Attributes:
        key: that of the request.
        tokens: [new] int32, ids of the tokens.
        text: what they add to the text, as far as that is certain; "" where it comes with the result only.
        logprobs: [new] float32, see ``Completion``; None where they come with the result only, or not at all.
        top_logprobs: [new, top_logprobs] float32, as above.
        self_certainty: [new] float32, as above.
    """

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
        completions: the ``n`` continuations, whole, whatever came of them before; none if the request failed.
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
        probes: it goes on with any token ids, and so with what it said itself up to any token, as forced answers need.
            Otherwise it has conversations only, and takes ``messages``.
        scores: log-probabilities of tokens that it is given, see ``Request.scored``; as many at a position as of those
            that it generates.
    """

    token_ids: bool
    logprobs: bool
    top_logprobs: int
    self_certainty: bool
    cached_tokens: bool
    seeds: bool
    probes: bool = True
    scores: bool = False


class Backend(Protocol):
    """A language model that continues prompts.

    One thread owns it and calls its methods; only ``wake`` may be called from others.

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

    def arrived(self) -> list[Delta | Result]:
        """Wait until something has come of any request.

        The tokens of the deltas of a request, one after another, are the beginning of those of its result, which comes
        after them and may hold more: a token that ends a continuation comes with the result only, so that the model
        goes on from any tokens of deltas as if it had not been interrupted.

        Returns:
            Deltas of streamed requests and results of finished ones, in the order in which they came; none only if
            nothing is pending or ``wake`` was called.
        """
        ...

    def finished(self) -> list[Result]:
        """Wait until a request has finished; what comes of streamed ones before is dropped.

        Returns:
            The requests that finished since the last call, in any order; none only if none is pending or ``wake`` was
            called.
        """
        while arrived := self.arrived():
            if results := [each for each in arrived if isinstance(each, Result)]:
                return results
        return []

    def cancel(self, keys: Iterable[int]) -> None:
        """Stop requests at once, also where nothing has come of them yet.

        Nothing comes of them any more, and their keys may be used anew. Keys of no pending request are ignored.
        """
        ...

    def wake(self) -> None:
        """Let a waiting ``arrived``, or else the next one, return at once, even with nothing."""
        ...

    def close(self) -> None:
        """Stop and release the model; pending requests are dropped."""
        ...
