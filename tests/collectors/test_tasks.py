"""Tasks whose own scorer decides, with the scorers of the real reasoning-gym."""

import ast
import json
from dataclasses import replace

import pytest

from collectors.test_collect import SETTINGS, Model, fill
from collectors.test_regrade import METADATA
from tts_gym.answers.errors import AnswerError
from tts_gym.collectors.explain import explain
from tts_gym.collectors.questions import read_questions, usual_rule
from tts_gym.collectors.regrade import regrade
from tts_gym.collectors.tasks import TaskScorer, check_question, scorer_of
from tts_gym.datasets import RecordedBranch, RecordedQuestion, read_store, write_store
from tts_gym.datasets.digest import same_recordings
from tts_gym.datasets.recordings import read_records
from tts_gym.errors import TTSGymError

pytest.importorskip("reasoning_gym")

QUEENS, COUNTDOWN = "reasoning-gym:n_queens?size=3&seed=1", "reasoning-gym:countdown?size=3&seed=1"


@pytest.fixture(scope="module")
def tasks():
    with TaskScorer() as scorer:
        yield scorer


def item_of(question):
    told = json.loads(question.scorer)
    return ast.literal_eval(told["item"])


def with_several_solutions():
    return [one for one in read_questions(QUEENS) if len(item_of(one)["metadata"]["valid_answers"]) > 1]


def boards(question):
    """A right board that is not the gold one, and a wrong one."""
    other = next(board for board in item_of(question)["metadata"]["valid_answers"] if board != question.gold)
    return other, question.gold.replace("Q", "_", 1)


def test_any_solution_of_n_queens_is_right(tasks):
    question = with_several_solutions()[0]
    other, wrong = boards(question)
    assert tasks.right(question.scorer, [question.gold, wrong, other]) == [question.gold, other]
    assert tasks.right(question.scorer, [other.replace("\n", " ")]) == []


def test_any_way_to_count_down_is_right(tasks):
    question = read_questions(COUNTDOWN)[0]
    numbers, target = item_of(question)["metadata"]["numbers"], item_of(question)["metadata"]["target"]
    answers = [
        f"0 + {question.gold}",
        f"({question.gold})",
        str(target),
        "+".join(map(str, numbers)),
        "((",
        question.gold,
    ]
    assert tasks.right(question.scorer, answers) == [f"({question.gold})", question.gold]


def test_what_an_item_holds_reaches_its_scorer_as_it_was(tasks):
    """The scorer of rearc tells tuples from lists, and knights_knaves holds strings of NumPy."""
    for task in ("rearc", "knights_knaves", "futoshiki"):
        for question in read_questions(f"reasoning-gym:{task}?size=2&seed=1"):
            assert tasks.right(question.scorer, [question.gold, "7 of 9"]) == [question.gold]


def test_a_scorer_that_hangs_raises_or_dies_makes_no_answer_right():
    question = read_questions(QUEENS)[0]
    hanging, dying = "all(x == 0 for x in iter(int, 1))", "__import__('os')._exit(1)"
    with TaskScorer(seconds=1) as tasks:
        assert tasks.right(question.scorer, [hanging, dying, question.gold, hanging]) == [question.gold]
        assert (tasks.counts.timeouts, tasks.counts.crashes, tasks.counts.asked) == (1, 1, 3)
        raising = scorer_of("chain_sum", {}, {"question": "?"})
        assert tasks.right(raising, ["1"]) == [] and tasks.counts.errors == 1
        assert "ran into their deadline 1 times and crashed 1 times" in tasks.counts.shortfall


def test_answers_are_scored_within_the_time_of_their_question():
    question = read_questions(QUEENS)[0]
    with TaskScorer(question_seconds=-1) as tasks:
        assert tasks.right(question.scorer, [question.gold, "other"]) == []
        assert (tasks.counts.left_out, tasks.counts.asked) == (2, 0)
        assert "2 answers were left out" in tasks.counts.shortfall
        assert tasks.right(question.scorer, ["other"]) == [] and tasks.counts.left_out == 2
    assert TaskScorer().counts.shortfall == ""


