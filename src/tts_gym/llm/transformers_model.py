"""A transformers model in this process as a backend, on CPU or GPU (extra ``collect``)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import AutoModelForCausalLM, DynamicCache

from tts_gym.errors import BackendError
from tts_gym.llm.backend import Completion, Pending, Request, Result, Sampling, Signals
from tts_gym.llm.tokenizer import Tokenizer, in_a_line


@dataclass
class _Row:
    """A continuation in the making.

    Attributes:
        request: whose continuation it is.
        index: which of the request's continuations.
        draws: float64, a number in [0, 1) for each token.
    """

    request: Request
    index: int
    draws: NDArray[np.float64]
    tokens: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    top_logprobs: list[list[float]] = field(default_factory=list)
    self_certainty: list[float] = field(default_factory=list)
    text: str = ""
    finish_reason: str = ""


class TransformersModel:
    """A model that continues prompts batch by batch while ``finished`` waits.

    Continuations with the same sampling are batched in the order of their requests. There is no prefix cache. The
    draws of a seeded request depend on its seed alone, not on the batch; the probabilities that they fall on may
    differ between batches in their last digits.

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
        self._device = device or ("cuda" if torch.cuda.is_available() else "cpu")
        try:
            self._network: Any = AutoModelForCausalLM.from_pretrained(model, dtype=dtype, **loading)
            self._network.to(self._device).eval()
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
        )
        self._pending = Pending(model, self.signals, self.context)
        self._batch_size = batch_size
        self._waiting: list[_Row] = []
        self._ended: dict[int, list[_Row]] = {}

    def submit(self, requests: Iterable[Request]) -> None:
        """See ``Backend.submit``."""
        if self._network is None:
            raise BackendError(f"Model {self.model!r} is closed: make a new backend.")
        for request in self._pending.add(requests):
            if min(request.prompt) < 0 or max(request.prompt) >= self._vocabulary:
                self._pending.fail_later(request.key, f"its prompt has ids beyond the {self._vocabulary} of the model")
                continue
            self._ended[request.key] = []
            for index in range(request.n):
                seed = request.sampling.seed
                rng = np.random.default_rng(None if seed is None else (abs(seed), seed < 0, index))
                self._waiting.append(_Row(request, index, rng.random(request.sampling.max_tokens)))

    def finished(self) -> list[Result]:
        """See ``Backend.finished``."""
        results = self._pending.take_failed()
        while self._waiting and not results:
            rows = self._take_batch()
            try:
                with torch.inference_mode():
                    self._generate(rows)
            except torch.OutOfMemoryError as error:
                results += self._drop(rows, f"a batch of {len(rows)} does not fit into memory: {in_a_line(error)}")
                continue
            results += self._collect(rows)
        return results

    def close(self) -> None:
        """See ``Backend.close``."""
        self._pending.requests.clear()
        self._waiting.clear()
        self._ended.clear()
        self._network = None

    def _take_batch(self) -> list[_Row]:
        """The rows that have waited longest, as far as they are sampled alike."""
        kind = _batched_by(self._waiting[0])
        alike = [row for row in self._waiting if _batched_by(row) == kind][: self._batch_size]
        chosen = {id(row) for row in alike}
        self._waiting = [row for row in self._waiting if id(row) not in chosen]
        return alike

    def _drop(self, rows: Sequence[_Row], reason: str) -> list[Result]:
        keys = {row.request.key for row in rows}
        self._waiting = [row for row in self._waiting if row.request.key not in keys]
        for key in keys:
            del self._ended[key]
        return [self._pending.fail(key, reason) for key in sorted(keys)]

    def _collect(self, rows: Sequence[_Row]) -> list[Result]:
        """The results of the requests whose last continuation is among ``rows``."""
        results = []
        for row in rows:
            request = row.request
            ended = self._ended[request.key]
            ended.append(row)
            if len(ended) == request.n:
                del self._ended[request.key], self._pending.requests[request.key]
                completions = tuple(_completion(row) for row in sorted(ended, key=lambda row: row.index))
                results.append(Result(request.key, completions, len(request.prompt)))
        return results

    def _generate(self, rows: Sequence[_Row]) -> None:
        """Continue the prompts of ``rows``, padded on the left, until each has ended."""
        sampling = rows[0].request.sampling
        active = list(rows)
        width = max(len(row.request.prompt) for row in rows)
        ids = torch.zeros((len(rows), width), dtype=torch.long)
        mask = torch.zeros_like(ids)
        for row, row_ids, row_mask in zip(rows, ids, mask, strict=True):
            row_ids[width - len(row.request.prompt) :] = torch.tensor(row.request.prompt)
            row_mask[width - len(row.request.prompt) :] = 1
        ids, mask = ids.to(self._device), mask.to(self._device)
        positions = (mask.cumsum(1) - 1).clamp(min=0)
        cache = DynamicCache(config=self._network.config)
        while True:
            output = self._network(
                input_ids=ids,
                attention_mask=mask,
                position_ids=positions,
                past_key_values=cache,
                use_cache=True,
                logits_to_keep=1,
            )
            logprobs = torch.log_softmax(output.logits[:, -1].float(), -1)
            chosen = _draw(logprobs, active, sampling)
            self._record(active, logprobs, chosen, sampling)
            going = [n for n, row in enumerate(active) if not row.finish_reason]
            if not going:
                return
            keep = torch.tensor(going, device=self._device)
            if len(going) < len(active):
                active = [active[n] for n in going]
                cache.batch_select_indices(keep)
            ids = chosen[keep, None]
            mask = torch.nn.functional.pad(mask[keep], (0, 1), value=1)
            positions = positions[keep, -1:] + 1

    def _record(self, rows: Sequence[_Row], logprobs: torch.Tensor, chosen: torch.Tensor, sampling: Sampling) -> None:
        """Append the tokens ``chosen`` to ``rows`` and mark those that have ended."""
        certainty = -np.log(logprobs.shape[1]) - logprobs.mean(1)
        top = logprobs.topk(sampling.top_logprobs, dim=1).values
        columns = chosen, logprobs.gather(1, chosen[:, None])[:, 0], top, certainty
        for row, token, logprob, largest, certain in zip(rows, *(c.tolist() for c in columns), strict=True):
            row.tokens.append(token)
            row.logprobs.append(logprob)
            row.top_logprobs.append(largest)
            row.self_certainty.append(certain)
            self._finish(row, sampling)

    def _finish(self, row: _Row, sampling: Sampling) -> None:
        """Give ``row`` its finish reason and text if its last token ends it."""
        if row.tokens[-1] in self.tokenizer.end_ids or self._has_stop_text(row, sampling):
            row.finish_reason = "stop"
        elif len(row.tokens) == sampling.max_tokens:
            row.finish_reason = "length"
        else:
            return
        row.text = self.tokenizer.continuation(row.request.prompt, row.tokens, row.finish_reason, sampling.stop)

    def _has_stop_text(self, row: _Row, sampling: Sampling) -> bool:
        if not sampling.stop:
            return False
        # A character takes at most four tokens, its bytes.
        tail = self.tokenizer.decode(row.tokens[-4 * max(map(len, sampling.stop)) :])
        return any(stop in tail for stop in sampling.stop)


