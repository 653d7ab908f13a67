"""Sources that are wrong are refused in one line, or read with a count of what was left out."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tts_gym.errors import TTSGymError
from tts_gym.importers.paths import value_at
from tts_gym.importers.rows import JsonLines, grouped

GOOD = {"question": "1 + 1?", "gold": "2", "sample": "The final answer is 2."}


@pytest.fixture
def import_rows(run, tmp_path):
    """Import rows, dicts or text, with options; nothing is left where they are refused."""

    def call(rows, *options, name="rows.jsonl"):
        text = rows if isinstance(rows, str) else "".join(json.dumps(row) + "\n" for row in rows)
        (tmp_path / name).write_text(text)
        status, out, err = run("stores", "import", tmp_path / name, "--out", tmp_path / "store", *options)
        assert (tmp_path / "store").exists() == (status == 0)
        return status, out, err

    return call


REFUSED = {
    "mixed types": ([GOOD, GOOD | {"sample": {"a": 1}}], (), "line 2: sample is {'a': 1}; it must be text"),
    "a gold of another kind": ([GOOD | {"gold": True}], (), "line 1: gold is True; it must be text"),
    "no gold at all": ([{"question": "?", "sample": "2"}], (), "1 questions without a gold answer"),
    "all gold empty": ([GOOD | {"gold": " "}], (), "1 questions without a gold answer"),
    "only empty texts": ([GOOD | {"sample": ""}], (), "1 samples without text, 1 questions without samples"),
    "no such column": ([GOOD], ("--samples-column", "text"), "no column 'text' but question, gold, sample"),
    "no column known": ([{"a": 1}], (), "has the columns a: name that of the question, --question-column"),
    "a row without question": ([GOOD, {"gold": 1}], (), "line 2: question is missing"),
    "a row that is none": ([GOOD, [1]], (), "line 2: question is missing"),
    "two golds": ([GOOD, GOOD | {"gold": "3"}], (), "different gold answers, '3' and '2'"),
    "one id": (
        [GOOD | {"id": 1}, GOOD | {"id": 1, "question": "2 + 2?"}],
        ("--id-column", "id"),
        "line 2 and",
    ),
    "unequal lists": (
        [GOOD | {"sample": ["2", "3"], "tokens": [1]}],
        (),
        "line 1: sample has 2 and tokens 1 elements",
    ),
    "no number": ([GOOD | {"tokens": "many"}], (), "line 1: tokens is 'many'; it must be a whole number of tokens"),
    "no length": ([GOOD | {"tokens": 10**15}], (), "has 1000000000000000 tokens by column tokens"),
    "a path through a text": ([GOOD], ("--samples-column", "sample[].x"), "line 1: sample is 'The final"),
    "no JSON": ("{", (), "line 1 is not valid JSON"),
    "nothing": ("", (), "holds no rows"),
    "two models": ([GOOD | {"model": "b"}, GOOD | {"model": "a"}], (), "samples of a and b: choose one with --model"),
    "another model": ([GOOD | {"model": "b"}], ("--model", "a"), "1 samples of other models"),
    "no rule": ([GOOD], ("--answers", "none"), "rule"),
    "a response to nothing": ([{"choices": []}], (), "neither the messages of its request nor a custom_id"),
    "requests of one custom_id": (
        [{"custom_id": "a", "messages": [{"role": "user", "content": text}], "choices": []} for text in "xy"],
        ("--id-column", "custom_id"),
        "have one id and ask differently",
    ),
    "no format": ([GOOD], ("--format", "none"), "Unknown format 'none'"),
    "a gold that no answer equals": ([GOOD | {"gold": "B"}], ("--answers", "number"), "'B' cannot be found"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(case, import_rows):
    rows, options, words = REFUSED[case]
    status, out, err = import_rows(rows, *options)
    assert (status, out) == (2, "") and err.startswith("Error: ") and err.count("\n") == 1
    assert words in err


@pytest.mark.parametrize("text", ["question,gold,sample\n1 + 1?,2\n", 'question,gold,sample\n"1 + 1?,2,2\n'])
def test_csv_that_is_none(text, import_rows):
    status, _, err = import_rows(text, name="rows.csv")
    assert status == 2 and err.count("\n") == 1 and "rows.csv" in err


def test_a_source_that_is_not_there(run, tmp_path):
    status, _, err = run("stores", "import", tmp_path / "none.jsonl", "--out", tmp_path / "store")
    assert status == 2 and "none.jsonl does not exist" in err


def test_what_is_left_out_is_counted(import_rows, tmp_path):
    rows = [
        GOOD,
        GOOD | {"sample": "  "},
        GOOD | {"sample": None},
        GOOD | {"sample": "", "tokens": 70},
        {"question": "2 + 2?", "gold": None, "sample": "4"},
        {"question": "3 + 3?", "gold": "6", "sample": ""},
    ]
    status, out, err = import_rows(rows)
    assert status == 0
    assert "1 questions with 2 samples of unknown, read as table" in out
    assert "3 samples without text" in out and "1 questions without a gold answer" in out
    assert "1 by column tokens" in out and "1 by characters / 4" in out
    assert "costs are in characters / 4" in err
    recorded = json.loads((tmp_path / "store" / "metadata.json").read_text())["import"]
    assert recorded["left_out"]["samples without text"] == 3


def test_one_sample_a_question_is_said(import_rows):
    status, _, err = import_rows([GOOD])
    assert status == 0 and "no question has more than one sample" in err


def test_a_model_is_chosen(import_rows):
    status, out, _ = import_rows([GOOD | {"model": name} for name in "abb"], "--model", "b")
    assert status == 0 and "2 samples of b" in out and "1 samples of other models" in out


def test_a_lone_surrogate_does_no_harm(import_rows):
    assert import_rows([GOOD | {"sample": "\ud800 The final answer is 2."}])[0] == 0


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)


@given(JSON, st.lists(st.sampled_from(["a", "b", "a[]", "c[]"]), min_size=1, max_size=3).map(".".join))
def test_a_path_finds_a_value_or_is_refused_by_the_place(row, path):
    try:
        value_at(row, path, "here")
    except TTSGymError as error:
        assert str(error).startswith("here: ")


@given(st.lists(st.integers(0, 4), min_size=1, max_size=30), st.integers(1, 3))
def test_rows_come_together_in_order(tmp_path_factory, keys, files):
    folder = tmp_path_factory.mktemp("rows")
    paths = [folder / f"{number}.jsonl" for number in range(files)]
    for number, path in enumerate(paths):
        rows = [{"key": key, "n": n} for n, key in enumerate(keys) if n * files // len(keys) == number]
        path.write_text("\n\n".join(json.dumps(row) for row in rows))
    found = [[row["n"] for _, row in group] for group in grouped(JsonLines(paths), lambda row, _: row["key"])]
    assert found == [[n for n, key in enumerate(keys) if key == one] for one in dict.fromkeys(keys)]
