"""Runs: what they keep, what they go on with, and what becomes of questions that cannot be answered."""

import json
import threading
import time
from dataclasses import replace

import pytest
from scripted_model import Script, ScriptedBackend

from tts_gym import load_store
from tts_gym.agents.programs.program import Program
from tts_gym.agents.specs import make_controller, parse_spec
from tts_gym.collectors.questions import Question
from tts_gym.collectors.settings import CollectionSettings
from tts_gym.episode.votes import FINISHED
from tts_gym.errors import LiveError
from tts_gym.live.answering import Solving, answer_all
from tts_gym.live.model import live_model
from tts_gym.live.run import run
from tts_gym.live.settings import LiveSettings

INTERVAL = 10
ASKED = [Question(str(number), f"What is {number} + 1?", str(number + 1)) for number in range(5)]
BRANCHES = {
    question.question: [Script(25, ["9", question.gold], question.gold)] * 5 + [Script(45, ["9"] * 4, "9")] * 3
    for question in ASKED
}


def solve(controller="sc:n=4", backend=None, questions=ASKED, branches=8, ahead=1, at_once=3, solving=None, **where):
    backend = backend or ScriptedBackend(BRANCHES, INTERVAL)
    drawn = CollectionSettings("scripted", "scripted", branches, INTERVAL, max_tokens=100)
    if isinstance(controller, str):
        (controller,) = parse_spec(controller)
    with live_model(backend, LiveSettings(drawn, ahead)) as model:
        return run(questions, Solving(controller, **(solving or {})), model, at_once=at_once, **where)


def test_rows_are_those_of_the_questions():
    rows = solve()
    assert [row["id"] for row in rows] == [question.id for question in ASKED]
    for row, question in zip(rows, ASKED, strict=True):
        assert (row["answer"], row["correct"], row["gold"]) == (question.gold, True, question.gold)
        assert (row["tokens"], row["width"], row["forced"], row["probes"]) == (100, 4, 0, 0)
        assert row["text"] == f"The final answer is \\boxed{{{question.gold}}}."


def test_what_is_answered_is_not_asked_again(tmp_path):
    out = tmp_path / "answers.jsonl"
    first = solve(questions=ASKED[:3], out=out)
    backend = ScriptedBackend(BRANCHES, INTERVAL)
    rows = solve(backend=backend, out=out)
    assert rows[:3] == first
    assert len(backend.requests) == 2 * 4
    assert len(out.read_text().splitlines()) == 5


def test_a_line_that_was_cut_off_is_written_again(tmp_path):
    out = tmp_path / "answers.jsonl"
    solve(out=out)
    out.write_bytes(out.read_bytes()[:-20])
    solve(out=out)
    assert {json.loads(line)["id"] for line in out.read_text().splitlines()} == {question.id for question in ASKED}


def test_answers_of_another_run_are_refused(tmp_path):
    out = tmp_path / "answers.jsonl"
    solve(out=out)
    with pytest.raises(LiveError, match="answers of another run.*--fresh"):
        solve("sc:n=5", out=out)
    assert solve("sc:n=5", out=out, fresh=True)[0]["width"] == 5


def test_a_file_in_which_all_failed_may_become_that_of_another_run(tmp_path):
    out = tmp_path / "answers.jsonl"
    solve(backend=ScriptedBackend(BRANCHES, INTERVAL, fail=lambda request: "it is down"), out=out)
    assert [row["width"] for row in solve("sc:n=5", out=out)] == [5] * 5


def test_a_file_of_something_else_is_left_alone(tmp_path):
    out = tmp_path / "notes.jsonl"
    out.write_text('{"mine": 1}\n')
    for fresh in (False, True):
        with pytest.raises(LiveError, match="something else than answers"):
            solve(out=out, fresh=fresh)
    assert out.read_text() == '{"mine": 1}\n'


def test_a_request_that_fails_is_made_again():
    failing = {}

    def fail(request):
        failing[request.prompt] = failing.get(request.prompt, 0) + 1
        return "the server is busy" if failing[request.prompt] < 3 else None

    assert all(row["correct"] for row in solve("sc:n=1", ScriptedBackend(BRANCHES, INTERVAL, fail=fail)))


def test_a_question_that_cannot_be_answered_has_a_reason_and_is_tried_again(tmp_path):
    out = tmp_path / "answers.jsonl"
    backend = ScriptedBackend(
        BRANCHES, INTERVAL, fail=lambda request: "it is down" if request.prompt[8] == ord("2") else None
    )
    rows = solve(backend=backend, out=out)
    assert [row["error"] is None for row in rows] == [True, True, False, True, True]
    assert "failed 3 times, the last time because it is down" in rows[2]["error"]
    assert solve(out=out)[2]["correct"]