def _batched_by(row: _Row) -> Sampling:
    return replace(row.request.sampling, seed=None)


def _draw(logprobs: torch.Tensor, rows: Sequence[_Row], sampling: Sampling) -> torch.Tensor:
    """[row] ids of the next tokens, by inverting the cumulative distribution at the draw of each row."""
    if sampling.temperature == 0:
        return logprobs.argmax(1)
    scaled = torch.softmax(logprobs / sampling.temperature, -1)
    order: torch.Tensor | None = None
    if sampling.top_k or sampling.top_p < 1:
        scaled, order = torch.sort(scaled, dim=1, descending=True, stable=True)
        if sampling.top_k:
            scaled[:, sampling.top_k :] = 0
            scaled /= scaled.sum(1, keepdim=True)
        # The most likely token stays in any case.
        scaled[:, 1:][scaled.cumsum(1)[:, :-1] >= sampling.top_p] = 0
    cumulative = scaled.double().cumsum(1)
    draws = torch.tensor([row.draws[len(row.tokens)] for row in rows], dtype=torch.float64, device=cumulative.device)
    places = torch.searchsorted(cumulative, draws[:, None] * cumulative[:, -1:], right=True)
    # Rounding must not lead past the last token with a probability.
    last = torch.searchsorted(cumulative, cumulative[:, -1:])
    places = torch.minimum(places, last)
    return (places if order is None else order.gather(1, places))[:, 0]


def _completion(row: _Row) -> Completion:
    return Completion(
        tokens=np.array(row.tokens, np.int32),
        text=row.text,
        finish_reason=row.finish_reason,
        logprobs=np.array(row.logprobs, np.float32),
        top_logprobs=np.array(row.top_logprobs, np.float32) if row.request.sampling.top_logprobs else None,
        self_certainty=np.array(row.self_certainty, np.float32),
    )


def _as_tuple(ids: int | Sequence[int] | None) -> tuple[int, ...]:
    if ids is None:
        return ()
    return (ids,) if isinstance(ids, int) else tuple(ids)
