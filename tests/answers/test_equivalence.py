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


def starts(equivalence):
    """Processes started so far."""
    return sum(worker.starts for worker in equivalence._pool.workers)


@pytest.fixture(scope="module")
def equivalence():
    with Equivalence(seconds=1.0) as shared:
        yield shared


def partition(answers, classes):
    """The sets of answers in one class."""
    return {frozenset(a for a, c in zip(answers, classes, strict=True) if c == number) for number in classes}


def same(equivalence, one, other, gold=None):
    first, second = equivalence.classes([one, other], other if gold is None else gold)
    return first == second


@pytest.mark.parametrize(
    "equal",
    [
        ["1/2", "0.5", r"\frac{1}{2}", ".50", r"\dfrac12", "$0.5$", "50%", "half", "½"],
        ["1,000", "1000", "1000.0", r"1{,}000", "10^3", "1000.", "１０００", "10³", "1 000", "one thousand"],
        ["-3", "−3", "-6/2"],
        [r"\sqrt{8}", r"2\sqrt{2}", r"\sqrt{4 + 4}", "2√2", "2*sqrt(2)"],
        [r"20\sqrt{21}/63", r"\frac{20}{3\sqrt{21}}"],
        ["x^2 + 2x + 1", "(x+1)^2", "(1 + x)^2", "x²+2x+1", "x**2+2*x+1"],
        [r"2.4 - \frac{t}{60}", r"\frac{144 - t}{60}"],
        ["5", "x=5", "x = 5"],
        ["1, 2", r"\{2, 1\}", "2,1", "x=1 or x=2", "1 and 2"],
        ["(1,2)", r"\left(1, 2\right)", "1 < x < 2", r"x \in (1,2)"],
        [r"(-\infty,-1)\cup(1,\infty)", "|x|>1", r"x<-1 \text{ or } x>1"],
        ["[0, 1/2]", r"\left[0, \frac{1}{2}\right]"],
        [r"\text{Even}", "even", "EVEN."],
        [r"\left\{ 5 \right\}", "5"],
        ["(1, 1/2)", r"(\frac{2}{2}, 0.5)"],
        ["x=1, x=2", "x=2, x=1"],
        ["144", "144 minutes", r"144\text{ minutes}"],
        [r"\sqrt{5}", "2.236068", "2.236"],
        ["1/3", "0.3333333333", "0.3333", r"0.\overline{3}"],
        ["60", r"60^\circ", "60°", "60 degrees"],
        ["5 m", r"5\text{ m}", "500 cm", "5 meters", "5"],
        [r"\$5", "5 dollars", "500 cents"],
        ["2.5 hours", "2 hours 30 minutes", "150 minutes"],
        ["15:30", "3:30 PM", "3:30 p.m."],
        ["2024-01-05", "January 5, 2024", "5 Jan 2024"],
        ["255", "0xff", "0xFF"],
        ["1011_2", "1011", "0b1011"],
        ["C", "(C)", r"\textbf{(C)}\ 12", "option c"],
        ["2x+4y-3=0", r"y=-\frac12 x+\frac34", "4x+8y=6"],
        ["2:3", "4:6", "2 : 3"],
        [r"\begin{pmatrix}1&2\\3&4\end{pmatrix}", "[[1,2],[3,4]]"],
        ["1+i\\sqrt3", r"2(\cos 60^\circ + i\sin 60^\circ)"],
        ["1 000 000", "1000000", "1,000,000", r"1\,000\,000", "10^6"],
        ["12 050.5", "12050.5"],
        ["H2O", "H_2O", "H_{2}O", r"\text{H}_2\text{O}", r"\mathrm{H_2O}", r"\ce{H2O}", "H₂O"],
        ["NaHCO_3", "NaHCO3", "NaHCO_{3}"],
        [r"\{\}", r"\emptyset", "∅", r"\varnothing", r"\{ \}", r"\left\{\right\}"],
        ["1", "#1", "# 1"],
        ['{"a": 1, "b": {"c": "Up", "d": null}}', '{"b":{"d":null,"c":"up"},"a":1}'],
    ],
)
def test_equal_answers_are_one_class(equivalence, equal):
    assert equivalence.classes(equal, equal[0]) == [1] * len(equal)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("(1,2)", "[1,2]"), ("(1,2)", "[1,2)"), ("(1,2)", r"\{1,2\}"), ("(2,1)", "(1,2)"), ("(1,2)", "1, 2"),
        ("0.333", "1/3"), ("0.3334", "1/3"), ("1.99", "2"), ("0.33333", "0.3333"), ("3.1415", r"\pi"), ("9%", "0.9"),
        ("0.28%", "28"), ("1 2", "12"), ("1\u20442", "12"), ("x²", "x2"), ("0,5", "5"),
        (r"1.6 \times 10^{-19}", r"9.1 \times 10^{-31}"), (r"10^{-20}\sqrt{2}", r"10^{-20}\sqrt{3}"),
        ("0.0000001", "0.0000002"), ("10^{-400}", "10^{-500}"), (r"\frac{1}{2004!}", r"\frac{1}{2006!}"),
        (r"\sqrt{2}+10^{-400}", r"\sqrt{2}"), ("3^{2020}-1", "3^{2020}"), ("123456789012345678", "123456789012345679"),
        ("no", "on"), ("listen", "silent"), ("AB", "BA"), (r"\infty", r"-\infty"), ("1e5", "5e1"), ("yes", "true"),
        ("10 million", "10"), ("2 hours and 24 minutes", "24"), ("a", "\N{CYRILLIC SMALL LETTER A}"), ("١", "l"),
        ("x + 1", "y + 1"), ("144 - 48s", "96"), ("5x", "5"), ("x", "y"), ("5$6", "5"), ("|x|", "x"), ("x", "X"),
        (r"\sqrt{x^2}", "x"), ("f(2)", "f(3)"), ("x_1", "x_2"),
        ("x=5", "y=5"), ("x=5", "x=6"), ("y=2x+3", "y=3x+2"), ("(1,2)", "(1,3)"), ("1,2", "0,3"), ("1,1,2", "1,2"),
        ("x + \\frac{1}{2}\\", "1/2"), ("2 + ", "2"), ("10-20", "-10"), ("5-8", "-3"), ("3", r"\pm 3"),
        (r"\frac{1}{2", r"\frac{1}{2}"), ("NaN", "nan"), ("\ud800", "\ud801"), ("5" * 600, "5" * 601),
        ("0x15a5a", "0x1d6b0"), ("3 4", "4 3"), ("1 2 3 4", "1 3 2 4"), ("_ Q _ _", "Q _ _ _"), ("e4 e5", "e5 e4"),
        ("2024-01-05", "2024-02-04"), ("1/3/2024", "3/1/2024"), ("192.168.0.1", "192.168.1.0"), ("2516_8", "2516_9"),
        ("A, B, C", "C, B, A"), ("3:30 AM", "15:30"), ("2:3", "3:2"), ("5 km", "5 m"), ("5 apples", "5 oranges"),
        ("£5", r"\$5"), ("12 cm^2", "12 cm^3"), ("60^\\circ", r"\frac{\pi}{3}"), ("x>3", r"x \ge 3"), ("(B) 12", "C"),
        (r"\begin{pmatrix}1&2\\3&4\end{pmatrix}", r"\begin{pmatrix}1&3\\2&4\end{pmatrix}"), ("1,2,3", "1,2,3,4"),
        (r"1,2,\ldots,n", r"1,3,\ldots,n"), ("1 000 000", "1 000 001"),
        ("300 200 100", "100 200 300"), ("1 000 2", "10002"), ("H2O", "HO2"), ("CO2", "CO"), ("CO2", "Co2"),
        ("C6H12O6", "C6H12O5"), ("x2", "x_2"), ("BC16", "188"), (r"\emptyset", "0"), (r"\emptyset", r"\{0\}"),
        (r"\{\emptyset\}", r"\emptyset"), (r"\{x\}", r"\{\}"), ("#2", "1"), ("#1 2", "12"),
        ('{"a": 1, "b": 2}', '{"a": 2, "b": 1}'), ('{"a": [1, 2]}', '{"a": [2, 1]}'), ('{"a": 1}', '{"a": "1"}'),
        ('{"a": 1, "b": 2}', '{"a": 1}'), ('{"a": 1, "a": 2}', '{"a": 2}'),
        ("I_{10}", "I_{1}"),
        ("I10", "I1"),
        (r"\gamma_1 + x", r"\gamma_2 + x"),
    ],
)  # fmt: skip
def test_different_answers_are_not_merged(equivalence, one, other):
    assert not same(equivalence, one, other)
    assert not same(equivalence, other, one)


