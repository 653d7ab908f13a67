import json
import os
import signal
import threading
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from answers.hostile import HOSTILE
from tts_gym.answers import equivalence as equivalence_module
from tts_gym.answers.equivalence import Equivalence
from tts_gym.answers.worker import Failure, Worker, WorkerError
from tts_gym.errors import TTSGymError


@pytest.fixture(scope="module")
def equivalence():
    with Equivalence(seconds=1.0) as shared:
        yield shared


def partition(answers, classes):
    """The sets of answers in one class."""
    return {frozenset(a for a, c in zip(answers, classes, strict=True) if c == number) for number in classes}


def same(equivalence, one, other, gold="nothing"):
    first, second = equivalence.classes([one, other], gold)
    return first == second


@pytest.mark.parametrize(
    "equal",
    [
        ["1/2", "0.5", r"\frac{1}{2}", ".50", r"\dfrac12", "$0.5$"],
        ["1,000", "1000", "1000.0", r"1{,}000", "10^3", "1000.", "１０００"],
        ["-3", "−3", "-6/2"],
        [r"\sqrt{8}", r"2\sqrt{2}", r"\sqrt{4 + 4}"],
        [r"20\sqrt{21}/63", r"\frac{20}{3\sqrt{21}}"],
        ["x^2 + 2x + 1", "(x+1)^2", "(1 + x)^2"],
        [r"2.4 - \frac{t}{60}", r"\frac{144 - t}{60}"],
        ["x=5", "5", "x = 5"],
        ["1, 2", r"\{2, 1\}", "2,1"],
        ["(1,2)", r"\left(1, 2\right)", "1 < x < 2"],
        ["[0, 1/2]", r"\left[0, \frac{1}{2}\right]"],
        [r"\text{Even}", "even", "EVEN."],
        [r"\left\{ 5 \right\}", "5"],
        ["(1, 1/2)", r"(\frac{2}{2}, 0.5)"],
        ["x=1, x=2", "x=2, x=1"],
        ["144", "144 minutes", r"144\text{ minutes}"],
        ["2.236068", r"\sqrt{5}"],
    ],
)
def test_equal_answers_are_one_class(equivalence, equal):
    assert equivalence.classes(equal, "nothing") == [1] * len(equal)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("(1,2)", "[1,2]"), ("(1,2)", "[1,2)"), ("(1,2)", r"\{1,2\}"), ("(2,1)", "(1,2)"), ("(1,2)", "1, 2"),
        ("0.333333", "1/3"), ("9%", "0.09"), ("1 2", "12"), ("1\u20442", "12"), ("x²", "x2"), ("0,5", "5"),
        (r"1.6 \times 10^{-19}", r"9.1 \times 10^{-31}"), (r"10^{-20}\sqrt{2}", r"10^{-20}\sqrt{3}"),
        ("0.0000001", "0.0000002"), ("no", "on"), ("listen", "silent"), (r"\infty", r"-\infty"), ("1e5", "5e1"),
        ("10 million", "10"), ("2 hours and 24 minutes", "24"), ("a", "\N{CYRILLIC SMALL LETTER A}"), ("١", "l"),
        ("x + 1", "y + 1"), ("144 - 48s", "96"), ("5x", "5"), ("x", "y"), ("5$6", "5"),
        ("x=5", "y=5"), ("x=5", "x=6"), ("(1,2)", "(1,3)"), ("1,2", "0,3"), ("x + \\frac{1}{2}\\", "1/2"),
        (r"\sqrt{2}", "1.414"), ("2 + ", "2"),
        (r"\frac{1}{2", r"\frac{1}{2}"), ("NaN", "nan"),
        ("\ud800", "\ud801"), ("5" * 600, "5" * 601),
    ],
)  # fmt: skip
def test_different_answers_are_not_merged(equivalence, one, other):
    assert not same(equivalence, one, other)


