"""Branches that exist already: their texts become tokens, as if the model had just drawn them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from tts_gym.collectors.prompts import ProbePrompts
from tts_gym.collectors.signals import recordable_signals
from tts_gym.collectors.units import GivenBranch
from tts_gym.datasets.schema import RecordedBranch
from tts_gym.datasets.signals import DEFINITIONS
from tts_gym.llm.backend import Completion, Signals
from tts_gym.llm.tokenizer import Tokenizer

RECORDED = "recorded"
"""The mark of a final answer that was recorded before, and not read anew."""

ANCHOR = "\n"
"""What a text is encoded behind where a tokenizer would put a space before its first word."""


def given_signals(available: Signals, top_logprobs: int, confidences: bool) -> tuple[str, ...]:
    """Names of the signals that are recorded of branches that are given.

    Args:
        available: what the backend gives.
        top_logprobs: most likely tokens that it is asked for.
        confidences: whether the tokens of the branches are scored; else only the forced answers have signals.
    """
    names = recordable_signals(replace(available, token_ids=True), top_logprobs)
    return tuple(name for name in names if (available.token_ids if DEFINITIONS[name].of_answer else confidences))


def given_prompt(
    prompt: tuple[int, ...], branches: Iterable[GivenBranch], probes: ProbePrompts, tokenizer: Tokenizer
) -> tuple[int, ...]:
    """The prompt that branches follow: with reasoning opened where their own prompt did so, and this one does not.

    Args:
        prompt: token ids of the question as it is put.
        branches: the branches of one question.
        probes: tells whether reasoning is open.
        tokenizer: that of the model.
    """
    opened = any(branch.in_reasoning for branch in branches) and not probes.is_open(prompt)
    return (*prompt, *tokenizer.encode(f"{probes.style.opening}\n")) if opened else prompt


def given_completion(branch: GivenBranch, prompt: Sequence[int], tokenizer: Tokenizer) -> Completion:
    """A branch as the model would have generated it.

    Its last token is one that ends a text, unless it was cut off, or was recorded with as many tokens as its text has.

    Args:
        branch: the branch.
        prompt: token ids that it follows.
        tokenizer: that of the model.
    """
    tokens = _encoded(branch.text, prompt, tokenizer)
    if not branch.is_cut_off and branch.tokens != len(tokens):
        tokens = np.append(tokens, np.int32(min(tokenizer.end_ids, default=0)))
    return Completion(tokens, branch.text, "length" if branch.is_cut_off else "stop")


def as_given(branch: RecordedBranch, given: GivenBranch) -> RecordedBranch:
    """A branch that was probed, with what was recorded of it before: how it ended, and its final answer if it has one.

    Args:
        branch: the branch as it was probed.
        given: the branch as it was given.
    """
    ended = replace(branch, finish_reason=given.finish_reason)
    if given.final_answer is None:
        return ended
    return replace(ended, final_answer=given.final_answer, marker=RECORDED)


def _encoded(text: str, prompt: Sequence[int], tokenizer: Tokenizer) -> NDArray[np.int32]:
    """Token ids that say ``text`` after ``prompt``; those of the text alone where none say it to the letter."""
    alone = tokenizer.encode(text)
    if tokenizer.decode_after(prompt, alone) != text:
        anchor, anchored = tokenizer.encode(ANCHOR), tokenizer.encode(ANCHOR + text)
        behind = anchored[len(anchor) :]
        if anchored[: len(anchor)] == anchor and tokenizer.decode_after(prompt, behind) == text:
            alone = behind
    return np.array(alone, np.int32)