def test_a_process_that_does_not_start_is_told(monkeypatch):
    monkeypatch.setattr("tts_gym.answers.worker.sys.executable", "/bin/false")
    with TaskScorer() as tasks, pytest.raises(TTSGymError, match="does not start"):
        tasks.right("{}", ["1"])


def test_gold_is_checked_by_the_scorer_with_the_rule(tasks):
    question = read_questions(QUEENS)[0]
    assert usual_rule(QUEENS) == "reasoning-gym:n_queens" and usual_rule("owner/name?split=test") == "auto"
    known = question.id, question.gold, question.scorer
    assert check_question(*known, usual_rule(QUEENS), tasks) == question.gold
    with pytest.raises(
        AnswerError, match="question '0'.* when the rule 'auto' finds it again; use the rule 'reasoning-gym:n_"
    ):
        check_question(*known, "auto", tasks)
    assert check_question(*known, "regex:(.*)", tasks) == question.gold


class Solver(Model):
    """Draws the gold board, another right one, or a wrong one."""

    def __init__(self, questions):
        super().__init__()
        self.said = {
            one.question: [f"\\boxed{{\n{board}\n}}" for board in (one.gold, *boards(one))] for one in questions
        }

    def write(self, prompt, rng):
        said = next(said for question, said in self.said.items() if question in prompt)
        return f"Let me see. {said[rng.integers(3)]}"


@pytest.fixture
def collected(tmp_path, monkeypatch):
    """A collection of n-queens with two right answers at least."""
    questions = with_several_solutions()
    solver = Solver(questions)
    monkeypatch.setattr("collectors.test_collect.write", solver.write)
    settings = replace(
        SETTINGS, answers=usual_rule(QUEENS), branches=16, block=16, interval=1000, max_tokens=1000, keep_text=True
    )
    fill(tmp_path / "store", solver, settings, questions)
    return tmp_path / "store", questions


def test_a_collection_of_a_task_is_graded_by_its_scorer(collected, tmp_path, tasks):
    directory, questions = collected
    store = read_store(directory)
    for number, question in enumerate(questions):
        other, wrong = boards(question)
        texts = store.class_texts[number]
        right = {texts[each] for each in store.right_classes(number)}
        assert right == {question.gold, other} and set(texts) == {"ERR", question.gold, other, wrong}
        spellings = explain(str(directory), question.id)
        assert {one.text for one in spellings if one.is_right} == right and not any(one.comparison for one in spellings)
    regrade(str(directory), tmp_path / "again")
    assert same_recordings(store, read_store(tmp_path / "again"))


def test_regrading_without_texts_asks_the_scorer_again(tmp_path):
    question = with_several_solutions()[0]
    other, wrong = boards(question)
    branches = [RecordedBranch(10, [], answer) for answer in (other, wrong, other.lower())]
    kept = RecordedQuestion(question.id, question.question, question.gold, branches, scorer=question.scorer)
    write_store(tmp_path / "store", [kept], METADATA)
    assert regrade(str(tmp_path / "store"), tmp_path / "again") == ""
    assert read_records(tmp_path / "again")[1] == [replace(kept, right=[other])]
    assert explain(str(tmp_path / "again"), question.id)[0].is_right


def test_items_whose_gold_their_scorer_refuses_are_left_out_with_a_count(tmp_path, monkeypatch):
    questions = with_several_solutions()
    solver = Solver(questions)
    monkeypatch.setattr("collectors.test_collect.write", solver.write)
    settings = replace(SETTINGS, answers=usual_rule(QUEENS), interval=1000, max_tokens=1000)
    wrong = replace(questions[0], id="wrong", gold="Q _\n_ _")
    with pytest.warns(UserWarning, match=f"1 of {len(questions) + 1} questions are left out.*'wrong'"):
        fill(tmp_path / "store", solver, settings, [wrong, *questions])
    assert len(read_store(tmp_path / "store")) == len(questions)
    with pytest.raises(AnswerError, match="'wrong'"):
        fill(tmp_path / "none", solver, settings, [wrong])