def test_intervals_sets_and_tuples_stay_apart_together(equivalence):
    answers = ["(1,2)", "[1,2]", "1,2", "2,1", "(2,1)", r"\{1,2\}", "[1,2)", "1<x<2", r"1 \le x \le 2"]
    assert partition(answers, equivalence.classes(answers, "5")) == {
        frozenset({"(1,2)", "1<x<2"}),
        frozenset({"[1,2]", r"1 \le x \le 2"}),
        frozenset({"1,2", "2,1", r"\{1,2\}"}),
        frozenset({"(2,1)"}),
        frozenset({"[1,2)"}),
    }


def test_the_unit_of_the_correct_answer_is_implied(equivalence):
    answers = ["5", "5 km", "5 meters", "5 kilograms"]
    assert equivalence.classes(answers, "5 km") == [1, 1, 2, 3]
    assert equivalence.classes(answers, "5") == [1, 1, 1, 1]


def test_the_correct_answer_joins_what_equals_it(equivalence):
    assert equivalence.classes(["2.236068", "2.2360679"], "1") == [1, 2]
    assert equivalence.classes(["2.236068", "2.2360679"], r"\sqrt{5}") == [1, 1]


ANSWERS = st.lists(
    st.sampled_from(
        [
            "1/2",
            "0.5",
            r"\frac{2}{4}",
            "x=0.5",
            r"\sqrt{2}",
            r"\frac{2}{\sqrt{2}}",
            "1.414214",
            "x",
            "X",
            "2x",
            "x+x",
            "(1,2)",
        ]
        + [
            "[1,2]",
            "1,2",
            "2,1",
            "1<x<2",
            "yes",
            r"\text{yes}",
            "no",
            "5 km",
            "5",
            "?",
            "ERR",
            "9%",
            "0.09",
            "9",
            r"\frac{1}{0}",
        ]
    )
    | st.integers(-3, 3).map(str)
    | st.text(max_size=4),
    unique=True,
    max_size=9,
)


@given(answers=ANSWERS, gold=st.sampled_from(["1/2", "5 km", "x", "(1,2)"]), random=st.randoms())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_classes_are_a_partition_that_does_not_depend_on_the_order(equivalence, answers, gold, random):
    classes = equivalence.classes(answers, gold)
    assert len(classes) == len(answers)
    assert list(dict.fromkeys(classes)) == list(range(1, len(set(classes)) + 1))
    shuffled = random.sample(answers, len(answers))
    again = equivalence.classes(shuffled, gold)
    assert list(dict.fromkeys(again)) == list(range(1, len(set(classes)) + 1))
    assert partition(shuffled, again) == partition(answers, classes)


@given(one=st.fractions(), other=st.fractions())
def test_numbers_are_equal_as_numbers_are(equivalence, one, other):
    assert same(
        equivalence, str(one), f"{'-' * (other < 0)}\\frac{{{abs(other.numerator)}}}{{{other.denominator}}}"
    ) == (one == other)


def test_exact_answers_start_no_process():
    with Equivalence() as equivalence:
        assert equivalence.classes(["1/2", "0.5", "yes", "Yes", "?"], "3") == [1, 1, 2, 2, 3]
        assert equivalence.counts.asked == 0 and equivalence._worker.starts == 0


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_answers_neither_hang_nor_merge(equivalence, text):
    answers = ["7", r"\sqrt{3}", "yes", text]
    start = time.monotonic()
    classes = equivalence.classes(answers, "7")
    assert time.monotonic() - start < 300
    assert classes[:3] == [1, 2, 3]
    assert classes[3] == 4


@pytest.mark.slow
def test_all_hostile_answers_together(equivalence):
    answers = list(HOSTILE.values())
    classes = equivalence.classes(answers, "7")
    assert len(set(classes)) == len(answers)
    assert equivalence.classes(answers[::-1], "7") == list(range(1, len(answers) + 1))


BOMB = "9^{9^{9^{9}}}"


def test_a_deadline_is_reported_and_the_worker_replaced():
    with Equivalence(seconds=0.5) as equivalence:
        assert equivalence.classes([BOMB, "5", r"\sqrt{25}"], "5") == [1, 2, 2]
        assert equivalence.counts.timeouts == 1 and equivalence.counts.crashes == 0
        assert equivalence._worker.starts == 2