def test_intervals_sets_and_tuples_stay_apart_together(equivalence):
    answers = ["(1,2)", "[1,2]", "1,2", "2,1", "(2,1)", r"\{1,2\}", "[1,2)", "1<x<2", r"1 \le x \le 2"]
    assert partition(answers, equivalence.classes(answers, "5")) == {
        frozenset({"(1,2)", "1<x<2"}),
        frozenset({"[1,2]", r"1 \le x \le 2"}),
        frozenset({"1,2", "2,1", r"\{1,2\}"}),
        frozenset({"(2,1)"}),
        frozenset({"[1,2)"}),
    }


def test_what_the_correct_answer_shows_is_implied(equivalence):
    answers = ["5", "5 km", "5 meters", "5 kilograms"]
    assert equivalence.classes(answers, "5 km") == [1, 1, 2, 3]
    assert equivalence.classes(answers, "5") == [1, 1, 1, 1]
    assert equivalence.classes(["5", "x=5", "y=5"], "x=7") == [1, 1, 2]
    assert equivalence.classes(["11", "11_2", "11_8"], "101_2") == [1, 1, 2]
    assert equivalence.classes(["0.3", "30%", "30"], "0.28") == [1, 1, 2]
    assert equivalence.classes(["0.3", "30%", "30"], "28") == [1, 2, 2]


