"""From records to Arrow tables: answers are grouped into classes here, once, and never again."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from reprlib import repr as short
from typing import Any

import pyarrow as pa

from tts_gym.datasets.checks import one_line
from tts_gym.datasets.schema import (
    ANSWERS,
    BRANCH_TEXTS,
    DETAILS,
    MOST_TOKENS,
    QUESTIONS,
    RecordedBranch,
    RecordedQuestion,
    StoreTables,
    branches_schema,
)
from tts_gym.datasets.signals import SIGNALS
from tts_gym.errors import StoreError

Grouping = Callable[[Sequence[str], str], Sequence[int]]
"""Gives each answer of a question its class: 1, 2, 3, … in order of first appearance. The arguments are the distinct
texts of the answers in order of first appearance, and the gold answer, which is among them. Questions with a scorer
have ``text_classes`` instead, and those whose classes are known keep them."""

Watch = Callable[[tuple[int, int]], None]
"""Is told how many questions are done, of how many."""

PROBES_PER_BATCH = 2**20
"""Probes gathered into one batch of tables, which is one row group on disk."""

QUESTIONS_PER_BATCH = 2**9
"""Most questions of a batch: until they are joined, the tables of a question take some 30 kB however few its probes."""


def exact_classes(answers: Sequence[str], gold: str) -> list[int]:
    """Group the answers of a question: each text is a class of its own.

    Args:
        answers: distinct texts in order of first appearance.
        gold: the correct answer, which is one of them.

    Returns:
        The class of each text, numbered from 1 in order of first appearance.
    """
    return list(range(1, len(answers) + 1))


def text_classes(answers: Sequence[str], right: Collection[str]) -> list[int]:
    """Group answers of which a scorer has said which are right: by their texts, but for case and white space.

    A right and a wrong answer are never of one class, as a scorer may care for what is left out here.

    Args:
        answers: distinct texts in order of first appearance.
        right: those that are right.

    Returns:
        The class of each text, numbered from 1 in order of first appearance.
    """
    numbers: dict[tuple[str, bool], int] = {}
    keys = ((" ".join(text.casefold().split()), text in right) for text in answers)
    return [numbers.setdefault(key, len(numbers) + 1) for key in keys]


def given_answers(question: RecordedQuestion) -> list[str]:
    """The distinct valid answers that the branches of a question gave, in order of first appearance."""
    given = (text for branch in question.branches for text in (*branch.probe_answers, branch.final_answer))
    return [text for text in dict.fromkeys(given) if text is not None]


def watched(questions: Iterable[RecordedQuestion], number: int, watch: Watch) -> Iterator[RecordedQuestion]:
    """The questions one by one, with somebody who is told of each once the next one is asked for.

    Args:
        questions: the questions.
        number: how many there are.
        watch: is told.
    """
    for done, question in enumerate(questions):
        watch((done, number))
        yield question


def record_tables(
    questions: Iterable[RecordedQuestion], source: str, grouping: Grouping = exact_classes
) -> Iterator[StoreTables]:
    """Convert records to tables, a batch of questions at a time.

    Args:
        questions: the records; read once, one at a time.
        source: where they come from, for error messages.
        grouping: which answers of a question are the same.

    Yields:
        The tables of the next questions, at most ``QUESTIONS_PER_BATCH`` and about ``PROBES_PER_BATCH`` probes.

    Raises:
        StoreError: a record has a field of the wrong type, or there are no questions.
    """
    names: tuple[str, ...] | None = None
    batch: list[StoreTables] = []
    probes = 0
    for question in questions:
        _check_question(question, source)
        if names is None:
            names = _recorded_names(question.branches[0]) if question.branches else ()
        batch.append(_question_tables(question, names, source, grouping))
        probes += sum(len(branch.probe_answers) for branch in question.branches)
        if probes >= PROBES_PER_BATCH or len(batch) == QUESTIONS_PER_BATCH:
            yield concatenate(batch)
            batch, probes = [], 0
    if batch:
        yield concatenate(batch)
    if names is None:
        raise StoreError(f"{source}: there are no questions; record at least one")


def concatenate(batches: Sequence[StoreTables]) -> StoreTables:
    """Join tables end to end."""
    return StoreTables(*map(pa.concat_tables, zip(*batches, strict=True)))


def _recorded_names(branch: RecordedBranch) -> tuple[str, ...]:
    """Names of the signals of a branch, and of what else is kept of it."""
    return (*branch.signals, *(name for name in (*DETAILS, "text") if getattr(branch, name) is not None))


def _question_tables(
    question: RecordedQuestion, names: tuple[str, ...], source: str, grouping: Grouping
) -> StoreTables:
    branches = question.branches
    for number, branch in enumerate(branches):
        if set(_recorded_names(branch)) != set(names):
            raise StoreError(
                f"{source}, question {question.id!r}, branch {number}: signals are {sorted(_recorded_names(branch))} "
                f"where the first branch has {sorted(names)}; record the same signals for every branch"
            )
    answers = list(dict.fromkeys((*given_answers(question), question.gold, *question.right)))
    questions_columns = {
        "id": [question.id],
        "question": [question.question],
        "gold": [question.gold],
        "right": [question.right or None],
        "scorer": [question.scorer],
    }
    branches_columns = {
        "question_id": [question.id] * len(branches),
        "branch": range(len(branches)),
        "tokens": [branch.tokens for branch in branches],
        "finish_reason": [branch.finish_reason for branch in branches],
        "final_answer": [branch.final_answer for branch in branches],
        "probe_answers": [branch.probe_answers for branch in branches],
        **{name: [branch.signals[name] for branch in branches] for name in SIGNALS if name in names},
        **{name: [getattr(branch, name) for branch in branches] for name in DETAILS if name in names},
    }
    answers_columns = {
        "question_id": [question.id] * len(answers),
        "answer": answers,
        "class": _classes(question, answers, grouping),
    }
    try:
        return StoreTables(
            pa.table(questions_columns, QUESTIONS),
            pa.table(branches_columns, branches_schema(names)),
            pa.table(answers_columns, ANSWERS),
            _texts(question) if "text" in names else BRANCH_TEXTS.empty_table(),
        )
    except (pa.ArrowException, UnicodeError) as error:
        raise StoreError(
            f"{source}, question {question.id!r}: a value cannot be stored ({one_line(error)}); mend it"
        ) from error


def _classes(question: RecordedQuestion, answers: Sequence[str], grouping: Grouping) -> Sequence[int]:
    """The class of each of ``answers``: as it was before where that is known, else by a scorer or the grouping."""
    if question.classes is not None:
        numbers: dict[int, int] = {}
        return [numbers.setdefault(question.classes[text], len(numbers) + 1) for text in answers]
    if question.scorer is not None:
        return text_classes(answers, {question.gold, *question.right})
    return grouping(answers, question.gold)


def _texts(question: RecordedQuestion) -> pa.Table:
    columns = {
        "question_id": [question.id] * len(question.branches),
        "branch": range(len(question.branches)),
        "text": [branch.text for branch in question.branches],
        "in_reasoning": [branch.in_reasoning for branch in question.branches],
    }
    return pa.table(columns, BRANCH_TEXTS)


def _check_question(question: RecordedQuestion, source: str) -> None:
    place = f"{source}, question {short(question.id)}"
    for name in ("id", "question", "gold"):
        _check(getattr(question, name), str, f"{place}: {name}")
    if question.scorer is not None:
        _check(question.scorer, str, f"{place}: scorer")
    for text in question.right:
        _check(text, str, f"{place}: right answer")
    for number, branch in enumerate(question.branches):
        _check_branch(branch, f"{place}, branch {number}")


def _check_branch(branch: RecordedBranch, place: str) -> None:
    _check(branch.tokens, int, f"{place}: tokens")
    if not 0 < branch.tokens <= MOST_TOKENS:
        raise StoreError(f"{place}: tokens is {short(branch.tokens)}; it must be between 1 and {MOST_TOKENS}")
    if branch.final_answer is not None:
        _check(branch.final_answer, str, f"{place}: final answer")
    if branch.finish_reason is not None:
        _check(branch.finish_reason, str, f"{place}: finish reason")
    for index, answer in enumerate(branch.probe_answers):
        if answer is not None:
            _check(answer, str, f"{place}: probe answer {index}")
    for name in branch.signals:
        if name not in SIGNALS:
            raise StoreError(f"{place}: the signal {name!r} is unknown; the names are {', '.join(SIGNALS)}")
    for name in DETAILS:
        values = getattr(branch, name)
        if values is not None and len(values) != len(branch.probe_answers):
            raise StoreError(
                f"{place}: {name} has {len(values)} values for {len(branch.probe_answers)} probe answers; "
                "record one a probe"
            )


def _check(value: Any, expected: type, place: str) -> None:
    if not isinstance(value, expected) or isinstance(value, bool):
        wanted = "a whole number" if expected is int else "text"
        raise StoreError(f"{place} is {short(value)}; it must be {wanted}")
