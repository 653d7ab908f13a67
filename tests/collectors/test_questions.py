import csv
import json
import math
import os
import subprocess
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tts_gym.collectors.errors import CollectionError
from tts_gym.collectors.questions import Columns, Question, read_questions

TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20).filter(
    lambda text: text.strip() and text != "ERR"
)
ROWS = st.lists(st.fixed_dictionaries({"id": TEXT, "question": TEXT, "gold": TEXT}), min_size=1, max_size=5).filter(
    lambda rows: len({row["id"] for row in rows}) == len(rows)
)
ROW = {"id": "a", "question": "What is 1 + 1?", "gold": "2"}


def write(path, rows):
    if path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    elif path.suffix == ".csv":
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    else:
        pq.write_table(pa.Table.from_pylist(rows), path)
    return str(path)


def refused(source, *words, columns=None):
    with pytest.raises(CollectionError) as error:
        read_questions(str(source), columns)
    message = str(error.value)
    assert "\n" not in message and message.endswith(".")
    for word in words:
        assert word in message


@pytest.mark.parametrize("suffix", ["jsonl", "csv", "parquet"])
@settings(deadline=None, max_examples=30)
@given(rows=ROWS)
def test_every_kind_of_file_gives_the_same_questions(tmp_path_factory, suffix, rows):
    source = write(tmp_path_factory.mktemp("questions") / f"q.{suffix}", rows)
    assert read_questions(source) == [Question(**row) for row in rows]


@pytest.mark.parametrize("suffix", ["jsonl", "csv", "parquet"])
def test_columns_are_named_and_others_are_left_alone(tmp_path, suffix):
    source = write(tmp_path / f"q.{suffix}", [{"problem": "1 + 1", "solution": "2", "level": "easy"}])
    assert read_questions(source, Columns(question="problem", gold="solution")) == [Question("0", "1 + 1", "2")]
    refused(source, "'question'", "problem, solution, level")
    refused(source, "'answer'", columns=Columns(question="problem", gold="answer"))


def test_examples_come_with_their_question(tmp_path):
    pairs = [["1 + 1", "2"], ["2 + 2", "4"]]
    expected = [Question("a", ROW["question"], "2", (("1 + 1", "2"), ("2 + 2", "4")))]
    for suffix, value in (("jsonl", pairs), ("parquet", pairs), ("csv", json.dumps(pairs))):
        assert read_questions(write(tmp_path / f"q.{suffix}", [ROW | {"examples": value}])) == expected
    refused(write(tmp_path / "wrong.jsonl", [ROW | {"examples": [["alone"]]}]), "question 0", "[question, answer]")
    refused(write(tmp_path / "wrong.csv", [ROW | {"examples": "[["}]), "question 0", "not valid JSON")


def test_numbers_are_taken_as_text(tmp_path):
    rows = [{"id": 7, "question": "1 + 1", "gold": 2}, {"id": 8, "question": "1 / 2", "gold": 0.5}]
    rows.append({"id": 9, "question": "10^400", "gold": 10**400})
    for suffix in ("jsonl", "csv"):
        questions = read_questions(write(tmp_path / f"q.{suffix}", rows))
        golds = [("7", "2"), ("8", "0.5"), ("9", str(10**400))]
        assert [(question.id, question.gold) for question in questions] == golds


@pytest.mark.parametrize("gold", [math.nan, math.inf, None, "", "  ", "ERR", True, [], "\ud800"])
def test_a_gold_that_is_no_answer_is_refused(tmp_path, gold):
    refused(write(tmp_path / "q.jsonl", [ROW, {"question": "?", "gold": gold, "id": "b"}]), "question 1", "gold")


def test_a_missing_gold_in_a_column_of_numbers_is_refused(tmp_path):
    pq.write_table(pa.table({"question": ["a", "b"], "gold": [1.0, math.nan]}), tmp_path / "q.parquet")
    refused(tmp_path / "q.parquet", "question 1", "gold is nan")


def test_a_byte_order_mark_is_no_part_of_a_name(tmp_path):
    for suffix in ("csv", "jsonl"):
        path = tmp_path / f"q.{suffix}"
        write(path, [ROW])
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
        assert read_questions(str(path)) == [Question(**ROW)]