def test_a_program_that_fails_is_a_reason_with_its_line():
    def careless(episode):
        episode.branch()
        return episode.depth(7)

    rows = solve(make_controller(careless))
    assert all("Controller careless failed at test_run.py" in row["error"] for row in rows)


def test_a_budget_holds_whatever_runs_ahead():
    for row in solve("sc:n=8", solving={"budget": 60}, ahead=3):
        assert row["tokens"] <= 60
        assert row["answer"] == row["gold"]


class Stuck(ScriptedBackend):
    """Finishes two branches of each question, and then nothing."""

    def arrived(self):
        if len(self.requests) - len(self._pending.requests) >= 2:
            time.sleep(0.01)
            return []
        return super().arrived()


def test_at_a_deadline_the_best_answer_so_far_is_given():
    backend = Stuck(BRANCHES, INTERVAL)
    begun = time.monotonic()
    (row,) = solve("sc:n=5", backend, ASKED[:1], solving={"deadline": 0.5})
    assert time.monotonic() - begun < 5
    assert (row["ended"], row["answer"]) == ("deadline", None)
    assert not backend._pending.requests


def test_a_deadline_counts_finished_branches():
    def patient(episode):
        episode.read(1)
        episode.read(2)
        while True:
            episode.read(1)
            episode.width_never_changes_here = None

    (row,) = solve(make_controller(patient), questions=ASKED[:1], solving={"deadline": 1.0})
    assert (row["ended"], row["answer"], row["width"]) == ("deadline", ASKED[0].gold, 8)


def test_what_is_given_up_is_cancelled():
    def hasty(episode):
        episode.branch(4)
        episode.finish(0)
        return episode.leader(FINISHED)

    slow = [Script(95, ["9"] * 9, "9")] * 7
    backend = ScriptedBackend({ASKED[0].question: [Script(25, ["9", "1"], "1"), *slow]}, INTERVAL, longest=3, sudden=0)
    (row,) = solve(make_controller(hasty), backend, ASKED[:1], ahead=2)
    assert (row["width"], row["answer"]) == (4, "1") and not backend._pending.requests
    assert 25 + 3 * 10 <= row["generated"] <= 25 + 3 * (3 * INTERVAL + 3)


def test_a_shadow_fills_the_record_and_leaves_the_answer(tmp_path):
    (shadow,) = parse_spec("sc:n=6")
    plain = solve("sc:n=2")
    rows = solve("sc:n=2", solving={"shadow": shadow}, record=tmp_path / "store")
    kept = ("answer", "tokens", "width", "decisions")
    assert [[row[name] for name in kept] for row in rows] == [[row[name] for name in kept] for row in plain]
    store = load_store(tmp_path / "store")
    assert store.branch_counts.tolist() == [6] * 5
    assert store.mean_branch_tokens == pytest.approx((5 * 25 + 45) / 6)


def test_a_record_goes_on_where_it_was_interrupted(tmp_path):
    solve(questions=ASKED[:2], out=tmp_path / "out", record=tmp_path / "early")
    (tmp_path / "out").unlink()
    failing = ScriptedBackend(BRANCHES, INTERVAL)
    stop = threading.Event()

    def watch(progress):
        if progress.done == 2 and not stop.is_set():
            stop.set()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        solve(backend=failing, out=tmp_path / "out", record=tmp_path / "store", watch=watch, at_once=1)
    assert not failing._pending.requests and not (tmp_path / "store").exists()
    solve(out=tmp_path / "out", record=tmp_path / "store")
    assert len(load_store(tmp_path / "store")) == 5
    assert not list(tmp_path.glob("*.recording.jsonl"))


def test_without_gold_nothing_is_right_or_wrong_and_the_majority_is_recorded_for_it(tmp_path):
    asked = [Question("q", ASKED[0].question, "")]
    (row,) = solve(questions=asked, record=tmp_path / "store")
    assert (row["answer"], row["gold"], row["correct"]) == ("1", None, None)
    store = load_store(tmp_path / "store")
    assert store.class_texts[0][store.gold[0]] == "1"
    assert store.metadata["live"]["gold_by_majority"] == 1


def test_a_bound_is_no_controller():
    with pytest.raises(LiveError, match="oracle is no controller but a bound"):
        solve("oracle")


def test_a_signal_that_the_model_does_not_give_is_refused_before_anything_is_spent():
    backend = ScriptedBackend(BRANCHES, INTERVAL)
    backend.signals = type(backend.signals)(**{**vars(backend.signals), "self_certainty": False})
    with pytest.raises(LiveError, match="borda needs the signal self_certainty, which scripted does not give"):
        solve("borda", backend)
    assert not backend.requests


@pytest.mark.parametrize("spec", ["sc:n=4", "asc", "esc", "short-m@k", "single"])
def test_a_model_without_probes_answers_where_branches_end(spec):
    assert all(
        row["correct"] and row["forced"] == 0 for row in solve(spec, ScriptedBackend(BRANCHES, INTERVAL, probes=False))
    )


