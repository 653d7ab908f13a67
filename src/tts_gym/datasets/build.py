"""From tables to arrays: the one way into a ``ReplayStore``, where everything recorded is checked."""

from __future__ import annotations

from collections.abc import Mapping
from reprlib import repr as short
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tts_gym.datasets.checks import Ints, check_columns, owners, question_ids, refuse, starts
from tts_gym.datasets.classes import ClassLookup, class_lookup, class_texts, text_codes
from tts_gym.datasets.metadata import check_provenance
from tts_gym.datasets.schema import ANSWERS, MOST_TOKENS, QUESTIONS, Sources, StoreTables, branches_schema
from tts_gym.datasets.store import INVALID_TEXT, SIGNALS, ReplayStore, Tables
from tts_gym.errors import StoreError

T = TypeVar("T", bound=np.generic)


def replay_store(tables: StoreTables, metadata: Mapping[str, Any], sources: Sources) -> ReplayStore:
    """Check tables and metadata and turn them into a replay store.

    Args:
        tables: the three tables, as ``schema`` describes them.
        metadata: the provenance, as ``metadata`` describes it.
        sources: where they come from, for error messages.

    Returns:
        The store; its arrays are read-only.

    Raises:
        StoreError: something is mistyped, missing or inconsistent; the message names the place.
    """
    check_provenance(metadata, sources.metadata)
    questions, branches, answers = tables
    signals = tuple(name for name in SIGNALS if name in branches.column_names)
    check_columns(questions, QUESTIONS, sources.questions)
    check_columns(branches, branches_schema(signals), sources.branches)
    check_columns(answers, ANSWERS, sources.answers)

    ids = question_ids(questions, sources.questions)
    _check_gold(questions, sources.questions)
    branch_owner = owners(branches, ids, sources.branches)
    branch_start = starts(branch_owner, len(ids))
    _check_branch_numbers(branches, ids, branch_owner, branch_start, sources.branches)
    probe_counts = pc.list_value_length(branches["probe_answers"]).to_numpy().astype(np.int64)
    _check_lengths(branches, probe_counts, metadata["interval"], sources.branches)

    answer_owner = owners(answers, ids, sources.answers)
    texts = class_texts(answers, answer_owner, starts(answer_owner, len(ids)), sources.answers)
    probe_text, final_text, answer_text, gold_text = text_codes(
        pc.list_flatten(branches["probe_answers"]), branches["final_answer"], answers["answer"], questions["gold"]
    )
    stride = 1 + max(int(codes.max(initial=0)) for codes in (probe_text, final_text, answer_text, gold_text))
    lookup = class_lookup(answers, answer_owner, answer_text, stride, sources.answers)
    return ReplayStore(
        name=metadata["name"],
        interval=metadata["interval"],
        metadata=dict(metadata),
        question_ids=tuple(ids.to_pylist()),
        questions=tuple(questions["question"].to_pylist()),
        gold=_read_only(_gold(questions, gold_text, lookup, sources)),
        class_texts=texts,
        tables=Tables(
            branch_start=_read_only(branch_start),
            tokens=_read_only(branches["tokens"].to_numpy()),
            answer_start=_read_only(np.concatenate([[0], np.cumsum(probe_counts + 1)])),
            answers=_read_only(
                _interleave(
                    _probe_answers(branches, branch_owner, probe_counts, probe_text, lookup, sources),
                    _final_answers(branches, branch_owner, final_text, lookup, sources),
                    probe_counts,
                )
            ),
            signal_row=_read_only(np.array([signals.index(name) if name in signals else -1 for name in SIGNALS])),
            signals=_read_only(_signals(branches, signals, probe_counts, sources.branches)),
        ),
    )


def _check_gold(questions: pa.Table, source: str) -> None:
    blank = pc.equal(pc.utf8_trim_whitespace(questions["gold"]), "").to_numpy()
    refuse(
        blank | pc.equal(questions["gold"], INVALID_TEXT).to_numpy(),
        lambda row: f"{_gold_place(questions, row, source)}; give the correct answer",
    )


def _check_branch_numbers(branches: pa.Table, ids: pa.Array, owner: Ints, start: Ints, source: str) -> None:
    refuse(
        np.diff(start) == 0,
        lambda question: f"{source}, question {ids[question].as_py()!r}: there are no branches; record at least one",
    )
    due = np.arange(len(owner)) - start[owner]
    refuse(
        branches["branch"].to_numpy() != due,
        lambda row: (
            f"{_place(branches, row, source)}: the branch number should be {due[row]}; "
            "number the branches of a question 0, 1, 2, … in order"
        ),
    )


