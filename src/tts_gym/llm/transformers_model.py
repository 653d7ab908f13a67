"""A transformers model in this process as a backend, on CPU or GPU (extra ``collect``)."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from transformers import AutoModelForCausalLM

from tts_gym.errors import BackendError
from tts_gym.llm.backend import Backend, Delta, Request, Result, Sampling, Signals
from tts_gym.llm.pending import Pending
from tts_gym.llm.tokenizer import Tokenizer, in_a_line
from tts_gym.llm.transformers_batch import Batch, Row
from tts_gym.llm.transformers_scores import score

STEP = 16
"""Tokens that a batch advances by before another one has its turn, and before streamed ones are handed out."""


class TransformersModel(Backend):
    """A model that continues prompts batch by batch while ``arrived`` or ``finished`` waits.

    Continuations with the same sampling are batched in the order of their requests. A batch begins as soon as half of
    the places are free; batches take turns. There is no prefix cache. The draws of a seeded request depend on its seed
    alone, not on the batch; the probabilities that they fall on may differ between batches in their last digits.

    Attributes:
        model: name or path of the model.
        tokenizer: its tokenizer.
        signals: what it can give beside text.
        context: most tokens of a prompt with its continuation.
    """

    def __init__(
        self,
        model: str,
        batch_size: int = 32,
        dtype: str = "auto",
        device: str | None = None,
        **loading: Any,
    ) -> None:
        """Load the model.

        Args:
            model: name or path of the model.
            batch_size: most continuations at a time.
            dtype: type of the weights, such as "float32"; "auto" for that of the checkpoint.
            device: such as "cuda:1"; None for a GPU if there is one.
            **loading: further arguments of ``AutoModelForCausalLM.from_pretrained``.

        Raises:
            BackendError: the model cannot be loaded.
            ValueError: the batch size is not positive.
        """
        if batch_size < 1:
            raise ValueError(f"A batch needs at least 1 continuation, but batch_size is {batch_size}.")
        self.model = model
        try:
            self._network: Any = AutoModelForCausalLM.from_pretrained(model, dtype=dtype, **loading)
            self._network.to(device or ("cuda" if torch.cuda.is_available() else "cpu")).eval()
        except (OSError, RuntimeError, TypeError, ValueError) as error:
            raise BackendError(f"transformers cannot load model {model!r}: {in_a_line(error)}") from error
        self.tokenizer = Tokenizer(model, _as_tuple(self._network.generation_config.eos_token_id))
        config = self._network.config.get_text_config()
        self.context: int | None = getattr(config, "max_position_embeddings", None)
        self._vocabulary: int = config.vocab_size
        self.signals = Signals(
            token_ids=True,
            logprobs=True,
            top_logprobs=self._vocabulary,
            self_certainty=True,
            cached_tokens=False,
            seeds=True,
            scores=True,
        )
        self._pending = Pending(model, self.signals, self.context)
        self._batch_size = batch_size
        self._waiting: list[Row] = []
        self._to_score: deque[Request] = deque()
        self._batches: deque[Batch] = deque()
        self._ended: dict[int, list[Row]] = {}
        self._woken = threading.Event()

    def submit(self, requests: Iterable[Request]) -> None:
        """See ``Backend.submit``."""
        if self._network is None:
            raise BackendError(f"Model {self.model!r} is closed: make a new backend.")
        for request in self._pending.add(requests):
            if min(request.prompt) < 0 or max(request.prompt) >= self._vocabulary:
                self._pending.fail_later(request.key, f"its prompt has ids beyond the {self._vocabulary} of the model")
                continue
            if request.scored:
                self._to_score.append(request)
                continue
            self._ended[request.key] = []
            for index in range(request.n):
                seed = request.sampling.seed
                rng = np.random.default_rng(None if seed is None else (abs(seed), seed < 0, index))
                self._waiting.append(Row(request, index, rng.random(request.sampling.max_tokens)))

    def arrived(self) -> list[Delta | Result]:
        """See ``Backend.arrived``."""
        arrived: list[Delta | Result] = [*self._pending.take_failed()]
        while self._pending.requests and not arrived and not self._woken.is_set():
            if self._to_score:
                arrived.append(self._scored(self._to_score.popleft()))
                continue
            self._fill()
            arrived += self._advance(self._batches.popleft())
        self._woken.clear()
        return arrived

    def cancel(self, keys: Iterable[int]) -> None:
        """See ``Backend.cancel``."""
        gone = self._pending.drop(keys)
        self._to_score = deque(request for request in self._to_score if request.key not in gone)
        self._drop([key for key in gone if key in self._ended])

    def wake(self) -> None:
        """See ``Backend.wake``."""
        self._woken.set()

    def close(self) -> None:
        """See ``Backend.close``."""
        self._pending.requests.clear()
        self._waiting.clear()
        self._to_score.clear()
        self._batches.clear()
        self._ended.clear()
        self._network = None

    def _scored(self, request: Request) -> Result:
        try:
            completion = score(self._network, request)
        except torch.OutOfMemoryError as error:
            return self._pending.fail(request.key, f"it does not fit into memory: {in_a_line(error)}")
        del self._pending.requests[request.key]
        return Result(request.key, (completion,), len(request.prompt))

    def _fill(self) -> None:
        """Begin a batch of the rows that have waited longest, as far as they are sampled alike, if there is room."""
        running = sum(len(batch.rows) for batch in self._batches)
        if not self._waiting or 2 * running > self._batch_size:
            return
        kind = _batched_by(self._waiting[0])
        alike = [row for row in self._waiting if _batched_by(row) == kind][: self._batch_size - running]
        chosen = set(alike)
        self._waiting = [row for row in self._waiting if row not in chosen]
        self._batches.append(Batch(self._network, self.tokenizer, alike))

    def _advance(self, batch: Batch) -> list[Delta | Result]:
        """What comes of a turn of ``batch``."""
        rows = batch.rows
        try:
            ended = batch.advance(STEP)
        except torch.OutOfMemoryError as error:
            reason = f"a batch of {len(rows)} does not fit into memory: {in_a_line(error)}"
            keys = sorted({row.request.key for row in rows})
            self._drop(keys)
            return [self._pending.fail(key, reason) for key in keys]
        if batch.rows:
            self._batches.append(batch)
        return [*(row.delta() for row in batch.rows if row.request.stream), *self._collect(ended)]

    def _collect(self, rows: Sequence[Row]) -> list[Result]:
        """The results of the requests whose last continuation is among ``rows``."""
        results = []
        for row in rows:
            request = row.request
            ended = self._ended[request.key]
            ended.append(row)
            if len(ended) == request.n:
                del self._ended[request.key], self._pending.requests[request.key]
                completions = tuple(row.completion() for row in sorted(ended, key=lambda row: row.index))
                results.append(Result(request.key, completions, len(request.prompt)))
        return results

    def _drop(self, keys: Sequence[int]) -> None:
        """Forget all rows of requests."""
        self._waiting = [row for row in self._waiting if row.request.key not in keys]
        for batch in self._batches:
            batch.drop(keys)
        self._batches = deque(batch for batch in self._batches if batch.rows)
        for key in keys:
            del self._ended[key]


def _batched_by(row: Row) -> Sampling:
    return replace(row.request.sampling, seed=None)


def _as_tuple(ids: int | Sequence[int] | None) -> tuple[int, ...]:
    if ids is None:
        return ()
    return (ids,) if isinstance(ids, int) else tuple(ids)