def test_a_row_of_numbers_is_no_number_with_spaces_between_thousands(equivalence):
    assert not same(equivalence, "100200300", "100 200 300")
    assert not same(equivalence, "123456", "123 456")
    assert same(equivalence, "123456", "123,456") and same(equivalence, "100000", "100 000")


def test_a_text_is_compared_as_text_where_text_is_asked_for(equivalence):
    assert equivalence.classes(["1 2 3", "1  2  3", "3 2 1"], "2 1 3") == [1, 1, 2]
    assert equivalence.classes(["Anna", "anna.", "1/2", "0.5"], "Bert") == [1, 1, 2, 3]


def test_the_correct_answer_joins_what_equals_it(equivalence):
    assert equivalence.classes(["2.236068", "2.2360680"], "1") == [1, 1]
    assert equivalence.classes(["2.236068", "2.23606798"], "1") == [1, 2]
    assert equivalence.classes(["2.236068", "2.23606798"], r"\sqrt{5}") == [1, 1]


def test_a_rounded_value_of_several_is_of_none_but_the_correct_one(equivalence):
    answers = ["0.3333", r"\frac{33331}{100000}", "1/3"]
    assert equivalence.classes(answers, "7") == [1, 2, 3]
    assert equivalence.classes(answers, "1/3") == [1, 2, 1]


def test_joins_say_by_which_comparison(equivalence):
    answers = ["1/2", "0.5", "x^2+2x", "x(x+2)", "yes", "Yes", "28%", "0.3333", r"\frac{1}{3}", "5", "x=5"]
    joins = {(join.one, join.other): join.comparison for join in equivalence.joins(answers, "0.28")}
    assert joins == {
        ("1/2", "0.5"): "value",
        ("x^2+2x", "x(x+2)"): "expanded",
        ("yes", "Yes"): "text",
        ("0.3333", r"\frac{1}{3}"): "rounding",
        ("5", "x=5"): "spelling",
    }
    assert equivalence.joins(["28", "0.28"], r"28\%")[0].comparison == "as the gold answer shows"


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
        + [
            "5000 m",
            "0x15a5a",
            "2516_8",
            "2024-01-05",
            "January 5, 2024",
            "15:30",
            "3:30 PM",
            "3 4",
            "4 3",
            "2:3",
            r"\{2, 1\}",
            r"[0, \infty)",
            r"x \ge 0",
            "y = 2x",
            r"\begin{pmatrix} 1 & 2 \\ 3 & 4 \end{pmatrix}",
            "(B) 12",
            r"60^\circ",
        ]
    )
    | st.integers(-3, 3).map(str)
    | st.text(max_size=4),
    unique=True,
    max_size=9,
)
GOLDS = ["1/2", "5 km", "x", "(1,2)", "2024-01-05", "15:30", "3 4", "0x15a5a", "B", r"x \ge 0", r"60^\circ"]


@given(answers=ANSWERS, gold=st.sampled_from(GOLDS), random=st.randoms())
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
        assert equivalence.counts.asked == 0 and starts(equivalence) == 0


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


BOMB = r"\sum_{n=1}^{10^{7}} \sin(n^2)"


def test_a_deadline_is_reported_and_the_worker_replaced():
    with Equivalence(seconds=0.5) as equivalence:
        assert equivalence.classes([BOMB, "5", r"\sqrt{25}"], "5") == [1, 2, 2]
        assert equivalence.counts.timeouts == 1 and equivalence.counts.crashes == 0
        assert starts(equivalence) <= len(equivalence._pool.workers) + 1


def test_a_killed_worker_is_replaced():
    with Equivalence() as equivalence:
        assert same(equivalence, r"\sqrt{4}", "2")
        before = starts(equivalence)
        for worker in equivalence._pool.workers:
            if worker.pid is not None:
                os.kill(worker.pid, signal.SIGKILL)
        assert same(equivalence, r"\sqrt{9}", "3")
        assert starts(equivalence) > before and equivalence.counts.crashes == 0


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
            results.append([worker.pid for worker in equivalence._pool.workers if worker.pid is not None])

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(600)
    assert results[0] == [1, 1, 2]
    for pid in results[1]:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


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
        assert equivalence.counts.asked == starts(equivalence) == 0


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
