"""What a collection is: everything that decides which distribution the branches and probes are drawn from."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tts_gym.answers.reasoning import Marks
from tts_gym.collectors.errors import CollectionError
from tts_gym.llm.backend import Sampling

DRAWING = ("branches", "temperature", "top_p", "top_k", "max_tokens", "stop", "seed")
"""The settings that say how branches are drawn."""


@dataclass(frozen=True)
class Prompting:
    """How a question is put to the model.

    Attributes:
        template: text of the user's turn; ``{question}`` stands for the question.
        system: text of the system's turn, if there is one.
        examples: worked examples, (question, answer) each, that come before every question.
        chat: use the model's chat template; else the turns are plain paragraphs.
        arguments: of the chat template, by name, such as "enable_thinking".

    Raises:
        CollectionError: the template lacks the question, or there are arguments without a chat template.
    """

    template: str = "{question}"
    system: str | None = None
    examples: tuple[tuple[str, str], ...] = ()
    chat: bool = True
    arguments: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check that the template holds the question, and that something takes the arguments."""
        if "{question}" not in self.template:
            raise CollectionError(f"The prompt template {self.template!r} lacks {{question}}: say where it goes.")
        if self.arguments and not self.chat:
            raise CollectionError(f"Plain prompts have no chat template that takes {', '.join(self.arguments)}.")


@dataclass(frozen=True)
class Probing:
    r"""How a model is made to answer after a prefix of a branch: greedily, after a suffix.

    Attributes:
        suffix: what the model is made to say.
        closing: what comes before ``suffix`` where the reasoning is open in the prefix, less what the prefix ends with
            of it; None for what fits the marks.
        stop: texts that end the answer and are no part of it.
        max_tokens: most tokens of the answer.
        marks: what the reasoning begins and ends with; None for what the model's tokenizer shows.

    Raises:
        CollectionError: the marks cannot be told apart.
    """

    suffix: str = "\n\nThe final answer is \\boxed{"
    closing: str | None = None
    stop: tuple[str, ...] = ("\n",)
    max_tokens: int = 32
    marks: Marks | None = None

    def __post_init__(self) -> None:
        """Check the marks."""
        if self.marks is not None and (self.marks[0] in self.marks[1] or self.marks[1] in self.marks[0]):
            raise CollectionError(
                f"Reasoning between {self.marks[0]!r} and {self.marks[1]!r}: one is part of the other."
            )


@dataclass(frozen=True)
class GivenTexts:
    """The branches of a store, which are probed in place of drawn ones.

    Attributes:
        store: name of the store.
        sha256: of what it holds.
        confidences: score the tokens of the branches too.
        read_anew: find final answers in the texts, where they are recorded too.
    """

    store: str
    sha256: str
    confidences: bool = False
    read_anew: bool = False


@dataclass(frozen=True)
class CollectionSettings:
    """What is drawn for every question; the defaults are those of arXiv 2605.08083.

    Attributes:
        backend: kind of the backend.
        model: name or path of the model.
        branches: branches of a question (N).
        interval: tokens between two probes (Δ).
        temperature: of the branches.
        top_p: of the branches.
        top_k: of the branches; 0 for all.
        max_tokens: most tokens of a branch; fewer where the context of the model is shorter.
        stop: texts that end a branch.
        seed: of the draws, where the backend supports seeds; None for unseeded draws.
        block: branches of a question that end up in one file; what is drawn does not depend on it.
        top_logprobs: most likely tokens whose log-probabilities give ``topk_confidence``; 0 leaves it out.
        answers: how answers are recognised: a rule of ``extraction``, or "regex:" and a pattern.
        keep_text: keep the text of every branch.
        prompting: how a question is put.
        probing: how an answer is forced.
        given: the branches that are probed, where none are drawn; then what says how to draw is what was recorded.

    Raises:
        CollectionError: an attribute is out of range.
    """

    backend: str
    model: str
    branches: int = 128
    interval: int = 500
    temperature: float = 0.7
    top_p: float = 1.0
    top_k: int = 0
    max_tokens: int = 40_000
    stop: tuple[str, ...] = ()
    seed: int | None = None
    block: int = 16
    top_logprobs: int = 20
    answers: str = "auto"
    keep_text: bool = False
    prompting: Prompting = field(default_factory=Prompting)
    probing: Probing = field(default_factory=Probing)
    given: GivenTexts | None = None

    def __post_init__(self) -> None:
        """Check the attributes."""
        for name in ("branches", "interval", "block"):
            if getattr(self, name) < 1:
                raise CollectionError(f"{name} is {getattr(self, name)}: it must be at least 1.")
        try:
            Sampling(
                self.max_tokens, self.temperature, self.top_p, self.top_k, self.stop, top_logprobs=self.top_logprobs
            )
            Sampling(self.probing.max_tokens, stop=self.probing.stop)
        except ValueError as error:
            raise CollectionError(str(error)) from error
        if self.temperature == 0 and self.branches > 1:
            raise CollectionError(f"At temperature 0 all {self.branches} branches are the same: draw one.")

    def as_dict(self) -> dict[str, Any]:
        """The settings as JSON holds them."""
        plain: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        return plain


GROWS = "branches"
"""The setting that may grow in a directory."""

READS = "answers"
"""The setting that may change in a directory that keeps its texts, as answers are read from them."""

FREE = frozenset({"block"})
"""Settings that may change in any directory."""


def check_change(directory: Path, begun: Mapping[str, Any], settings: CollectionSettings) -> None:
    """Refuse settings that a directory was not begun with, as far as what it holds would not fit them.

    Args:
        directory: directory of the collection.
        begun: settings that it was begun with, as JSON holds them.
        settings: those that it is to go on with.

    Raises:
        CollectionError: the directory needs a fresh beginning; the message has the differences.
    """
    now = settings.as_dict()
    allowed = FREE | ({GROWS} if begun[GROWS] <= now[GROWS] else set()) | ({READS} if begun["keep_text"] else set())
    before, after = ({name: each[name] for name in each if name not in allowed} for each in (begun, now))
    changes = differences(before, after)
    if changes:
        raise CollectionError(
            f"{directory} was begun with other settings ({'; '.join(changes)}): collect as before, or anew with "
            "--fresh."
        )


def completed(begun: Mapping[str, Any], usual: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Settings as JSON holds them, with the defaults of settings that there were not when they were written.

    Args:
        begun: the settings.
        usual: the defaults; those of ``CollectionSettings`` where they are left out.
    """
    usual = CollectionSettings("", "").as_dict() if usual is None else usual
    known = {
        name: completed(begun.get(name, {}), value) if isinstance(value, dict) else begun.get(name, value)
        for name, value in usual.items()
    }
    return {**begun, **known}


def digest(document: Any) -> str:
    """SHA-256 of a JSON document in hexadecimal."""
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()


def differences(one: Any, other: Any, path: str = "") -> list[str]:
    """Where two JSON documents differ, a line each.

    Args:
        one: the document as it was.
        other: the document as it is.
        path: where in larger documents the two stand, names joined by dots.
    """
    if isinstance(one, dict) and isinstance(other, dict):
        keys = sorted(one.keys() | other.keys())
        return [line for key in keys for line in differences(one.get(key), other.get(key), f"{path}.{key}".strip("."))]
    return [] if one == other else [f"{path} was {one!r} and is {other!r}"]