def test_a_killed_worker_is_replaced():
    with Equivalence() as equivalence:
        assert same(equivalence, r"\sqrt{4}", "2")
        os.kill(equivalence._worker.pid, signal.SIGKILL)
        assert same(equivalence, r"\sqrt{9}", "3")
        assert equivalence._worker.starts == 2 and equivalence.counts.crashes == 0


def test_a_worker_killed_at_work_is_tried_again_and_then_given_up():
    worker = Worker()
    stop = threading.Event()

    def kill_whatever_runs():
        while not stop.wait(0.05):
            if worker.pid is not None:
                os.kill(worker.pid, signal.SIGKILL)

    killer = threading.Thread(target=kill_whatever_runs)
    killer.start()
    try:
        with pytest.raises(WorkerError) as error:
            worker.ask("search", "(a+)+$", "a" * 100 + "b", seconds=30)
    finally:
        stop.set()
        killer.join()
        worker.close()
    assert error.value.failure == Failure.CRASH and worker.starts == 2


def test_it_works_in_a_thread_and_ends_its_process():
    results = []

    def run():
        with Equivalence() as equivalence:
            results.append(equivalence.classes([r"\sqrt{4}", "2", BOMB], "2"))
            results.append(equivalence._worker.pid)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(600)
    assert results[0] == [1, 1, 2]
    with pytest.raises(ProcessLookupError):
        os.kill(results[1] or 2**22 + 1, 0)


ASKED = [r"\sqrt{4}", "2", r"\sqrt{2}", "1.414214", "x^2", "x*x"]


def test_what_was_asked_once_is_not_asked_again(tmp_path):
    file = tmp_path / "cache.jsonl"
    with Equivalence(file) as equivalence:
        first = equivalence.classes(ASKED, "2")
        asked = equivalence.counts.asked
        assert asked > 0 and equivalence.classes(ASKED[::-1], "2") is not None
        assert equivalence.counts.asked == asked
    with Equivalence(file) as equivalence:
        assert equivalence.classes(ASKED, "2") == first
        assert equivalence.counts.asked == equivalence._worker.starts == 0


def test_a_cache_survives_damage_anywhere(tmp_path):
    file = tmp_path / "cache.jsonl"
    with Equivalence(file) as equivalence:
        first = equivalence.classes(ASKED, "2")
        asked = equivalence.counts.asked
    data = file.read_bytes()
    file.write_bytes(b'\xff\xfe\n[1]\n{"version": 1}\nnull\n' + data[:-10])
    with Equivalence(file) as equivalence:
        assert equivalence.classes(ASKED, "2") == first
        assert equivalence.counts.asked == 1
    with Equivalence(file) as equivalence:
        assert equivalence.classes(ASKED, "2") == first
        assert equivalence.counts.asked == 0
    assert len(file.read_bytes().splitlines()) == 4 + asked + 1


def test_a_cache_of_other_rules_is_not_used(tmp_path, monkeypatch):
    file = tmp_path / "cache.jsonl"
    with Equivalence(file) as equivalence:
        same(equivalence, r"\sqrt{4}", "2")
        asked = equivalence.counts.asked
    monkeypatch.setattr(equivalence_module, "RULES", -1)
    with Equivalence(file) as equivalence:
        same(equivalence, r"\sqrt{4}", "2")
        assert equivalence.counts.asked == asked
    assert len({json.loads(line)["version"] for line in file.read_text().splitlines()}) == 2


def test_a_cache_that_cannot_be_opened_is_refused(tmp_path):
    with pytest.raises(TTSGymError, match="cannot be opened"):
        Equivalence(tmp_path)


def test_a_worker_that_does_not_start_is_reported(monkeypatch, tmp_path):
    (tmp_path / "math_verify.py").write_text("raise ImportError")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with Equivalence() as equivalence, pytest.raises(TTSGymError, match="does not start"):
        same(equivalence, r"\sqrt{4}", "2")


def test_math_verify_is_asked_for_by_name_where_it_is_missing(monkeypatch):
    monkeypatch.setattr(equivalence_module.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(TTSGymError, match=r"install tts-gym\[collect\]"):
        Equivalence()
