"""Stores made from stores: what is merged and sampled is what was recorded."""

import json
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tts_gym.datasets import (
    RecordedBranch,
    RecordedQuestion,
    import_published,
    load_store,
    same_recordings,
    write_store,
)
from tts_gym.datasets.catalogue import BUNDLED
from tts_gym.datasets.merge import Merge
from tts_gym.datasets.recordings import Recordings, read_records
from tts_gym.datasets.sample import sample_store
from tts_gym.datasets.verify import verify_store
from tts_gym.errors import StoreError
from tts_gym.evaluation import evaluate

SMOLLM = BUNDLED / "smollm2-arithmetic"

METADATA = {
    "name": "n", "model": "m", "benchmark": "sums", "interval": 500, "synthetic": False, "license": "MIT",
    "sampling": {}, "seeds": [0],
}  # fmt: skip

ANSWERS = st.sampled_from(["1", "2", "2.0", "two"]) | st.none()
BRANCHES = st.builds(
    RecordedBranch, st.integers(10, 99), st.lists(ANSWERS, min_size=1, max_size=3), ANSWERS, st.just("stop")
)


@st.composite
def questions(draw):
    ids = draw(st.lists(st.sampled_from("abcd"), min_size=1, unique=True))
    return [
        RecordedQuestion(name, f"What is {name}?", "2", draw(st.lists(BRANCHES, min_size=1, max_size=4)))
        for name in ids
    ]


PARTS = st.lists(questions(), min_size=2, max_size=3, unique_by=repr)
"""Records of stores on some of the same questions, none of which is another one's copy."""


@pytest.fixture(scope="module")
def merge(tmp_path_factory):
    """Merge stores of these records; gives the directories of the parts and of the whole."""

    def write(*parts, **merging):
        place = tmp_path_factory.mktemp("merge")
        for number, records in enumerate(parts):
            write_store(place / str(number), records, METADATA | {"name": f"part {number}"})
        directories = [place / str(number) for number in range(len(parts))]
        Merge(directories).write(place / "merged", **merging)
        return directories, place / "merged"

    return write


def joined(*parts):
    """What merging should give, said slowly."""
    whole = {}
    for records in parts:
        for question in records:
            known = whole.get(question.id, replace(question, branches=[]))
            whole[question.id] = replace(known, branches=known.branches + question.branches)
    return list(whole.values())


@given(st.data())
@settings(max_examples=12)
def test_branches_are_joined_in_the_order_of_the_stores(merge, data):
    parts = data.draw(PARTS)
    _, merged = merge(*parts)
    assert read_records(merged)[1] == joined(*parts)
    verify_store(merged)


@given(st.data())
@settings(max_examples=6)
def test_classes_of_a_merged_store_are_those_of_all_answers_together(merge, tmp_path_factory, data):
    parts = data.draw(PARTS)

    def numeric(answers, gold):
        """Numbers are one, as mathematics has it."""
        numbers = {}
        values = {"2.0": "2", "two": "2"}
        return [numbers.setdefault(values.get(text, text), len(numbers) + 1) for text in answers]

    for grouping in ({}, {"grouping": numeric}):
        _, merged = merge(*parts, **grouping)
        at_once = tmp_path_factory.mktemp("at-once") / "store"
        shared = Counter(question.id for part in parts for question in part)
        write_store(at_once, joined(*parts), METADATA, **grouping)
        together = {one.id: one.classes for one in Recordings(at_once)}
        for one in Recordings(merged):
            if shared[one.id] > 1:
                assert one.classes == together[one.id]


@given(st.data())
@settings(max_examples=3)
def test_other_questions_are_evaluated_as_they_were(merge, data):
    first = data.draw(questions())
    second = [replace(one, id=f"{one.id}2", question=f"{one.question} Again?") for one in data.draw(questions())]
    directories, merged = merge(first, second)
    columns = ["question_id", "seed", "answer", "correct", "tokens", "sequential_tokens"]
    apart = [evaluate("sc:n=3", load_store(part), 3).rows[columns] for part in directories]
    rows = evaluate("sc:n=3", load_store(merged), 3).rows[columns]
    expected = [row for part in apart for row in part.itertuples(index=False)]
    assert sorted(rows.itertuples(index=False)) == sorted(expected)