def _check_lengths(branches: pa.Table, probe_counts: Ints, interval: int, source: str) -> None:
    tokens = branches["tokens"].to_numpy()
    refuse(
        tokens <= 0,
        lambda row: f"{_place(branches, row, source)}: tokens is {tokens[row]}; a branch has at least one token",
    )
    refuse(
        (probe_counts == 0) & (tokens > 2 * interval),
        lambda row: (
            f"{_place(branches, row, source)}: there are no probe answers though its {tokens[row]} tokens exceed two "
            f"intervals of {interval}; record one probe an interval"
        ),
    )
    if max(tokens.sum(dtype=np.float64), float(interval) * (probe_counts + 1).sum()) > MOST_TOKENS:
        raise StoreError(f"{source}: the branches exceed {MOST_TOKENS} tokens in total; correct tokens or the interval")


def _gold(questions: pa.Table, text: Ints, lookup: ClassLookup, sources: Sources) -> NDArray[np.int32]:
    """Class of the correct answer of each question, int32 [questions]."""
    classes = lookup.classes_of(np.arange(len(text)), text)
    refuse(
        classes < 0,
        lambda row: (
            f"{_gold_place(questions, row, sources.questions)}, which {sources.answers} does not list; list it there"
        ),
    )
    return classes


def _probe_answers(
    branches: pa.Table, owner: Ints, probe_counts: Ints, text: Ints, lookup: ClassLookup, sources: Sources
) -> NDArray[np.int32]:
    """Class of each probe, int32 [probes]."""
    classes = lookup.classes_of(np.repeat(owner, probe_counts), text)

    def message(probe: int) -> str:
        row, index = _locate(probe, probe_counts)
        answer = branches["probe_answers"][row][index].as_py()
        return (
            f"{_place(branches, row, sources.branches)}: probe answer {index} is {short(answer)}, "
            f"which {sources.answers} does not list; list it there"
        )

    refuse(classes < 0, message)
    return classes


def _final_answers(
    branches: pa.Table, owner: Ints, text: Ints, lookup: ClassLookup, sources: Sources
) -> NDArray[np.int32]:
    """Class of each final answer, int32 [branches]."""
    classes = lookup.classes_of(owner, text)
    refuse(
        classes < 0,
        lambda row: (
            f"{_place(branches, row, sources.branches)}: the final answer is "
            f"{short(branches['final_answer'][row].as_py())}, which {sources.answers} does not list; list it there"
        ),
    )
    return classes


def _interleave(probes: NDArray[np.int32], finals: NDArray[np.int32], probe_counts: Ints) -> NDArray[np.int32]:
    """The probes of each branch followed by its final answer, int32 [probes + branches]."""
    is_final = np.zeros(len(probes) + len(finals), bool)
    is_final[np.cumsum(probe_counts + 1) - 1] = True
    answers = np.empty(len(is_final), np.int32)
    answers[is_final] = finals
    answers[~is_final] = probes
    return answers


def _signals(branches: pa.Table, names: tuple[str, ...], probe_counts: Ints, source: str) -> NDArray[np.float32]:
    """The recorded signals, float32 [len(names), probes]."""
    signals = np.empty((len(names), probe_counts.sum()), np.float32)
    for name, row in zip(names, signals, strict=True):
        row[:] = _signal(branches, name, probe_counts, source)
    return signals


def _signal(branches: pa.Table, name: str, probe_counts: Ints, source: str) -> NDArray[np.float32]:
    lengths = pc.list_value_length(branches[name]).to_numpy()
    refuse(
        lengths != probe_counts,
        lambda row: (
            f"{_place(branches, row, source)}: {name} has {lengths[row]} values for {probe_counts[row]} probe answers; "
            "record one a probe"
        ),
    )
    values: NDArray[np.float32] = pc.list_flatten(branches[name]).fill_null(np.nan).to_numpy()

    def message(probe: int) -> str:
        row, index = _locate(probe, probe_counts)
        return (
            f"{_place(branches, row, source)}: {name}[{index}] is not a finite float32; "
            "record a number or leave the signal out"
        )

    refuse(~np.isfinite(values), message)
    return values


def _locate(probe: int, probe_counts: Ints) -> tuple[int, int]:
    """The row of a probe's branch and its index there."""
    end = np.cumsum(probe_counts)
    row = int(np.searchsorted(end, probe, side="right"))
    return row, int(probe - end[row] + probe_counts[row])


def _gold_place(questions: pa.Table, row: int, source: str) -> str:
    gold = short(questions["gold"][row].as_py())
    return f"{source}, question {questions['id'][row].as_py()!r}: the gold answer is {gold}"


def _place(branches: pa.Table, row: int, source: str) -> str:
    return f"{source}, question {branches['question_id'][row].as_py()!r}, branch {branches['branch'][row].as_py()}"


def _read_only(array: NDArray[T]) -> NDArray[T]:
    array.setflags(write=False)
    return array
