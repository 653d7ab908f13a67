import copy
import json
from pathlib import Path

import numpy as np
import pytest

from tts_gym.datasets import (
    import_published,
    load_store,
    published_questions,
    read_published,
    read_store,
    same_recordings,
    summarise,
)
from tts_gym.errors import StoreError


def test_a_published_file_becomes_arrays(document, write_json):
    store = read_published(write_json(document))
    assert (store.name, store.interval, store.label) == ("SomeModel/tiny", 500, "SomeModel/tiny")
    assert store.question_ids == ("0", "1")
    assert store.class_texts == (("ERR", "3", "4"), ("ERR", "0.5", "½", "\\frac{1}{2}"))
    assert store.gold.tolist() == [2, 3]
    tables = store.tables
    assert tables.branch_start.tolist() == [0, 3, 4]
    assert tables.tokens.tolist() == [1700, 520, 500, 900]
    assert tables.answer_start.tolist() == [0, 4, 6, 7, 10]
    assert tables.answers.tolist() == [1, 0, 2, 2, 0, 0, 1, 1, 1, 2]
    assert store.signals == () and tables.signals.shape == (6, 0)
    dtypes = [array.dtype for array in tables]
    assert dtypes == [np.int64, np.int64, np.int64, np.int32, np.int64, np.float32] and store.gold.dtype == np.int32


def test_arrays_are_read_only(document, write_json):
    store = read_published(write_json(document))
    for array in (*store.tables, store.gold):
        assert not array.flags.writeable


def test_records_of_a_published_file(document, write_json):
    first, second = published_questions(write_json(document))
    assert first.branches[0].probe_answers == ["3", None, "4"] and first.branches[1].final_answer is None
    assert (second.id, second.gold) == ("1", "\\frac{1}{2}")


def test_import_then_read_gives_the_same_recordings(document, write_json, tmp_path):
    path = write_json(document)
    import_published(path, tmp_path / "store")
    assert same_recordings(read_store(tmp_path / "store"), read_published(path))
    assert load_store(tmp_path / "store").name == "SomeModel/tiny"


def change(*keys_and_value):
    """An edit of the document: the last argument is the value, the ones before it the path to it."""
    *keys, last, value = keys_and_value

    def edit(document):
        item = document
        for key in keys:
            item = item[key]
        item[last] = value
        return document

    return edit


def without(key):
    def edit(document):
        del document[1][key]
        return document

    return edit


HUGE = 10**30
BAD_DOCUMENTS = {
    "not a list": (lambda document: {"questions": document}, "a list of questions"),
    "no questions": (lambda document: [], "no questions"),
    "question not an object": (change(1, "text"), "question '1' is 'text'"),
    **{
        f"no {key}": (without(key), f"question '1': the key '{key}' is missing")
        for key in ("question", "gold_answer", "probe_freq", "each_branch")
    },
    "question a number": (change(0, "question", 7), "question '0': question is 7"),
    "gold a number": (change(0, "gold_answer", 4), "question '0': gold is 4"),
    "gold null": (change(0, "gold_answer", None), "question '0': gold is None"),
    "gold empty": (change(1, "gold_answer", " "), "question '1': the gold answer is ' '"),
    "gold invalid": (change(1, "gold_answer", "ERR"), "question '1': the gold answer is 'ERR'"),
    "interval zero": (change(0, "probe_freq", 0), "question '0': probe_freq is 0"),
    "interval negative": (change(0, "probe_freq", -500), "question '0': probe_freq is -500"),
    "interval a float": (change(0, "probe_freq", 500.0), "question '0': probe_freq is 500.0"),
    "interval a boolean": (change(0, "probe_freq", True), "question '0': probe_freq is True"),
    "interval huge": (lambda document: [{**item, "probe_freq": HUGE} for item in document], "interval is 1000"),
    "two intervals": (change(1, "probe_freq", 100), "question '1': probe_freq is 100 where the first question has 500"),
    "branches an object": (change(0, "each_branch", {}), "question '0': each_branch is {}"),
    "branches null": (change(0, "each_branch", None), "question '0': each_branch is None"),
    "no branches": (change(1, "each_branch", []), "question '1': there are no branches"),
    "branch a number": (change(0, "each_branch", 1, 5), "question '0', branch 1 is 5"),
    "branch of two parts": (change(0, "each_branch", 1, [[], 5]), "question '0', branch 1 has 2 parts"),
    "branch of four parts": (change(0, "each_branch", 1, [[], 5, "", 1]), "question '0', branch 1 has 4 parts"),
    "probes text": (change(0, "each_branch", 0, 0, "34"), "question '0', branch 0: probe_answers is '34'"),
    "probe a number": (change(0, "each_branch", 0, 0, 2, 4), "question '0', branch 0: probe answer 2 is 4"),
    "probe null": (change(0, "each_branch", 0, 0, 2, None), "question '0', branch 0: probe answer 2 is None"),
    "final a number": (change(0, "each_branch", 2, 2, 3.0), "question '0', branch 2: final answer is 3.0"),
    "tokens text": (change(0, "each_branch", 0, 1, "1700"), "question '0', branch 0: tokens is '1700'"),
    "tokens a float": (change(0, "each_branch", 0, 1, 1700.0), "question '0', branch 0: tokens is 1700.0"),
    "tokens a boolean": (change(0, "each_branch", 0, 1, True), "question '0', branch 0: tokens is True"),
    "tokens null": (change(0, "each_branch", 0, 1, None), "question '0', branch 0: tokens is None"),
    "tokens zero": (change(0, "each_branch", 1, 1, 0), "question '0', branch 1: tokens is 0"),
    "tokens negative": (change(0, "each_branch", 1, 1, -5), "question '0', branch 1: tokens is -5"),
    "tokens huge": (change(0, "each_branch", 1, 1, HUGE), "question '0', branch 1: tokens is 1000"),
    "tokens hugely negative": (change(0, "each_branch", 1, 1, -HUGE), "question '0', branch 1: tokens is -1000"),
    "token total huge": (
        change(0, "each_branch", [[["1"], 2**53, "1"]] * 3),
        "exceed 9007199254740992 tokens in total",
    ),
    "interval total huge": (
        lambda document: [{**item, "probe_freq": 2**53} for item in document],
        "exceed 9007199254740992 tokens in total",
    ),
    "no probes in a long branch": (
        change(0, "each_branch", 2, 1, 1001),
        "question '0', branch 2: there are no probe answers though its 1001 tokens exceed two intervals of 500",
    ),
    "trace not a list": (change(0, "final_answers_trace", "4"), "question '0': final_answers_trace is '4'"),
    "trace null": (change(0, "final_answers_trace", None), "question '0': final_answers_trace is None"),
    "trace short": (change(0, "final_answers_trace", ["4"]), "question '0': final_answers_trace has 1 answers for 3"),
    "half a character": (change(0, "each_branch", 0, 0, 0, "\ud800"), "question '0': a value cannot be stored"),
}


