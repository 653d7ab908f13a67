"""Which answers to a question count as the same, and why."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import pyarrow.parquet as pq

from tts_gym.answers.equivalence import Equivalence
from tts_gym.collectors.errors import CollectionError
from tts_gym.datasets.catalogue import store_directory
from tts_gym.datasets.parquet import ANSWERS_FILE, read_records


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
        is_right: whether it is in the class of the gold answer.
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
    directory = store_directory(store)
    _, questions = read_records(directory)
    asked = next((one for one in questions if one.id == question), None)
    if asked is None:
        known = ", ".join(one.id for one in questions[:5])
        raise CollectionError(f"{store} has no question {question!r}: its questions are called {known}, and so on.")
    rows = pq.read_table(directory / ANSWERS_FILE, filters=[("question_id", "=", question)]).to_pylist()
    classes = {row["answer"]: row["class"] for row in rows}
    finals = Counter(branch.final_answer for branch in asked.branches)
    probes = Counter(answer for branch in asked.branches for answer in branch.probe_answers)
    with Equivalence() as equivalence:
        joins = {join.other: join.comparison for join in equivalence.joins(list(classes), asked.gold)}
    first: dict[int, str] = {}
    spellings = [
        Spelling(
            text,
            number,
            finals[text],
            probes[text],
            "" if first.setdefault(number, text) == text else joins.get(text, "recorded"),
            number == classes[asked.gold],
        )
        for text, number in classes.items()
    ]
    votes = Counter({number: 0 for number in classes.values()})
    for one in spellings:
        votes[one.number] += one.branches
    return sorted(spellings, key=lambda one: (-votes[one.number], one.number))
