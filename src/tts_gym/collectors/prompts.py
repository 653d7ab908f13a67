"""From a question to the token ids that a model continues, and from a prefix of a branch to those of a probe."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from tts_gym.collectors.questions import Question
from tts_gym.collectors.settings import Probing, Prompting

THINK, END_THINK = "<think>", "</think>"


class Tokenizer(Protocol):
    """What is asked of a tokenizer; ``tts_gym.llm.Tokenizer`` says what its methods do."""

    def encode(self, text: str) -> tuple[int, ...]:
        """Token ids of a text alone."""

    def encode_prompt(self, text: str) -> tuple[int, ...]:
        """Token ids of the beginning of an input."""

    def decode(self, ids: Sequence[int]) -> str:
        """The text of token ids."""

    def chat(self, messages: list[dict[str, str]], add_generation_prompt: bool = True) -> tuple[int, ...]:
        """Token ids of a conversation.

        Args:
            messages: "role" and "content" of each turn.
            add_generation_prompt: end with what the model answers after.
        """


def prompt_tokens(question: Question, prompting: Prompting, tokenizer: Tokenizer) -> tuple[int, ...]:
    """Token ids that the model continues to answer a question.

    Args:
        question: the question, with worked examples of its own.
        prompting: how it is put.
        tokenizer: that of the model.
    """
    examples = (*prompting.examples, *question.examples)
    texts = [*(example[0] for example in examples), question.question]
    asked = [prompting.template.replace("{question}", text) for text in texts]
    answers = [example[1] for example in examples]
    if not prompting.chat:
        turns = [f"{text}\n{answer}\n\n" for text, answer in zip(asked, answers, strict=False)]
        system = f"{prompting.system}\n\n" if prompting.system else ""
        return tokenizer.encode_prompt(f"{system}{''.join(turns)}{asked[-1]}\n")
    return tokenizer.chat(conversation(question, prompting))


def conversation(question: Question, prompting: Prompting) -> list[dict[str, str]]:
    """The turns that the model continues to answer a question.

    Args:
        question: what is asked.
        prompting: how it is put.
    """
    messages = [{"role": "system", "content": prompting.system}] if prompting.system else []
    for text, answer in (*prompting.examples, *question.examples):
        messages += [
            {"role": "user", "content": prompting.template.replace("{question}", text)},
            {"role": "assistant", "content": answer},
        ]
    return [*messages, {"role": "user", "content": prompting.template.replace("{question}", question.question)}]


class ProbePrompts:
    """Token ids of probes: a prefix of a branch, and the suffix that forces the answer.

    Attributes:
        longest: tokens of the longer suffix.
    """

    def __init__(self, probing: Probing, tokenizer: Tokenizer) -> None:
        """Encode the suffixes.

        Args:
            probing: how an answer is forced.
            tokenizer: that of the model.
        """
        self._plain = tokenizer.encode(probing.suffix)
        self._closing = tokenizer.encode(probing.closing + probing.suffix)
        self._marks = [np.array(tokenizer.encode(mark), np.int32) for mark in (THINK, END_THINK)]
        self.longest = max(len(self._plain), len(self._closing))

    def suffix(self, prefix: NDArray[np.int32]) -> tuple[int, ...]:
        """The suffix for ``prefix``, prompt included: it closes ``<think>`` where that is open."""
        return self._closing if self.is_open(prefix) else self._plain

    def is_open(self, tokens: NDArray[np.int32]) -> bool:
        """Whether ``tokens`` end within ``<think>``."""
        opened, closed = (_last(tokens, mark) for mark in self._marks)
        return opened > closed


def _last(tokens: NDArray[np.int32], mark: NDArray[np.int32]) -> int:
    """Where ``mark`` begins in ``tokens`` for the last time, -1 if it does not."""
    if len(mark) > len(tokens):
        return -1
    places = np.flatnonzero(tokens[: len(tokens) - len(mark) + 1] == mark[0])
    return next((int(place) for place in places[::-1] if (tokens[place : place + len(mark)] == mark).all()), -1)