@given(st.integers(0, 5), st.integers(1, 64), st.integers(1, 64), st.integers(1, 60))
@settings(max_examples=3)
def test_a_smaller_sample_is_part_of_a_larger_one(tmp_path_factory, seed, one, other, count):
    place = tmp_path_factory.mktemp("samples")
    small, large = sorted((one, other))
    sample_store(SMOLLM, place / "small", small, count, seed)
    sample_store(SMOLLM, place / "large", large, None, seed)
    taken = [
        json.loads((place / name / "metadata.json").read_text())["sampled"]["taken"] for name in ("small", "large")
    ]
    assert len(taken[0]) == count and len(taken[1]) == 60
    for name, numbers in taken[0].items():
        assert set(numbers.split()) <= set(taken[1][name].split()) and len(numbers.split()) == small


def test_a_sample_of_all_is_the_store(tmp_path):
    sample_store(SMOLLM, tmp_path / "all", 64, 60)
    assert same_recordings(load_store(tmp_path / "all"), load_store(SMOLLM))
    assert read_records(tmp_path / "all")[1] == read_records(SMOLLM)[1]


def test_what_is_sampled_is_what_the_metadata_say(tmp_path):
    sample_store(SMOLLM, tmp_path / "sample", 5, 7, seed=3)
    metadata, taken = read_records(tmp_path / "sample")
    sampled, whole = metadata["sampled"], Recordings(SMOLLM)
    assert (
        [one.id for one in taken]
        == list(sampled["taken"])
        == [name for name in whole.asked if name in sampled["taken"]]
    )
    for one in taken:
        branches = whole.question(one.id).branches
        assert one.branches == [branches[int(number)] for number in sampled["taken"][one.id].split()]
    assert sampled["from"]["sha256"] == whole.metadata["sha256"] and sampled["seed"] == 3
    assert "SHA-256" in (tmp_path / "sample" / "README.md").read_text()
    classes = {one.id: one.classes for one in Recordings(tmp_path / "sample")}
    for name, of_sample in classes.items():
        of_whole = whole.question(name).classes
        for a in of_sample:
            assert {b for b in of_sample if of_sample[a] == of_sample[b]} == {
                b for b in of_sample if of_whole[a] == of_whole[b]
            }


def test_a_sample_of_a_merged_store_keeps_where_it_comes_from(merge, records, tmp_path):
    others = [replace(one, id=one.id * 2, question=one.question * 2) for one in records]
    directories, merged = merge(records, others)
    metadata = read_records(merged)[0]
    assert metadata["name"] == "part 0 + part 1" and metadata["benchmark"] == "sums" and metadata["seeds"] == [0]
    assert [part["name"] for part in metadata["merged"]] == ["part 0", "part 1"]
    sample_store(merged, tmp_path / "sample", 1)
    with pytest.raises(StoreError, match="count twice"):
        Merge([directories[0], tmp_path / "sample"])
    with pytest.raises(StoreError, match="count twice"):
        Merge([merged, directories[1]])


def test_equal_branches_are_counted(merge, records, tmp_path):
    drawn_again = [replace(records[0], branches=records[0].branches[:1]), replace(records[1], id="c", question="?")]
    directories, _ = merge(records, drawn_again)
    assert Merge(directories).write(tmp_path / "out") == 1


def test_nothing_is_merged_with_itself(run, tmp_path):
    status, out, err = run("stores", "merge", SMOLLM, SMOLLM, "--out", tmp_path / "out")
    assert (status, out) == (2, "") and "count twice" in err and err.count("\n") == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"model": "Other"}, "model is 'SomeModel' and 'Other'"),
        ({"interval": 400}, "interval is 500 and 400"),
        ({"license": "MIT"}, "license is 'CC0-1.0' and 'MIT'"),
        ({"sampling": {"temperature": 1.0}}, "sampling.temperature is 0.6 and 1.0"),
        ({"probes": False}, "probes is True and False"),
        ({"collection": {"settings": {"answers": "boxed"}}}, "the rule of answers is None and 'boxed'"),
        ({"collection": {"settings": {"probing": {"suffix": "?"}}}}, "settings.probing"),
    ],
)
def test_stores_that_differ_in_what_matters_are_refused(tmp_path, records, metadata, change, words):
    write_store(tmp_path / "one", records, metadata)
    write_store(tmp_path / "other", records[1:], metadata | change)
    with pytest.raises(StoreError, match="cannot be merged") as error:
        Merge([tmp_path / "one", tmp_path / "other"])
    assert words in str(error.value)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"question": "What is 2 + 3?"}, "question 'a' .* another one .*question is"),
        ({"gold": "5"}, "gold is '5' and there '4'"),
        ({"right": ["four"]}, "right is"),
        ({"id": "z"}, "question 'z' .* is question 'a' .*same id"),
    ],
)
def test_another_question_under_a_known_id_is_refused_by_name(tmp_path, records, metadata, change, words):
    write_store(tmp_path / "one", records, metadata)
    write_store(tmp_path / "other", [replace(records[0], **change)], metadata)
    with pytest.raises(StoreError, match=words):
        Merge([tmp_path / "one", tmp_path / "other"])


