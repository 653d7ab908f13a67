import json
from dataclasses import replace

import pytest

from collectors.test_collect import QUESTIONS, SETTINGS, Model, fill
from tts_gym.answers.errors import AnswerError
from tts_gym.collectors.errors import CollectionError
from tts_gym.collectors.explain import explain
from tts_gym.collectors.regrade import regrade
from tts_gym.collectors.settings import Prompting
from tts_gym.datasets.catalogue import BUNDLED
from tts_gym.datasets.digest import same_recordings
from tts_gym.datasets.parquet import read_store, write_store
from tts_gym.datasets.recordings import read_records
from tts_gym.datasets.schema import RecordedBranch, RecordedQuestion
from tts_gym.datasets.verify import verify_store
from tts_gym.errors import StoreError

METADATA = {
    "name": "n", "model": "m", "benchmark": "b", "interval": 10, "synthetic": False, "license": "MIT", "sampling": {},
    "seeds": [],
}  # fmt: skip


def recorded(*texts, gold="7", answers="auto", in_reasoning=False):
    kept = {"probe_text": ["8}. No"], "probe_tokens": [3], "in_reasoning": in_reasoning}
    branches = [RecordedBranch(10, ["1"], "1", "stop", text=text, **kept) for text in texts]
    settings = {"answers": answers, "probing": {"suffix": "\nSo \\boxed{"}}
    return [RecordedQuestion("q", "What?", gold, branches)], METADATA | {"collection": {"settings": settings}}


@pytest.mark.parametrize("in_reasoning", [False, True])
def test_records_are_read_back(tmp_path, in_reasoning):
    questions, metadata = recorded("The answer is 7", "It is 8", in_reasoning=in_reasoning)
    write_store(tmp_path / "store", questions, metadata)
    again, read_metadata = read_records(tmp_path / "store")[::-1]
    assert again == questions and read_metadata["collection"] == metadata["collection"]


@pytest.mark.parametrize("template", ["{question}", "{question}\n<think>", "<think>{question}</think>"])
def test_a_collection_regraded_by_its_own_rule_stays_as_it_is(tmp_path, template):
    prompting = Prompting(template, chat=False)
    fill(tmp_path / "store", Model(), replace(SETTINGS, keep_text=True, prompting=prompting))
    regrade(str(tmp_path / "store"), tmp_path / "again")
    assert same_recordings(read_store(tmp_path / "store"), read_store(tmp_path / "again"))


@pytest.mark.parametrize(("in_reasoning", "answers"), [(True, [None, "7"]), (False, ["6", "7"])])
def test_reasoning_that_the_prompt_opened_gives_no_answer_until_it_ends(tmp_path, in_reasoning, answers):
    texts = "The answer is 6", "The answer is 6</think>The answer is 7"
    questions, metadata = recorded(*texts, in_reasoning=in_reasoning)
    write_store(tmp_path / "store", questions, metadata)
    for source, target in (("store", "again"), ("again", "anew")):
        regrade(str(tmp_path / source), tmp_path / target)
        (question,) = read_records(tmp_path / target)[1]
        assert [branch.final_answer for branch in question.branches] == answers


def test_texts_of_older_stores_began_outside_reasoning_as_far_as_is_known():
    _, questions = read_records(BUNDLED / "smollm2-arithmetic")
    assert not any(branch.in_reasoning for question in questions for branch in question.branches)


def test_other_rules_are_applied_to_the_texts(tmp_path):
    questions, metadata = recorded("<think>3</think> The answer is 7", r"The answer is 7.0. \boxed{5}", "none")
    write_store(tmp_path / "store", questions, metadata)
    regrade(str(tmp_path / "store"), tmp_path / "again", "final-answer")
    (question,) = read_records(tmp_path / "again")[1]
    assert [branch.final_answer for branch in question.branches] == ["7", "7.0", None]
    assert [branch.probe_answers for branch in question.branches] == [[None]] * 3
    regrade(str(tmp_path / "store"), tmp_path / "boxed", "boxed")
    metadata, (question,) = read_records(tmp_path / "boxed")
    assert [branch.final_answer for branch in question.branches] == [None, "5", None]
    assert [branch.probe_answers for branch in question.branches] == [["8"]] * 3
    assert metadata["markers"] == {"boxed": 1, "none": 2} and metadata["regraded"] == {"answers": "boxed"}
    assert verify_store(tmp_path / "boxed").markers == ("none 2", "boxed 1")


def test_without_texts_answers_are_only_grouped_anew(tmp_path):
    branches = [RecordedBranch(10, ["7.0"], "7"), RecordedBranch(10, [None], "8")]
    write_store(tmp_path / "store", [RecordedQuestion("q", "What?", "7", branches)], METADATA)
    assert len(read_store(tmp_path / "store").class_texts[0]) == 4
    regrade(str(tmp_path / "store"), tmp_path / "again")
    assert len(read_store(tmp_path / "again").class_texts[0]) == 3
    with pytest.raises(CollectionError, match="does not keep the texts"):
        regrade(str(tmp_path / "store"), tmp_path / "other", "boxed")
    assert not (tmp_path / "other").exists()


def test_what_cannot_be_regraded_is_refused_and_nothing_is_written(tmp_path):
    questions, metadata = recorded("The answer is 7")
    write_store(tmp_path / "store", questions, metadata)
    with pytest.raises(AnswerError, match="no rule 'guess'"):
        regrade(str(tmp_path / "store"), tmp_path / "again", "guess")
    with pytest.raises(StoreError, match="no store"):
        regrade(str(tmp_path / "missing"), tmp_path / "again")
    with pytest.raises(StoreError, match="already exists"):
        regrade(str(tmp_path / "store"), tmp_path / "store")
    assert [path.name for path in tmp_path.iterdir()] == ["store"]


def test_classes_are_explained(tmp_path):
    questions, metadata = recorded("The answer is 7.0", "Answer: 7 km", "so it is 8", gold="7")
    write_store(tmp_path / "store", questions, metadata)
    regrade(str(tmp_path / "store"), tmp_path / "again")
    spellings = explain(str(tmp_path / "again"), "q")
    assert [(one.text, one.branches, one.probes, one.is_right) for one in spellings] == [
        ("7.0", 1, 0, True), ("7 km", 1, 0, True), ("7", 0, 0, True), ("8", 0, 3, False),
    ]  # fmt: skip
    assert [one.comparison for one in spellings] == ["", "value", "value", ""]
    with pytest.raises(CollectionError, match="no question 'p'"):
        explain(str(tmp_path / "again"), "p")


def test_gold_that_no_answer_can_equal_is_refused_before_drawing(tmp_path):
    model = Model()
    questions = [replace(QUESTIONS[0], gold="Paris"), *QUESTIONS[1:]]
    with pytest.raises(AnswerError, match="'Paris' cannot be found by the rule 'choice'; the rule 'auto' finds it"):
        fill(tmp_path / "out", model, replace(SETTINGS, answers="choice"), questions)
    assert model.loaded == 0 and not (tmp_path / "out").exists()


def test_gold_is_kept_without_its_format(tmp_path):
    gold = QUESTIONS[0].gold
    questions = [replace(QUESTIONS[0], gold=f"We add.\n#### {gold}"), *QUESTIONS[1:]]
    fill(tmp_path / "out", Model(), questions=questions)
    assert read_records(tmp_path / "out")[1][0].gold == gold
    assert sum(json.loads((tmp_path / "out" / "metadata.json").read_text())["markers"].values()) == 16
