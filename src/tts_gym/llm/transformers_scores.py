"""The tokens of a prompt, scored by forward passes of a transformers model."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from transformers import DynamicCache

from tts_gym.llm.backend import Completion, Request

STEP = 512
"""Tokens of a forward pass, so that a long prompt never has all its logits in memory."""


def score(network: Any, request: Request) -> Completion:
    """The tokens that a request gives to score, see ``Request.scored``.

    Args:
        network: the model.
        request: the request.
    """
    prompt = torch.tensor([request.prompt], device=network.device)
    start = len(request.prompt) - request.scored
    cache = DynamicCache(config=network.config)
    columns = []
    with torch.inference_mode():
        # What comes out at a place scores the next token, so that the last one need not go in.
        for first in range(0, len(request.prompt) - 1, STEP):
            piece = prompt[:, first : min(first + STEP, len(request.prompt) - 1)]
            end = first + piece.shape[1]
            wanted = end - max(first, start - 1)
            output = network(input_ids=piece, past_key_values=cache, use_cache=True, logits_to_keep=max(1, wanted))
            if wanted > 0:
                columns.append(_columns(output.logits[0], prompt[0, end - wanted + 1 : end + 1], request))
    logprobs, top, certainty = (np.concatenate(column) for column in zip(*columns, strict=True))
    tokens = np.array(request.prompt[start:], np.int32)
    return Completion(tokens, "", "length", logprobs, top if request.sampling.top_logprobs else None, certainty)


def _columns(logits: torch.Tensor, tokens: torch.Tensor, request: Request) -> tuple[np.ndarray, ...]:
    """Log-probabilities of ``tokens``, of the most likely tokens in their places, and self-certainty there."""
    logprobs = torch.log_softmax(logits.float(), -1)
    given = logprobs.gather(1, tokens[:, None])[:, 0]
    top = logprobs.topk(request.sampling.top_logprobs, dim=1).values
    certainty = -np.log(logprobs.shape[1]) - logprobs.mean(1)
    return tuple(column.cpu().numpy() for column in (given, top, certainty))