def test_stores_that_record_something_else_are_refused(tmp_path, records, metadata):
    write_store(tmp_path / "one", records, metadata)
    bare = [replace(one, branches=[replace(branch, signals={}) for branch in one.branches]) for one in records]
    write_store(tmp_path / "other", bare, metadata)
    with pytest.raises(StoreError, match="what is recorded of a branch"):
        Merge([tmp_path / "one", tmp_path / "other"])


def test_a_collection_drawn_in_two_runs_is_one_again(tmp_path):
    """Half of the branches each, as two runs of one command with other numbers of branches would draw them."""
    metadata, records = read_records(SMOLLM)
    records = [replace(one, branches=one.branches[:8]) for one in records[:6]]
    for number, part in enumerate((slice(0, 3), slice(3, 8))):
        run_settings = metadata["collection"]["settings"] | {"branches": part.stop - part.start, "seed": number}
        collection = metadata["collection"] | {"settings": run_settings}
        half = [replace(one, branches=one.branches[part]) for one in records]
        write_store(tmp_path / str(number), half, metadata | {"collection": collection})
    merging = Merge([tmp_path / "0", tmp_path / "1"])
    assert merging.joins_answers
    merging.write(tmp_path / "merged")
    merged = read_records(tmp_path / "merged")
    assert merged[1] == records
    assert merged[0]["collection"]["settings"]["probing"] == metadata["collection"]["settings"]["probing"]
    assert not {"branches", "seed"} & merged[0]["collection"]["settings"].keys()
    assert merged[0]["markers"] == {name: 2 * count for name, count in metadata["markers"].items()}


def test_published_files_keep_exact_answers(tmp_path, write_json, document):
    import_published(write_json(document), tmp_path / "one")
    again = {name: document[0][name] for name in ("question", "gold_answer", "probe_freq")}
    import_published(write_json([again | {"each_branch": [[["4.0"], 600, "04"]]}]), tmp_path / "other")
    merging = Merge([tmp_path / "one", tmp_path / "other"])
    assert not merging.joins_answers
    merging.write(tmp_path / "merged")
    store = load_store(tmp_path / "merged")
    assert set(store.class_texts[0]) == {"ERR", "3", "4", "4.0", "04"}
    assert np.diff(store.tables.branch_start).tolist() == [4, 1]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["sample", SMOLLM, "--questions", "61"], "60 questions"),
        (["sample", SMOLLM], "--branches"),
        (["merge", SMOLLM], "at least two"),
        (["merge", SMOLLM, "none"], "no store 'none'"),
    ],
)
def test_what_cannot_be_done_is_one_line(run, tmp_path, arguments, words):
    status, out, err = run("stores", *arguments, "--out", tmp_path / "out")
    assert (status, out) == (2, "") and words in err
    assert not list(tmp_path.iterdir())


def test_commands_sample_and_merge(run, tmp_path, records):
    status, out, err = run("stores", "sample", SMOLLM, "--branches", 2, "--questions", 3, "--out", tmp_path / "sample")
    assert (status, out, err) == (0, f"Wrote {tmp_path / 'sample'}.\n", "")
    assert load_store(tmp_path / "sample").branch_counts.tolist() == [2, 2, 2]
    for number, one in enumerate(records):
        write_store(tmp_path / str(number), [one], METADATA)
    status, out, err = run("stores", "merge", tmp_path / "0", tmp_path / "1", "--out", tmp_path / "merged")
    assert (status, out, err) == (0, f"Wrote {tmp_path / 'merged'}.\n", "")
    assert read_records(tmp_path / "merged")[1] == records