@pytest.mark.parametrize(("edit", "message"), BAD_DOCUMENTS.values(), ids=BAD_DOCUMENTS.keys())
def test_a_bad_document_is_refused_by_file_and_place(edit, message, document, write_json, tmp_path):
    path = write_json(edit(copy.deepcopy(document)))
    with pytest.raises(StoreError) as refusal:
        read_published(path)
    assert str(path) in str(refusal.value) and message in str(refusal.value)
    assert_one_sentence(refusal.value)
    with pytest.raises(StoreError):
        import_published(path, tmp_path / "store")
    assert sorted(item.name for item in tmp_path.iterdir()) == ["SomeModel"]


BAD_BYTES = {
    "empty": (b"", "is empty"),
    "blank": (b" \n", "is empty"),
    "truncated": (b'[{"question": "What', "is not valid JSON"),
    "not UTF-8": ('[{"question": "½"}]'.encode("latin-1"), "is not UTF-8"),
    "NaN": (b'[{"question": NaN}]', "NaN is not finite"),
    "Infinity": (b'[{"question": -Infinity}]', "-Infinity is not finite"),
    "deeply nested": (b"[" * 200_000 + b"]" * 200_000, "nested too deeply"),
    "endless integer": (b"[" + b"1" * 10_000 + b"]", "is not valid JSON"),
}


@pytest.mark.parametrize(("data", "message"), BAD_BYTES.values(), ids=BAD_BYTES.keys())
def test_bad_bytes_are_refused_by_file(data, message, tmp_path):
    path = tmp_path / "bad.json"
    path.write_bytes(data)
    with pytest.raises(StoreError, match=message) as refusal:
        read_published(path)
    assert str(path) in str(refusal.value)
    assert_one_sentence(refusal.value)


def test_a_missing_file_and_a_directory_are_refused(tmp_path):
    with pytest.raises(StoreError, match=r"nowhere\.json does not exist"):
        read_published(tmp_path / "nowhere.json")
    (tmp_path / "folder.json").mkdir()
    with pytest.raises(StoreError, match=r"folder\.json is a directory"):
        read_published(tmp_path / "folder.json")
    with pytest.raises(StoreError, match="cannot be read"):
        read_published("nul\0.json")


def assert_one_sentence(error: Exception) -> None:
    assert "\n" not in str(error)


PUBLISHED = {"Qwen3-0.6B": (117931, 60479064), "Qwen3-1.7B": (118918, 61567341)} | {
    "Qwen3-4B": (103578, 53188892),
    "Qwen3-8B": (106303, 54638727),
}


@pytest.mark.parametrize("model", PUBLISHED)
def test_the_published_files(model, shared_data: Path, tmp_path):
    path = shared_data / "autotts" / model / "aime24.json"
    store = read_published(path)
    summary = summarise(store)
    assert store.name == f"{model}/aime24"
    assert (summary.questions, summary.branches) == (30, 3840)
    assert (summary.probes, summary.tokens) == PUBLISHED[model]
    import_published(path, tmp_path / "store")
    assert same_recordings(read_store(tmp_path / "store"), store)


def test_the_published_answers_are_kept_as_they_are(shared_data: Path):
    path = shared_data / "autotts" / "Qwen3-4B" / "aime24.json"
    store = read_published(path)
    document = json.loads(path.read_text(encoding="utf-8"))
    recorded = [answer for item in document for probes, _, final in item["each_branch"] for answer in (*probes, final)]
    question_of_answer = np.repeat(
        np.repeat(np.arange(len(store)), store.branch_counts), np.diff(store.tables.answer_start)
    )
    texts = [
        store.class_texts[question][code]
        for question, code in zip(question_of_answer, store.tables.answers, strict=True)
    ]
    assert texts == recorded
    assert [store.class_texts[q][gold] for q, gold in enumerate(store.gold)] == [q["gold_answer"] for q in document]