@pytest.mark.parametrize("spec", ["crew", "cmc", "parallel-probe"])
def test_a_controller_that_needs_probes_is_refused_where_there_are_none(spec):
    backend = ScriptedBackend(BRANCHES, INTERVAL, probes=False)
    with pytest.raises(LiveError, match=f"{spec} looks at answers of branches that go on"):
        solve(spec, backend)
    assert not backend.requests


def test_a_shadow_that_fails_leaves_the_answer(tmp_path):
    def careless(episode):
        episode.branch(6)
        raise ValueError("lost")

    rows = solve("sc:n=2", solving={"shadow": make_controller(careless)}, record=tmp_path / "store")
    assert all(row["correct"] and row["error"] is None for row in rows)
    assert len(load_store(tmp_path / "store")) == 5


def test_a_conversation_that_was_given_up_is_not_gone_on_with(tmp_path):
    def fickle(episode):
        episode.branch(2)
        episode.prune(0)
        episode.finish(1)
        return episode.leader(FINISHED)

    backend = ScriptedBackend(BRANCHES, INTERVAL, longest=3, sudden=0, probes=False)
    (shadow,) = parse_spec("sc:n=2")
    controller = make_controller(Program("fickle", fickle, probes=False))
    rows = solve(controller, backend, solving={"shadow": shadow}, record=tmp_path / "store")
    assert all(row["correct"] and row["error"] is None for row in rows)
    assert len(backend.requests) == 2 * 5
    assert load_store(tmp_path / "store").tables.tokens.max() == 25


@pytest.mark.parametrize("seed", range(8))
def test_a_branch_that_has_no_room_left_has_ended(seed):
    def stepping(episode):
        episode.branch(1)
        while episode.advance(0, 1):
            pass
        return episode.leader(FINISHED)

    scripts = {ASKED[0].question: [Script(200, ["9"] * 2 + ["1"] * 20, "9")]}
    backend = ScriptedBackend(scripts, INTERVAL, seed, longest=200, sudden=0)
    drawn = CollectionSettings("scripted", "scripted", 1, INTERVAL, max_tokens=30)
    with live_model(backend, LiveSettings(drawn, 1)) as model:
        (row,) = run(ASKED[:1], Solving(make_controller(stepping)), model)
    assert (row["error"], row["answer"], row["tokens"]) == (None, "1", 30)


def test_a_question_that_is_put_as_the_run_is_interrupted_ends_too():
    gate = threading.Event()
    backend = Stuck(BRANCHES, INTERVAL)
    chat = backend.tokenizer.chat

    def halting(messages, **options):
        assert "0" in messages[-1]["content"] or gate.wait(10)
        return chat(messages, **options)

    backend.tokenizer.chat = halting
    drawn = CollectionSettings("scripted", "scripted", 8, INTERVAL, max_tokens=100)
    with live_model(backend, LiveSettings(drawn)) as model:
        answered = answer_all(ASKED[:2], Solving(parse_spec("sc:n=1")[0], deadline=30), model, 2)
        assert next(answered).answer.answer == ASKED[0].gold
        begun = time.monotonic()
        threading.Timer(0.3, gate.set).start()
        answered.close()
        assert time.monotonic() - begun < 5
    assert not backend._pending.requests


class Wordy(ScriptedBackend):
    """Gives more tokens than it is asked for, as where they are read back from a text."""

    def _completion(self, request):
        if request.sampling.temperature > 0:
            sampling = replace(request.sampling, max_tokens=2 * request.sampling.max_tokens)
            request = replace(request, sampling=sampling)
        return super()._completion(request)


@pytest.mark.parametrize("probes", [True, False])
@pytest.mark.parametrize("spec", ["sc:n=3", "asc", "short-m@k"])
def test_no_branch_is_longer_than_it_may_be(spec, probes, tmp_path):
    scripts = {ASKED[0].question: [Script(200, ["1"] * 20, "1")] * 8}
    backend = Wordy(scripts, INTERVAL, longest=7, sudden=0.05, probes=probes)
    drawn = CollectionSettings("scripted", "scripted", 8, INTERVAL, max_tokens=60)
    with live_model(backend, LiveSettings(drawn)) as model:
        (row,) = run(ASKED[:1], Solving(parse_spec(spec)[0]), model, record=tmp_path / "store")
    assert row["error"] is None
    assert load_store(tmp_path / "store").tables.tokens.max() == 60


class Wakeful(ScriptedBackend):
    """Remembers that it was woken until it next looks what has arrived."""

    woken = False

    def wake(self):
        self.woken = True

    def arrived(self):
        self.woken = False
        return super().arrived()


def test_a_backend_is_left_as_it_was():
    backend = Wakeful(BRANCHES, INTERVAL)
    assert all(row["correct"] for row in solve(backend=backend))
    assert not backend.woken
