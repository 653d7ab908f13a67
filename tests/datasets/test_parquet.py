import hashlib
import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tts_gym.datasets import (
    SIGNALS,
    RecordedBranch,
    RecordedQuestion,
    read_store,
    same_recordings,
    synthetic_metadata,
    synthetic_questions,
    synthetic_store,
    write_store,
)
from tts_gym.datasets import records as records_module
from tts_gym.errors import StoreError

TABLE_FILES = ("questions.parquet", "branches.parquet", "answers.parquet")


@pytest.fixture
def directory(tmp_path, records, metadata):
    """A store of the small records."""
    write_store(tmp_path / "store", records, metadata)
    return tmp_path / "store"


def test_a_written_store_holds_the_records(directory):
    store = read_store(directory)
    assert (store.name, store.question_ids, store.interval) == ("tiny", ("a", "b"), 500)
    assert store.class_texts == (("ERR", "5", "4"), ("ERR", "7", "6")) and store.gold.tolist() == [2, 2]
    assert store.tables.answers.tolist() == [1, 0, 2, 1, 1, 0]
    assert store.signals == ("mean_logprob", "tail_logprob")
    assert store.tables.signal_column.tolist() == [0, -1, 1, -1, -1, -1]
    assert store.tables.signals.tolist() == [[-0.5, -0.5], [-1.0, -1.0], [-0.5, -0.5]]
    assert store.branch_counts.tolist() == [2, 1] and store.mean_branch_tokens == 2200 / 3
    assert (store.most_probes, store.most_classes) == (2, 3)
    assert store.metadata["sampling"] == {"temperature": 0.6} and store.metadata["format_version"] == 2
    assert set(store.metadata["tools"]) == {"tts-gym", "pyarrow"}


def test_pandas_opens_the_tables(directory):
    questions, branches, answers = (pd.read_parquet(directory / name) for name in TABLE_FILES)
    assert questions["gold"].tolist() == ["4", "6"]
    assert branches["tokens"].tolist() == [1200, 300, 700] and branches["branch"].tolist() == [0, 1, 0]
    assert [list(probes) for probes in branches["probe_answers"]] == [["5", None], [], ["7"]]
    assert answers["class"].tolist() == [1, 2, 1, 2]


TEXT = st.text(st.characters(codec="utf-8"), max_size=5).filter(lambda text: text != "ERR")


@st.composite
def questions_strategy(draw):
    names = draw(st.sets(st.sampled_from(SIGNALS)))

    def branch() -> RecordedBranch:
        probes = draw(st.lists(st.none() | TEXT, max_size=4))
        values = st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=len(probes))
        return RecordedBranch(
            tokens=draw(st.integers(1, 500 if not probes else 10**9)),
            probe_answers=probes,
            final_answer=draw(st.none() | TEXT),
            finish_reason=draw(st.none() | TEXT),
            signals={name: draw(values)[: len(probes)] for name in names},
        )

    return [
        RecordedQuestion(
            id=identifier,
            question=draw(TEXT),
            gold=draw(TEXT.filter(str.strip)),
            branches=[branch() for _ in range(draw(st.integers(1, 3)))],
        )
        for identifier in draw(st.lists(TEXT, min_size=1, max_size=3, unique=True))
    ]


def records_of(store) -> list[RecordedQuestion]:
    """The records that a store was written from, as far as it keeps them."""
    tables = store.tables
    questions = []
    for q in range(len(store)):
        text = [None, *store.class_texts[q][1:]]
        branches = []
        for b in range(tables.branch_start[q], tables.branch_start[q + 1]):
            low, high = tables.answer_start[b], tables.answer_start[b + 1]
            *probes, final = (text[code] for code in tables.answers[low:high])
            values = tables.signals[low - b : high - b - 1].T.tolist()
            signals = {name: values[tables.signal_column[SIGNALS.index(name)]] for name in store.signals}
            branches.append(RecordedBranch(int(tables.tokens[b]), probes, final, None, signals))
        questions.append(RecordedQuestion(store.question_ids[q], store.questions[q], text[store.gold[q]], branches))
    return questions


