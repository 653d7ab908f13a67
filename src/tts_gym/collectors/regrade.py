"""Other rules for answers applied to a store that is there, without a model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tts_gym.answers.equivalence import Equivalence
from tts_gym.answers.reader import AnswerReader, answer_reader
from tts_gym.collectors.errors import CollectionError
from tts_gym.collectors.prompts import THINK
from tts_gym.collectors.tasks import TaskScorer, check_question
from tts_gym.datasets.catalogue import store_directory
from tts_gym.datasets.parquet import write_store
from tts_gym.datasets.recordings import read_records
from tts_gym.datasets.records import Watch, watched
from tts_gym.datasets.schema import RecordedBranch, RecordedQuestion


def regrade(store: str, out: Path, rule: str | None = None, watch: Watch = lambda progress: None) -> str:
    """Write the store anew, its answers found, grouped and scored by the rules of now.

    Args:
        store: catalogue name or directory of a store.
        out: the directory to write; it must not exist.
        rule: how answers are recognised; that of the collection by default. Where a store keeps no texts, its recorded
            answers are only grouped anew.
        watch: is told how many questions are done, of how many.

    Returns:
        What was not compared or not scored, a sentence each; empty if everything was.

    Raises:
        CollectionError: a rule is given and the store keeps no texts to apply it to.
        AnswerError: there is no such rule, or by it no answer to a question can be right.
        StoreError: the store is missing or damaged, or the directory exists or cannot be written.
    """
    metadata, questions = read_records(store_directory(store))
    settings = metadata.get("collection", {}).get("settings", {})
    probing = settings.get("probing", {})
    suffix, marks = probing.get("suffix"), probing.get("marks")
    keeps_texts = suffix is not None and all(map(_keeps_texts, questions))
    if rule is not None and not keeps_texts:
        raise CollectionError(f"{store} does not keep the texts of its branches and probes: leave out --answers.")
    described: dict[str, Any] = {}
    with TaskScorer() as tasks, Equivalence() as equivalence:
        if keeps_texts:
            rule = rule or settings["answers"]
            with answer_reader(rule, marks and tuple(marks)) as reader:
                questions = list(_read_anew(questions, reader, rule, suffix, tasks))
            described["markers"] = Counter(branch.marker or "none" for one in questions for branch in one.branches)
        described["regraded"] = {"answers": rule}
        decided = map(tasks.decide, watched(questions, len(questions), watch))
        write_store(out, decided, metadata | described, equivalence.classes)
        return " ".join(filter(None, (equivalence.counts.shortfall, tasks.counts.shortfall)))


def _keeps_texts(question: RecordedQuestion) -> bool:
    return all(branch.text is not None and branch.probe_text is not None for branch in question.branches)


def _read_anew(
    questions: Sequence[RecordedQuestion], reader: AnswerReader, rule: str, suffix: str, tasks: TaskScorer
) -> Iterator[RecordedQuestion]:
    for question in questions:
        gold = check_question(question.id, question.gold, question.scorer, rule, tasks)
        branches = [read_branch_anew(branch, reader, suffix, question.question) for branch in question.branches]
        yield replace(question, gold=gold, branches=branches)


def read_branch_anew(branch: RecordedBranch, reader: AnswerReader, suffix: str, question: str) -> RecordedBranch:
    """``branch`` read anew; what it was made to answer when it was cut off is not kept, and stays.

    Args:
        branch: a branch whose texts are kept.
        reader: finds answers in texts.
        suffix: what answers on the way were forced with.
        question: text of the question.
    """
    assert branch.text is not None and branch.probe_text is not None
    found = reader.branch(THINK * branch.in_reasoning + branch.text)
    probes = [reader.probe(suffix, text, question).answer for text in branch.probe_text]
    forced = found.answer is None and branch.finish_reason == "length"
    return replace(
        branch,
        probe_answers=probes,
        final_answer=branch.final_answer if forced else found.answer,
        marker="forced" if forced else found.marker,
    )