def test_wrong_files_are_refused(tmp_path):
    good = json.dumps(ROW)
    refused(tmp_path / "none.jsonl", "none.jsonl does not exist")
    refused(tmp_path / "none", "does not exist", "reasoning-gym:TASK", "OWNER/NAME")
    (tmp_path / "q.txt").write_text(good)
    refused(tmp_path / "q.txt", "unknown suffix", ".jsonl, .csv, .parquet")
    (tmp_path / "folder.jsonl").mkdir()
    refused(tmp_path / "folder.jsonl", "cannot be read")
    for suffix, content in (("jsonl", b"\n\n"), ("csv", b"id,question,gold\n"), ("csv", b"")):
        (tmp_path / f"empty.{suffix}").write_bytes(content)
        refused(tmp_path / f"empty.{suffix}", "no questions")
    (tmp_path / "empty.parquet").write_bytes(b"")
    refused(tmp_path / "empty.parquet", "cannot be read")
    for suffix in ("jsonl", "csv"):
        (tmp_path / f"latin.{suffix}").write_bytes("id,question,gold\n1,é,2\n".encode("latin-1"))
        refused(tmp_path / f"latin.{suffix}", "cannot be read", "utf-8")
    (tmp_path / "bad.jsonl").write_text(f"{good}\n\n{{'id': 1}}\n")
    refused(tmp_path / "bad.jsonl", "bad.jsonl, line 3 is not valid JSON")
    (tmp_path / "deep.jsonl").write_text("[" * 200_000)
    refused(tmp_path / "deep.jsonl", "line 1 is not valid JSON")
    (tmp_path / "list.jsonl").write_text("[1, 2]\n")
    refused(tmp_path / "list.jsonl", "question 0 is [1, 2]", "object")
    (tmp_path / "quote.csv").write_text('id,question,gold\n1,"open,2\n')
    refused(tmp_path / "quote.csv", "cannot be read")
    (tmp_path / "short.csv").write_text("id,question,gold\n1,alone\n")
    refused(tmp_path / "short.csv", "question 0", "gold is None")


@pytest.mark.parametrize("suffix", ["jsonl", "csv", "parquet"])
def test_ids_are_given_once(tmp_path, suffix):
    refused(write(tmp_path / f"q.{suffix}", [ROW, ROW | {"question": "another"}]), "'a'", "duplicate")


def test_items_of_a_task_without_a_gold_answer_are_left_out_with_a_count():
    with pytest.warns(UserWarning, match="1 of 30 questions have no gold answer and are left out"):
        questions = read_questions("reasoning-gym:ab?size=30&seed=3")
    ids = [int(question.id) for question in questions]
    assert len(ids) == 29 and ids == sorted(ids) and ids[-1] >= 29 - 1


def test_reasoning_gym_makes_the_questions_of_a_task():
    source = "reasoning-gym:chain_sum?size=5&seed=1&max_terms=3"
    questions = read_questions(source)
    assert [question.id for question in questions] == list("01234")
    for question in questions:
        assert eval(question.question.rstrip(" =").rpartition(":")[2]) == int(question.gold)
    assert read_questions(source) == questions
    assert read_questions(source.replace("seed=1", "seed=2")) != questions


def test_wrong_tasks_are_refused():
    refused("reasoning-gym:no_such_task", "no_such_task", "cannot be made")
    refused("reasoning-gym:chain_sum?sizes=5", "sizes", "cannot be made")
    refused("reasoning-gym:chain_sum?size=-1", "cannot be made")
    refused("reasoning-gym:chain_sum?size:5", "NAME=VALUE")


def test_a_hub_dataset_is_refused_in_one_sentence_where_there_is_no_network():
    code = "from tts_gym.collectors.questions import read_questions; read_questions('owner/name?split=train')"
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=os.environ | {"HF_HUB_OFFLINE": "1"}
    )
    last = run.stderr.splitlines()[-1]
    assert "The dataset owner/name?split=train cannot be loaded (" in last and last.endswith(".")