@given(recorded=questions_strategy())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_records_survive_a_round_trip(recorded, metadata, tmp_path_factory):
    target = tmp_path_factory.mktemp("round") / "store"
    write_store(target, recorded, metadata)
    kept = [
        replace(item, branches=[replace(branch, finish_reason=None) for branch in item.branches]) for item in recorded
    ]
    assert records_of(read_store(target)) == kept


def test_answers_are_grouped_as_asked(tmp_path, records, metadata):
    asked = []

    def parity(answers, gold):
        asked.append((list(answers), gold))
        numbers = {}
        return [numbers.setdefault(int(answer) % 2, len(numbers) + 1) for answer in answers]

    write_store(tmp_path / "store", records, metadata, parity)
    store = read_store(tmp_path / "store")
    assert asked == [(["5", "4"], "4"), (["7", "6"], "6")]
    assert store.class_texts == (("ERR", "5", "4"), ("ERR", "7", "6"))
    write_store(tmp_path / "one", records, metadata, lambda answers, gold: [1] * len(answers))
    assert read_store(tmp_path / "one").class_texts == (("ERR", "5"), ("ERR", "7"))


def test_a_grouping_that_numbers_wrongly_is_refused(tmp_path, records, metadata):
    with pytest.raises(StoreError, match="class is 2 where 1 is the next"):
        write_store(tmp_path / "store", records, metadata, lambda answers, gold: [2] * len(answers))
    assert_nothing_written(tmp_path)


@pytest.mark.parametrize(("bound", "value"), [("PROBES_PER_BATCH", 100), ("QUESTIONS_PER_BATCH", 2)])
def test_batches_do_not_change_the_store(tmp_path, monkeypatch, bound, value):
    monkeypatch.setattr(records_module, bound, value)
    write_store(tmp_path / "store", synthetic_questions(5, 6, seed=3), synthetic_metadata(5, 6, seed=3))
    assert pq.ParquetFile(tmp_path / "store" / "branches.parquet").num_row_groups > 1
    assert same_recordings(read_store(tmp_path / "store"), synthetic_store(5, 6, seed=3))


def test_missing_parents_are_created(tmp_path, records, metadata):
    write_store(tmp_path / "deep" / "down" / "store", records, metadata)
    assert len(read_store(tmp_path / "deep" / "down" / "store")) == 2
    assert [item.name for item in tmp_path.iterdir()] == ["deep"]


# Writing


def assert_nothing_written(tmp_path):
    assert list(tmp_path.iterdir()) == []


def with_branch(recorded, **changes):
    """The records with branch 1 of question "a" changed."""
    first, second = recorded
    return [replace(first, branches=[first.branches[0], replace(first.branches[1], **changes)]), second]


BAD_RECORDS = {
    "none": (lambda recorded: [], "there are no questions"),
    "no branches": (lambda recorded: [replace(recorded[0], branches=[])], "question 'a': there are no branches"),
    "same id": (lambda recorded: recorded * 2, "the id 'a' is a duplicate"),
    "id a number": (lambda recorded: [replace(recorded[0], id=5)], "question 5: id is 5"),
    "tokens zero": (lambda recorded: with_branch(recorded, tokens=0), "question 'a', branch 1: tokens is 0"),
    "tokens a boolean": (lambda recorded: with_branch(recorded, tokens=True), "question 'a', branch 1: tokens is True"),
    "probe a number": (
        lambda recorded: with_branch(recorded, probe_answers=[5]),
        "question 'a', branch 1: probe answer 0 is 5",
    ),
    "probe spelt ERR": (
        lambda recorded: with_branch(recorded, final_answer="ERR"),
        "answers.parquet, row 2 (question 'a'): the answer is 'ERR'",
    ),
    "finish reason a number": (
        lambda recorded: with_branch(recorded, finish_reason=1),
        "question 'a', branch 1: finish reason is 1",
    ),
    "unknown signal": (
        lambda recorded: with_branch(recorded, signals={"entropy": []}),
        "question 'a', branch 1: the signal 'entropy' is unknown",
    ),
    "signals of one branch only": (
        lambda recorded: with_branch(recorded, signals={}),
        "question 'a', branch 1: signals are [] where the first branch has ['mean_logprob', 'tail_logprob']",
    ),
    "signal too long": (
        lambda recorded: with_branch(recorded, signals={"mean_logprob": [-1.0], "tail_logprob": []}),
        "question 'a', branch 1: mean_logprob has 1 values for 0 probe answers",
    ),
    "signal text": (
        lambda recorded: with_branch(recorded, signals={"mean_logprob": ["low"], "tail_logprob": []}),
        "question 'a': a value cannot be stored",
    ),
    **{
        f"signal {value}": (
            lambda recorded, value=value: with_branch(
                recorded, probe_answers=["5"], signals={"mean_logprob": [-1.0], "tail_logprob": [value]}
            ),
            "question 'a', branch 1: tail_logprob[0] is not a finite float32",
        )
        for value in (float("nan"), float("-inf"), 1e300, None)
    },
}


