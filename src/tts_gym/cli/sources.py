"""What ``tts-gym collect`` collects from: questions, or a store to probe, whose settings are then the defaults."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import typer
from numpy.typing import NDArray

from tts_gym.collectors.given_store import GivenStore
from tts_gym.collectors.questions import Columns, Question, read_questions, usual_rule
from tts_gym.collectors.settings import DRAWING, CollectionSettings, Probing, Prompting
from tts_gym.datasets import ReplayStore

T = TypeVar("T", CollectionSettings, Prompting, Probing)

DRAWN = {*DRAWING, "keep_text", "branch_tokens"}
"""Options that say how branches are drawn."""

ANEW = {"backend", "model", "block", "seed", "prompting", "probing", "given"}
"""Recorded settings that are not taken over as they are."""

OPTIONS = {
    "arguments": ("enable_thinking", "reasoning_effort", "template_arg"),
    "suffix": ("probe_suffix",),
    "max_tokens": ("probe_tokens",),
}
"""Options that are not called as what they set of prompts and probes."""


@dataclass(frozen=True)
class Source:
    """What is collected from.

    Attributes:
        questions: the questions.
        rule: how answers to them are best recognised.
        name: usual name of the store; None for those of the model and of the questions.
        benchmark: usual name of the questions.
        license_name: usual licence of the data.
        given: the store whose branches are probed, where none are drawn.
        told: names of the options that the command line gives.
    """

    questions: list[Question]
    rule: str
    name: str | None
    benchmark: str
    license_name: str
    given: GivenStore | None
    told: Collection[str]

    def settings(self, settings: CollectionSettings, confidences: bool) -> CollectionSettings:
        """The settings of the command line, with those of the store for what it leaves out.

        Args:
            settings: those of the command line.
            confidences: whether branches that are given are scored.
        """
        if self.given is None:
            return settings
        recorded = self.given.settings
        kept = {name: value for name, value in recorded.items() if name not in ANEW}
        return replace(
            _filled_in(settings, kept | {"interval": self.given.metadata["interval"]}, {}, self.told),
            prompting=_filled_in(settings.prompting, recorded.get("prompting", {}), OPTIONS, self.told),
            probing=_filled_in(settings.probing, recorded.get("probing", {}), OPTIONS, self.told),
            keep_text=True,
            given=self.given.texts(confidences),
        )

    def lengths(self, branches: int, tokens: int) -> list[NDArray[np.int64]]:
        """Tokens of the branches of each question, as expected where they are drawn.

        Args:
            branches: branches that are drawn of a question.
            tokens: tokens of each.
        """
        if self.given is None:
            return [np.full(branches, tokens)] * len(self.questions)
        return self.given.lengths(self.questions)

    def shortfall(self, store: ReplayStore) -> list[str]:
        """What is left out or counted otherwise in the store that was made, a sentence each."""
        if self.given is None:
            return []
        sentences = []
        if left := len(self.given.questions) - len(self.questions):
            sentences.append(f"{left:,} questions of {self.given.name} were not among QUESTIONS and are left out.")
        if others := store.metadata["given"]["branches_of_other_length"]:
            sentences.append(
                f"{others:,} branches have another length by the tokenizer of {store.metadata['probing_model']} than "
                f"was recorded: {store.tables.tokens.sum():,} tokens in all, not {store.metadata['given']['tokens']:,}."
            )
        return sentences


def read_source(
    context: typer.Context, questions: str | None, columns: Columns, probe: str | None, confidences: bool
) -> Source:
    """Read what is collected from.

    Args:
        context: tells which options the command line gives.
        questions: source of questions; with ``probe``, of worked examples.
        columns: names of their columns.
        probe: the store whose branches are probed.
        confidences: whether they are scored.

    Raises:
        BadParameter: there is neither, or an option is one of the other.
    """
    sources = {name: context.get_parameter_source(name) for name in context.params}
    told = {name for name, source in sources.items() if source is not None and source.name == "COMMANDLINE"}
    if probe is None:
        if questions is None:
            raise typer.BadParameter("give questions, or a store with --probe", param_hint="QUESTIONS")
        if confidences:
            raise typer.BadParameter("it is that of --probe", param_hint="--confidences")
        asked = read_questions(questions, columns)
        return Source(asked, usual_rule(questions), None, Path(questions.partition("?")[0]).stem, "unknown", None, told)
    for option in sorted(DRAWN & told):
        raise typer.BadParameter(
            f"nothing is drawn where the branches of {probe} are probed", param_hint=f"--{option.replace('_', '-')}"
        )
    given = GivenStore(probe, read_anew="answers" in told)
    asked = given.questions
    if questions is not None:
        asked = given.asked(read_questions(questions, columns, gold_needed=False))
    metadata = given.metadata
    return Source(asked, "auto", metadata["name"], metadata["benchmark"], metadata["license"], given, told)


def _filled_in(
    settings: T, recorded: Mapping[str, Any], options: Mapping[str, tuple[str, ...]], told: Collection[str]
) -> T:
    """Settings with what is recorded, but for what the command line gives."""
    left = {
        field.name
        for field in fields(settings)
        if not any(name in told for name in options.get(field.name, (field.name,)))
    }
    return replace(settings, **{name: _as_tuple(value) for name, value in recorded.items() if name in left})


def _as_tuple(value: Any) -> Any:
    return tuple(map(_as_tuple, value)) if isinstance(value, list) else value
