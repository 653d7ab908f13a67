"""What backends share: the requests they work on, and all that one needs which computes while it is waited for."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable

from tts_gym.errors import BackendError
from tts_gym.llm.backend import Backend, Delta, Request, Result, Signals
from tts_gym.llm.tokenizer import Tokenizer


class Pending:
    """The requests that a backend works on, checked as they come.

    Attributes:
        requests: unfinished requests by key.
    """

    def __init__(self, model: str, signals: Signals, context: int | None) -> None:
        """Begin without requests.

        Args:
            model: name of the model, for messages.
            signals: what the backend can give.
            context: most tokens of a prompt with its continuation; None for no limit.
        """
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
        """The result of a pending request that failed.

        Args:
            key: that of the request.
            reason: why it failed.
        """
        return Result(key, (), len(self.requests.pop(key).prompt), error=reason)

    def fail_all(self, reason: str) -> list[Result]:
        """The results of all pending requests, which failed."""
        return [self.fail(key, reason) for key in list(self.requests)]

    def fail_later(self, key: int, reason: str) -> None:
        """Keep the result of a pending request that failed for ``take_failed``.

        Args:
            key: that of the request.
            reason: why it failed.
        """
        self._failed.append(self.fail(key, reason))

    def take_failed(self) -> list[Result]:
        """The results that ``fail_later`` kept."""
        failed, self._failed = self._failed, []
        return failed

    def drop(self, keys: Iterable[int]) -> list[int]:
        """Forget requests, also those whose failure is kept.

        Returns:
            The keys of those that were pending.
        """
        gone = set(keys)
        self._failed = [result for result in self._failed if result.key not in gone]
        return [key for key in sorted(gone) if self.requests.pop(key, None) is not None]

    def _check(self, request: Request) -> None:
        sampling = request.sampling
        if self._signals.probes and request.messages:
            raise BackendError(f"Request {request.key} has messages, but {self._model} takes token ids: encode them.")
        if not self._signals.probes and not request.messages:
            raise BackendError(
                f"Request {request.key} has token ids, but {self._model} has conversations only: give messages."
            )
        if request.scored and not self._signals.scores:
            raise BackendError(
                f"Request {request.key} gives tokens to score, but {self._model} has log-probabilities of what it "
                "generates only."
            )
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


class BlockingBackend(Backend):
    """What remains of a backend that computes while ``finished`` waits, and gives whole answers.

    A subclass has ``finished``, which takes what it answers out of ``pending.requests``.

    Attributes:
        pending: the requests it has not answered yet.
    """

    def __init__(self, model: str, tokenizer: Tokenizer, signals: Signals, context: int | None = None) -> None:
        """Begin without requests.

        Args:
            model: name or path of the model.
            tokenizer: its tokenizer.
            signals: what it can give beside text.
            context: most tokens of a prompt with its continuation; None for no limit.
        """
        self.model, self.tokenizer, self.signals, self.context = model, tokenizer, signals, context
        self.pending = Pending(model, signals, context)

    def submit(self, requests: Iterable[Request]) -> None:
        """See ``Backend.submit``."""
        self.pending.add(requests)

    @abstractmethod
    def finished(self) -> list[Result]:
        """See ``Backend.finished``."""

    def arrived(self) -> list[Delta | Result]:
        """See ``Backend.arrived``."""
        return [*self.finished()]

    def cancel(self, keys: Iterable[int]) -> None:
        """See ``Backend.cancel``."""
        self.pending.drop(keys)

    def wake(self) -> None:
        """See ``Backend.wake``: what waits is at work."""

    def close(self) -> None:
        """See ``Backend.close``."""
        self.pending.requests.clear()