@pytest.mark.parametrize(("edit", "message"), BAD_RECORDS.values(), ids=BAD_RECORDS.keys())
def test_bad_records_are_refused_and_nothing_is_written(edit, message, records, metadata, tmp_path):
    with pytest.raises(StoreError) as refusal:
        write_store(tmp_path / "deep" / "store", edit(records), metadata)
    assert str(tmp_path / "deep" / "store") in str(refusal.value) and message in str(refusal.value)
    assert_nothing_written(tmp_path)


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, RuntimeError])
def test_an_interrupted_write_leaves_nothing(interruption, records, metadata, tmp_path):
    def questions():
        yield records[0]
        raise interruption

    with pytest.raises(interruption):
        write_store(tmp_path / "store", questions(), metadata)
    assert_nothing_written(tmp_path)


def test_an_existing_target_is_refused_and_kept(directory, records, metadata):
    before = {path.name: path.read_bytes() for path in directory.iterdir()}
    with pytest.raises(StoreError, match="already exists"):
        write_store(directory, records, metadata)
    assert {path.name: path.read_bytes() for path in directory.iterdir()} == before


def test_a_target_below_a_file_is_refused(tmp_path, records, metadata):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be written"):
        write_store(tmp_path / "file" / "store", records, metadata)


def test_metadata_that_json_cannot_hold_are_refused(records, metadata, tmp_path):
    for value in (float("nan"), object()):
        with pytest.raises(StoreError, match="metadata cannot be written as JSON"):
            write_store(tmp_path / "store", records, metadata | {"sampling": {"temperature": value}})
    assert_nothing_written(tmp_path)


# Reading


def test_a_store_that_is_not_a_directory_is_refused(tmp_path):
    with pytest.raises(StoreError, match="is not a directory"):
        read_store(tmp_path / "nowhere")
    with pytest.raises(StoreError, match=r"metadata\.json does not exist"):
        read_store(tmp_path)


