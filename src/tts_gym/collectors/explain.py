"""Which answers to a question count as the same, and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from tts_gym.answers.equivalence import Equivalence
from tts_gym.collectors.errors import CollectionError
from tts_gym.datasets.catalogue import store_directory
from tts_gym.datasets.recordings import Recordings
from tts_gym.datasets.schema import RecordedQuestion


@dataclass(frozen=True)
class Spelling:
    """An answer as it was spelled.

    Attributes:
        text: the spelling.
        number: its class in the store.
        branches: how many branches ended with it.
        probes: how many probes gave it.
        comparison: by what it equals the first spelling of its class, see ``answers.equivalence.Join``; empty for the
            first, and "recorded" where the rules of now would not join them.
        is_right: whether its class is a right one.
    """

    text: str
    number: int
    branches: int
    probes: int
    comparison: str
    is_right: bool


def explain(store: str, question: str) -> list[Spelling]:
    """The spellings of the answers to ``question``, class by class, the classes with most branches first.

    Args:
        store: catalogue name or directory of a store.
        question: id of the question.

    Raises:
        CollectionError: there is no such question.
        StoreError: the store is missing or damaged.
    """
    recordings = Recordings(store_directory(store))
    if question not in recordings.asked:
        known = ", ".join(list(recordings.asked)[:5])
        raise CollectionError(f"{store} has no question {question!r}: its questions are called {known}, and so on.")
    asked = recordings.question(question)
    classes = asked.classes or {}
    finals = Counter(branch.final_answer for branch in asked.branches)
    probes = Counter(answer for branch in asked.branches for answer in branch.probe_answers)
    right = {classes[text] for text in (asked.gold, *asked.right)}
    joins = _joins(asked, list(classes))
    first: dict[int, str] = {}
    spellings = [
        Spelling(
            text,
            number,
            finals[text],
            probes[text],
            "" if first.setdefault(number, text) == text else joins.get(text, "recorded"),
            number in right,
        )
        for text, number in classes.items()
    ]
    votes = Counter({number: 0 for number in classes.values()})
    for one in spellings:
        votes[one.number] += one.branches
    return sorted(spellings, key=lambda one: (-votes[one.number], one.number))


def _joins(question: RecordedQuestion, answers: Sequence[str]) -> dict[str, str]:
    """By which comparison each answer that is not the first of its class is in it."""
    if question.scorer is not None:
        return dict.fromkeys(answers, "text")
    with Equivalence() as equivalence:
        return {join.other: join.comparison for join in equivalence.joins(answers, question.gold)}
