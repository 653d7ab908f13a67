"""Continuations that a transformers model generates together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import DynamicCache

from tts_gym.llm.backend import Completion, Delta, Request, Sampling
from tts_gym.llm.tokenizer import Tokenizer


@dataclass(eq=False)
class Row:
    """A continuation in the making.

    Attributes:
        request: whose continuation it is.
        index: which of the request's continuations.
        draws: float64, a number in [0, 1) for each token.
        given: tokens that were handed out, with what is known of them.
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
    given: int = 0

    def delta(self) -> Delta:
        """What has come since the last call."""
        start, self.given = self.given, len(self.tokens)
        new = Delta(self.request.key, np.array(self.tokens[start:], np.int32), "", *self._signals())
        self.logprobs, self.top_logprobs, self.self_certainty = [], [], []
        return new

    def completion(self) -> Completion:
        """All of it, once it has ended."""
        tokens = np.array(self.tokens, np.int32)
        return Completion(tokens, self.text, self.finish_reason, *self._signals(), told=self.given)

    def _signals(self) -> tuple[NDArray[np.float32], NDArray[np.float32] | None, NDArray[np.float32]]:
        """Log-probabilities, those of the most likely tokens, and self-certainty, of tokens not handed out."""
        number = self.request.sampling.top_logprobs
        top = np.array(self.top_logprobs, np.float32).reshape(-1, number) if number else None
        return np.array(self.logprobs, np.float32), top, np.array(self.self_certainty, np.float32)


class Batch:
    """Continuations with the same sampling, prompts padded on the left.

    Attributes:
        rows: those that have not ended.
    """

    def __init__(self, network: Any, tokenizer: Tokenizer, rows: Sequence[Row]) -> None:
        """Begin; nothing is computed.

        Args:
            network: the model.
            tokenizer: its tokenizer.
            rows: what is generated, without tokens yet.
        """
        self.rows = list(rows)
        self._network, self._tokenizer = network, tokenizer
        self._sampling = rows[0].request.sampling
        width = max(len(row.request.prompt) for row in rows)
        ids = torch.zeros((len(rows), width), dtype=torch.long)
        mask = torch.zeros_like(ids)
        for row, row_ids, row_mask in zip(rows, ids, mask, strict=True):
            row_ids[width - len(row.request.prompt) :] = torch.tensor(row.request.prompt)
            row_mask[width - len(row.request.prompt) :] = 1
        self._ids, self._mask = ids.to(network.device), mask.to(network.device)
        self._positions = (self._mask.cumsum(1) - 1).clamp(min=0)
        self._cache = DynamicCache(config=network.config)

    def advance(self, tokens: int) -> list[Row]:
        """Generate up to ``tokens`` further tokens of each row, fewer if one ends before.

        Returns:
            The rows that ended, which are out of the batch.
        """
        for _ in range(tokens):
            with torch.inference_mode():
                self._generate()
            if ended := [row for row in self.rows if row.finish_reason]:
                self._keep([n for n, row in enumerate(self.rows) if not row.finish_reason])
                return ended
        return []

    def drop(self, keys: Iterable[int]) -> None:
        """Leave out the rows of requests that are cancelled."""
        gone = set(keys)
        self._keep([n for n, row in enumerate(self.rows) if row.request.key not in gone])

    def _keep(self, numbers: list[int]) -> None:
        if 0 < len(numbers) < len(self.rows):
            chosen = torch.tensor(numbers, device=self._ids.device)
            self._ids, self._mask, self._positions = self._ids[chosen], self._mask[chosen], self._positions[chosen]
            if self._cache.get_seq_length():
                self._cache.batch_select_indices(chosen)
        self.rows = [self.rows[n] for n in numbers]

    def _generate(self) -> None:
        """Append a token to each row."""
        output = self._network(
            input_ids=self._ids,
            attention_mask=self._mask,
            position_ids=self._positions,
            past_key_values=self._cache,
            use_cache=True,
            logits_to_keep=1,
        )
        logprobs = torch.log_softmax(output.logits[:, -1].float(), -1)
        chosen = _draw(logprobs, self.rows, self._sampling)
        self._record(logprobs, chosen)
        self._ids = chosen[:, None]
        self._mask = torch.nn.functional.pad(self._mask, (0, 1), value=1)
        self._positions = self._positions[:, -1:] + 1

    def _record(self, logprobs: torch.Tensor, chosen: torch.Tensor) -> None:
        """Append the tokens ``chosen`` to the rows and mark those that have ended."""
        certainty = -np.log(logprobs.shape[1]) - logprobs.mean(1)
        top = logprobs.topk(self._sampling.top_logprobs, dim=1).values
        columns = chosen, logprobs.gather(1, chosen[:, None])[:, 0], top, certainty
        for row, token, logprob, largest, certain in zip(self.rows, *(c.tolist() for c in columns), strict=True):
            row.tokens.append(token)
            row.logprobs.append(logprob)
            row.top_logprobs.append(largest)
            row.self_certainty.append(certain)
            self._finish(row)

    def _finish(self, row: Row) -> None:
        """Give ``row`` its finish reason and text if its last token ends it."""
        if row.tokens[-1] in self._tokenizer.end_ids or self._has_stop_text(row):
            row.finish_reason = "stop"
        elif len(row.tokens) == self._sampling.max_tokens:
            row.finish_reason = "length"
        else:
            return
        stop = self._sampling.stop
        row.text = self._tokenizer.continuation(row.request.prompt, row.tokens, row.finish_reason, stop)

    def _has_stop_text(self, row: Row) -> bool:
        stop = self._sampling.stop
        if not stop:
            return False
        # A character takes at most four tokens, its bytes.
        tail = self._tokenizer.decode(row.tokens[-4 * max(map(len, stop)) :])
        return any(text in tail for text in stop)


def _draw(logprobs: torch.Tensor, rows: Sequence[Row], sampling: Sampling) -> torch.Tensor:
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
