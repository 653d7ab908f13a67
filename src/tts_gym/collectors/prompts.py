"""From a question to the token ids that a model continues, and from a prefix of a branch to those of a probe."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from tts_gym.answers.reasoning import TAGS, Style, style_of
from tts_gym.collectors.questions import Question
from tts_gym.collectors.settings import Probing, Prompting
from tts_gym.llm.backend import Backend

THINK = TAGS.opening
"""Stands before the text of a branch that begins within the reasoning, for whoever reads it."""


class Tokenizer(Protocol):
    """What is asked of a tokenizer; ``tts_gym.llm.Tokenizer`` says what its methods do."""

    @property
    def structure(self) -> str:
        """The chat template and the added tokens."""

    def keep(self, text: str) -> bool:
        """Have texts hold the special tokens that are in ``text``; returns whether there are any."""

    def encode(self, text: str) -> tuple[int, ...]:
        """Token ids of a text alone."""

    def encode_prompt(self, text: str) -> tuple[int, ...]:
        """Token ids of the beginning of an input."""

    def decode(self, ids: Sequence[int], special: bool = False) -> str:
        """The text of token ids.

        Args:
            ids: the token ids.
            special: with all special tokens; else with those only that are kept.
        """

    def chat(
        self, messages: list[dict[str, str]], add_generation_prompt: bool = True, arguments: Mapping[str, Any] = ...
    ) -> tuple[int, ...]:
        """Token ids of a conversation.

        Args:
            messages: "role" and "content" of each turn.
            add_generation_prompt: end with what the model answers after.
            arguments: of the chat template, by name.
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
    return tokenizer.chat(conversation(question, prompting), arguments=prompting.arguments)


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

    The marks of the reasoning are kept in what the tokenizer decodes from then on.

    Attributes:
        style: how the model marks its reasoning.
        marks_special: whether it does so by special tokens.
        longest: tokens of the longest suffix.
    """

    def __init__(self, probing: Probing, tokenizer: Tokenizer) -> None:
        """Encode the suffixes.

        Args:
            probing: how an answer is forced.
            tokenizer: that of the model.
        """
        self.style = style_of(tokenizer.structure, probing.marks, probing.closing)
        self._tokenizer = tokenizer
        closing = self.style.closing
        self.marks_special = tokenizer.keep(self.style.opening + self.style.ending + closing)
        rests = (closing[written:] for written in range(len(closing) + 1))
        self._suffixes = {rest: tokenizer.encode(rest + probing.suffix) for rest in rests}
        self.longest = max(map(len, self._suffixes.values()))

    def begin(self, prompt: Iterable[int]) -> Prefix:
        """The prefix of a branch without tokens.

        Args:
            prompt: token ids that the branch continues.
        """
        return Prefix(self.style, self._suffixes, self._tokenizer, prompt)

    def suffix(self, prefix: Iterable[int]) -> tuple[int, ...]:
        """The suffix for token ids, prompt included; where a branch grows, ``begin`` reads its tokens only once."""
        return self.begin(prefix).suffix

    def is_open(self, tokens: Iterable[int]) -> bool:
        """Whether token ids end within the reasoning."""
        return self.begin(tokens).is_open


def lost_marks(prompts: ProbePrompts, backend: Backend) -> str | None:
    """Why nobody can follow where the reasoning of a model begins and ends; None where it can be followed.

    Args:
        prompts: the probes of the model.
        backend: what runs it.
    """
    if backend.signals.token_ids or not prompts.marks_special:
        return None
    return (
        f"{backend.model} marks its reasoning by special tokens, which a server that tells no token ids leaves out: "
        "use one that tells them, such as vLLM's."
    )


class Prefix:
    """A prefix of a branch as it grows, prompt included.

    It is read as text: marks may be one token or several, and share one with what is beside them.

    Attributes:
        is_open: whether it ends within the reasoning.
    """

    def __init__(
        self, style: Style, suffixes: Mapping[str, tuple[int, ...]], tokenizer: Tokenizer, prompt: Iterable[int]
    ) -> None:
        """Begin with the prompt.

        Args:
            style: how the model marks its reasoning.
            suffixes: suffix of a probe, by what it has to write of the style's closing.
            tokenizer: that of the model.
            prompt: token ids.
        """
        self._style, self._suffixes, self._tokenizer = style, suffixes, tokenizer
        # No text has more tokens than bytes.
        self._reach = max(len(mark.encode()) for mark in (style.opening, style.ending, style.closing))
        self._last: list[int] = []
        self.is_open = False
        self.read(prompt)

    def read(self, tokens: Iterable[int]) -> tuple[int, ...]:
        """Take what comes next, and say what forces an answer then, see ``suffix``.

        Args:
            tokens: token ids.
        """
        ids = [*self._last, *map(int, tokens)]
        self._text = self._tokenizer.decode(ids, special=True)
        opened, ended = self._text.rfind(self._style.opening), self._text.rfind(self._style.ending)
        if opened != ended:
            self.is_open = opened > ended
        self._last = ids[-self._reach :]
        return self.suffix

    @property
    def suffix(self) -> tuple[int, ...]:
        """What forces an answer here: it ends the reasoning where that is open, as far as the prefix does not yet."""
        closing = self._style.closing if self.is_open else ""
        written = next(n for n in range(len(closing), -1, -1) if self._text.endswith(closing[:n]))
        return self._suffixes[closing[written:]]