@pytest.mark.parametrize("name", TABLE_FILES)
def test_a_damaged_table_is_refused_by_file(name, directory):
    data = (directory / name).read_bytes()
    flipped = bytearray(data)
    flipped[len(data) // 2] ^= 1
    for damaged in (data[:-20], b"", bytes(flipped)):
        (directory / name).write_bytes(damaged)
        with pytest.raises(StoreError, match=f"{name}: its SHA-256 is"):
            read_store(directory)
    (directory / name).unlink()
    with pytest.raises(StoreError, match=f"{name} does not exist"):
        read_store(directory)


def test_a_table_that_is_not_parquet_is_refused_even_when_its_checksum_is_right(directory):
    (directory / "answers.parquet").write_bytes(b"not a table")
    sign(directory)
    with pytest.raises(StoreError, match=r"answers\.parquet is not a readable Parquet file"):
        read_store(directory)


def sign(directory):
    """Bring the checksums up to date, so that the other checks are reached."""
    path = directory / "metadata.json"
    described = json.loads(path.read_text(encoding="utf-8"))
    described["sha256"] = {name: hashlib.sha256((directory / name).read_bytes()).hexdigest() for name in TABLE_FILES}
    path.write_text(json.dumps(described), encoding="utf-8")


BAD_METADATA = {
    "not an object": (lambda described: [described], "an object is expected"),
    "newer format": (lambda described: described | {"format_version": 3}, "format_version is 3"),
    "older format": (lambda described: described | {"format_version": 0}, "write the store again"),
    "format a boolean": (lambda described: described | {"format_version": True}, "format_version is True"),
    "format text": (lambda described: described | {"format_version": "1"}, "format_version is '1'"),
    "interval text": (lambda described: described | {"interval": "500"}, "interval is '500'"),
    "interval zero": (lambda described: described | {"interval": 0}, "interval is 0"),
    "interval a float": (lambda described: described | {"interval": 500.0}, "interval is 500.0"),
    "synthetic a number": (lambda described: described | {"synthetic": 1}, "synthetic is 1"),
    "checksums a list": (lambda described: described | {"sha256": []}, "sha256 is []"),
    "checksum missing": (lambda described: described | {"sha256": {}}, "metadata.json has None"),
    **{
        f"no {key}": (
            lambda described, key=key: {name: value for name, value in described.items() if name != key},
            f"the key '{key}' is missing",
        )
        for key in ("format_version", "name", "model", "benchmark", "interval", "synthetic", "license", "sampling")
        + ("seeds", "tools", "sha256")
    },
}


@pytest.mark.parametrize(("edit", "message"), BAD_METADATA.values(), ids=BAD_METADATA.keys())
def test_bad_metadata_are_refused_by_file_and_key(edit, message, directory):
    path = directory / "metadata.json"
    path.write_text(json.dumps(edit(json.loads(path.read_text(encoding="utf-8")))), encoding="utf-8")
    with pytest.raises(StoreError) as refusal:
        read_store(directory)
    assert str(directory) in str(refusal.value) and message in str(refusal.value)


def test_truncated_metadata_are_refused(directory):
    path = directory / "metadata.json"
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(StoreError, match=r"metadata\.json is not valid JSON"):
        read_store(directory)


def column(name, values):
    """An edit of a table: one column replaced, its type kept."""

    def edit(table):
        place = table.schema.get_field_index(name)
        return table.set_column(place, table.schema.field(place), pa.array(values, table.schema.field(place).type))

    return edit


def typed(name, kind):
    def edit(table):
        place = table.schema.get_field_index(name)
        return table.set_column(place, name, table[name].cast(kind))

    return edit


BAD_TABLES = {
    "questions empty": ("questions", lambda table: table.slice(0, 0), "there are no questions"),
    "question missing": ("questions", lambda table: table.slice(0, 1), "row 2: the question 'b' is unknown"),
    "question without branches": ("branches", lambda table: table.slice(0, 2), "question 'b': there are no branches"),
    "id twice": ("questions", column("id", ["a", "a"]), "row 1: the id 'a' is a duplicate"),
    "id null": ("questions", column("id", ["a", None]), "row 1: id is null"),
    "gold null": ("questions", column("gold", [None, "6"]), "row 0: gold is null"),
    "gold empty": ("questions", column("gold", ["4", ""]), "question 'b': the gold answer is ''"),
    "gold unlisted": ("questions", column("gold", ["4", "8"]), "question 'b': the gold answer is '8', which"),
    "gold of another question": (
        "questions",
        column("gold", ["6", "6"]),
        "question 'a': the gold answer is '6', which",
    ),
    "no gold": ("questions", lambda table: table.drop_columns("gold"), "there are 0 columns 'gold'"),
    "two golds": ("questions", lambda table: table.append_column("gold", table["gold"]), "there are 2 columns 'gold'"),
    "branch twice": ("branches", column("branch", [0, 0, 0]), "question 'a', branch 0: the branch number should be 1"),
    "branch gap": ("branches", column("branch", [0, 2, 0]), "question 'a', branch 2: the branch number should be 1"),
    "questions mixed": (
        "branches",
        lambda table: table.take([0, 2, 1]),
        "row 2: question 'a' comes after 'b'",
    ),
    "tokens zero": ("branches", column("tokens", [1200, 0, 700]), "question 'a', branch 1: tokens is 0"),
    "tokens negative": ("branches", column("tokens", [1200, -3, 700]), "question 'a', branch 1: tokens is -3"),
    "tokens null": ("branches", column("tokens", [1200, None, 700]), "row 1: tokens is null"),
    "tokens huge": ("branches", column("tokens", [2**63 - 1] * 3), "there are no probe answers"),
    "tokens floats": ("branches", typed("tokens", pa.float64()), "'tokens' is of type double; it must be int64"),
    "tokens text": ("branches", typed("tokens", pa.string()), "'tokens' is of type string; it must be int64"),
    "no probes": (
        "branches",
        column("probe_answers", [[], [], ["7"]]),
        "question 'a', branch 0: there are no probe answers though its 1200 tokens",
    ),
    "probes null": ("branches", column("probe_answers", [None, [], ["7"]]), "row 0: probe_answers is null"),
    "probe unlisted": (
        "branches",
        column("probe_answers", [["5", "6"], [], ["7"]]),
        "question 'a', branch 0: probe answer 1 is '6', which",
    ),
    "final unlisted": (
        "branches",
        column("final_answer", ["4", "9", None]),
        "branch 1: the final answer is '9', which",
    ),
    "signal short": (
        "branches",
        column("tail_logprob", [[-1.0], [], [-1.0]]),
        "question 'a', branch 0: tail_logprob has 1 values for 2 probe answers",
    ),
    "signal not a number": (
        "branches",
        column("tail_logprob", [[-1.0, float("nan")], [], [-1.0]]),
        "question 'a', branch 0: tail_logprob[1] is not a finite float32",
    ),
    "signal null": ("branches", column("tail_logprob", [None, [], [-1.0]]), "row 0: tail_logprob is null"),
    "class zero": ("answers", column("class", [0, 1, 1, 2]), "row 0 (question 'a'): class is 0"),
    "class gap": ("answers", column("class", [1, 2, 1, 3]), "row 3 (question 'b'): class is 3 where 2 is the next"),
    "class order": ("answers", column("class", [2, 1, 1, 2]), "row 0 (question 'a'): class is 2 where 1 is the next"),
    "answer twice": (
        "answers",
        column("answer", ["5", "5", "7", "6"]),
        "row 1 (question 'a'): the answer '5' is listed",
    ),
    "answer invalid": (
        "answers",
        column("answer", ["5", "4", "ERR", "6"]),
        "row 2 (question 'b'): the answer is 'ERR'",
    ),
    "answer of no question": ("answers", column("question_id", ["a", "a", "b", "c"]), "row 3: the question 'c' is"),
    "no answers": ("answers", lambda table: table.slice(0, 0), "question 'a': the gold answer is '4', which"),
    "answer not UTF-8": (
        "answers",
        lambda table: table.set_column(1, "answer", pa.array([b"5", b"4", b"7", b"\xff"]).view(pa.string())),
        "the column 'answer' is damaged",
    ),
}


@pytest.mark.parametrize(("name", "edit", "message"), BAD_TABLES.values(), ids=BAD_TABLES.keys())
def test_an_inconsistent_table_is_refused_by_file_and_place(name, edit, message, directory):
    path = directory / f"{name}.parquet"
    pq.write_table(edit(pq.read_table(path)), path)
    sign(directory)
    with pytest.raises(StoreError) as refusal:
        read_store(directory)
    assert str(directory) in str(refusal.value) and message in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_answers_of_one_class_share_its_number(directory):
    path = directory / "answers.parquet"
    pq.write_table(column("class", [1, 1, 1, 2])(pq.read_table(path)), path)
    sign(directory)
    store = read_store(directory)
    assert store.class_texts == (("ERR", "5"), ("ERR", "7", "6")) and store.gold.tolist() == [1, 2]
    assert store.tables.answers.tolist() == [1, 0, 1, 1, 1, 0]


def test_a_column_the_format_does_not_know_is_ignored(directory):
    path = directory / "branches.parquet"
    table = pq.read_table(path)
    before = read_store(directory)
    pq.write_table(table.append_column("note", pa.array(["x"] * len(table))), path)
    sign(directory)
    assert same_recordings(read_store(directory), before)


@example(position=692, bit=0)
@given(position=st.integers(0, 10**6), bit=st.integers(0, 7))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_flipped_bit_with_a_right_checksum_raises_nothing_but_a_store_error(
    position, bit, records, metadata, tmp_path_factory
):
    target = tmp_path_factory.mktemp("flip") / "store"
    write_store(target, records, metadata)
    path = target / "branches.parquet"
    data = bytearray(path.read_bytes())
    data[position % len(data)] ^= 1 << bit
    path.write_bytes(data)
    sign(target)
    try:
        store = read_store(target)
    except StoreError as error:
        assert str(target) in str(error) and "\n" not in str(error)
    else:
        assert np.isfinite(store.tables.signals).all() and (store.tables.tokens > 0).all()
