"""From Arrow tables to the arrays of a replay store; everything recorded is checked on the way.

The columns with one value a branch are read whole. Those with one value a probe come in pieces of consecutive branches,
so that a large store never has to be in memory at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from reprlib import repr as short
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tts_gym.datasets.checks import Ints, check_columns, owners, refuse, starts
from tts_gym.datasets.labels import Labels, read_labels
from tts_gym.datasets.metadata import check_provenance
from tts_gym.datasets.schema import BRANCHES, MOST_TOKENS, Sources, StoreTables, probes_schema
from tts_gym.datasets.signals import SIGNALS
from tts_gym.datasets.store import ReplayStore, Tables
from tts_gym.errors import StoreError


class BranchRows(NamedTuple):
    """What is recorded once a branch.

    Attributes:
        table: the columns of ``schema.BRANCHES``.
        owner: int64 [branches], question of each branch.
        start: int64 [questions + 1], first branch of each question.
        tokens: int64 [branches].
        finals: int32 [branches], class of the final answer.
    """

    table: pa.Table
    owner: Ints
    start: Ints
    tokens: Ints
    finals: NDArray[np.int32]


class Piece(NamedTuple):
    """What is recorded once a probe, of consecutive branches.

    Attributes:
        probe_counts: int64 [branches].
        answers: int32 [probes + branches], as in ``Tables``.
        signals: float32 [probes, recorded signals].
    """

    probe_counts: Ints
    answers: NDArray[np.int32]
    signals: NDArray[np.float32]


def build_store(tables: StoreTables, metadata: Mapping[str, Any], sources: Sources) -> ReplayStore:
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
    labels = read_labels(tables.questions, tables.answers, sources)
    rows = branch_rows(tables.branches, labels, sources)
    signals = recorded_signals(tables.branches.column_names)
    pieces = probe_pieces([tables.branches], rows, labels, metadata["interval"], signals, sources)
    return replay_store(metadata, labels, replay_tables(rows, pieces, signals))


def replay_store(metadata: Mapping[str, Any], labels: Labels, tables: Tables) -> ReplayStore:
    """Put a store together; its arrays become read-only.

    Args:
        metadata: the provenance, checked.
        labels: questions and answers, checked.
        tables: the arrays, which become read-only in place.
    """
    for array in (labels.gold, *tables):
        array.setflags(write=False)
    return ReplayStore(
        name=metadata["name"],
        interval=metadata["interval"],
        metadata=dict(metadata),
        question_ids=tuple(labels.ids.to_pylist()),
        questions=labels.questions,
        gold=labels.gold,
        also_right=labels.also_right,
        class_texts=labels.class_texts,
        tables=tables,
    )


def replay_tables(rows: BranchRows, pieces: Iterable[Piece], signals: tuple[str, ...]) -> Tables:
    """The arrays that replay reads, from what is recorded once a branch and once a probe.

    Args:
        rows: what is recorded once a branch.
        pieces: what is recorded once a probe, of all branches in order; at least one piece.
        signals: names of the recorded signals, in the order of their columns in the pieces.
    """
    probe_counts, answers, values = map(np.concatenate, zip(*pieces, strict=True))
    return Tables(rows.start, rows.tokens, answer_starts(probe_counts), answers, signal_columns(signals), values)


def recorded_signals(columns: Iterable[str]) -> tuple[str, ...]:
    """Which of ``SIGNALS`` are among the columns of a branches table."""
    present = set(columns)
    return tuple(name for name in SIGNALS if name in present)


def signal_columns(signals: tuple[str, ...]) -> Ints:
    """``Tables.signal_column`` where ``signals`` are recorded."""
    return np.array([signals.index(name) if name in signals else -1 for name in SIGNALS])


def answer_starts(probe_counts: Ints) -> Ints:
    """``Tables.answer_start`` of branches with so many probes."""
    return np.concatenate([[0], np.cumsum(probe_counts + 1)])


def branch_rows(branches: pa.Table, labels: Labels, sources: Sources) -> BranchRows:
    """Check the columns of ``branches`` with one value a branch.

    Args:
        branches: the table as recorded; columns of probes are left alone.
        labels: the questions and answers that it names.
        sources: where it comes from, for error messages.

    Raises:
        StoreError: something is mistyped, missing or inconsistent; the message names the place.
    """
    source = sources.branches
    check_columns(branches, BRANCHES, source)
    table = branches.select(BRANCHES.names)
    owner = owners(table, labels.ids, source)
    start = starts(owner, len(labels.ids))
    refuse(
        np.diff(start) == 0,
        lambda question: (
            f"{source}, question {labels.ids[question].as_py()!r}: there are no branches; record at least one"
        ),
    )
    due = np.arange(len(owner)) - start[owner]
    refuse(
        table["branch"].to_numpy() != due,
        lambda row: (
            f"{_place(table, row, source)}: the branch number should be {due[row]}; "
            "number the branches of a question 0, 1, 2, … in order"
        ),
    )
    tokens = table["tokens"].to_numpy()
    refuse(
        tokens <= 0,
        lambda row: f"{_place(table, row, source)}: tokens is {tokens[row]}; a branch has at least one token",
    )
    finals = labels.lookup.classes_of(owner, table["final_answer"])
    refuse(
        finals < 0,
        lambda row: (
            f"{_place(table, row, source)}: the final answer is {short(table['final_answer'][row].as_py())}, "
            f"which {sources.answers} does not list; list it there"
        ),
    )
    return BranchRows(table, owner, start, tokens, finals)


def probe_pieces(
    tables: Iterable[pa.Table],
    rows: BranchRows,
    labels: Labels,
    interval: int,
    signals: tuple[str, ...],
    sources: Sources,
) -> Iterator[Piece]:
    """Check the columns with one value a probe, table by table.

    Args:
        tables: the columns of ``schema.probes_schema`` of consecutive branches, in order.
        rows: what is recorded once a branch.
        labels: the questions and answers.
        interval: tokens between two probes (Δ).
        signals: names of the recorded signals.
        sources: where the tables come from, for error messages.

    Yields:
        The arrays of each of ``tables``.

    Raises:
        StoreError: something is mistyped, missing or inconsistent; the message names the place.
    """
    first, charged = 0, 0
    for table in tables:
        check_columns(table, probes_schema(signals), sources.branches, first)
        piece = _piece(table, first, rows, labels, interval, signals, sources)
        first += len(table)
        charged += interval * len(piece.answers)
        yield piece
    if first != len(rows.owner):
        raise StoreError(
            f"{sources.branches}: there are probes for {first} of {len(rows.owner)} branches; write the store again"
        )
    if max(rows.tokens.sum(dtype=np.float64), charged) > MOST_TOKENS:
        raise StoreError(
            f"{sources.branches}: the branches exceed {MOST_TOKENS} tokens in total; correct tokens or the interval"
        )


def _piece(
    table: pa.Table,
    first: int,
    rows: BranchRows,
    labels: Labels,
    interval: int,
    signals: tuple[str, ...],
    sources: Sources,
) -> Piece:
    """The arrays of ``table``, whose first row is row ``first`` of all branches."""
    source, here = sources.branches, slice(first, first + len(table))
    probe_counts = pc.list_value_length(table["probe_answers"]).to_numpy().astype(np.int64)
    tokens = rows.tokens[here]
    refuse(
        (probe_counts == 0) & (tokens > 2 * interval),
        lambda row: (
            f"{_place(rows.table, first + row, source)}: there are no probe answers though its {tokens[row]} tokens "
            f"exceed two intervals of {interval}; record one probe an interval"
        ),
    )
    classes = labels.lookup.classes_of(
        np.repeat(rows.owner[here], probe_counts), pc.list_flatten(table["probe_answers"])
    )

    def unlisted(probe: int) -> str:
        row, index = _locate(probe, probe_counts)
        return (
            f"{_place(rows.table, first + row, source)}: probe answer {index} is "
            f"{short(table['probe_answers'][row][index].as_py())}, which {sources.answers} does not list; list it there"
        )

    refuse(classes < 0, unlisted)
    values = np.empty((len(classes), len(signals)), np.float32)
    for place, name in enumerate(signals):
        values[:, place] = _signal(table, name, first, rows, probe_counts, source)
    return Piece(probe_counts, _interleave(classes, rows.finals[here], probe_counts), values)


def _interleave(probes: NDArray[np.int32], finals: NDArray[np.int32], probe_counts: Ints) -> NDArray[np.int32]:
    """The probes of each branch followed by its final answer, int32 [probes + branches]."""
    is_final = np.zeros(len(probes) + len(finals), bool)
    is_final[np.cumsum(probe_counts + 1) - 1] = True
    answers = np.empty(len(is_final), np.int32)
    answers[is_final] = finals
    answers[~is_final] = probes
    return answers


def _signal(
    table: pa.Table, name: str, first: int, rows: BranchRows, probe_counts: Ints, source: str
) -> NDArray[np.float32]:
    """The values of one signal, float32 [probes]."""
    lengths = pc.list_value_length(table[name]).to_numpy()
    refuse(
        lengths != probe_counts,
        lambda row: (
            f"{_place(rows.table, first + row, source)}: {name} has {lengths[row]} values for {probe_counts[row]} "
            "probe answers; record one a probe"
        ),
    )
    values: NDArray[np.float32] = pc.list_flatten(table[name]).fill_null(np.nan).to_numpy()

    def message(probe: int) -> str:
        row, index = _locate(probe, probe_counts)
        return (
            f"{_place(rows.table, first + row, source)}: {name}[{index}] is not a finite float32; "
            "record a number or leave the signal out"
        )

    refuse(~np.isfinite(values), message)
    return values


def _locate(probe: int, probe_counts: Ints) -> tuple[int, int]:
    """The row of a probe's branch and its index there."""
    end = np.cumsum(probe_counts)
    row = int(np.searchsorted(end, probe, side="right"))
    return row, int(probe - end[row] + probe_counts[row])


def _place(branches: pa.Table, row: int, source: str) -> str:
    return f"{source}, question {branches['question_id'][row].as_py()!r}, branch {branches['branch'][row].as_py()}"
