"""What a candidate must not do is refused before it runs, with the line."""

import re
from pathlib import Path

import pytest
from refused import (
    ADDING,
    BEYOND,
    BY_HEART,
    HEAD,
    LARGER,
    LENGTHS,
    NAMES,
    NOT_PYTHON,
    TWICE,
    UNBOUND,
    UNPAID,
    program,
)

from tts_gym.agents.programs import PROGRAMS
from tts_gym.discovery.packed import opened
from tts_gym.discovery.programs import LINES, is_knobbed, source_of
from tts_gym.sandbox.candidate import CandidateError, read_candidate
from tts_gym.sandbox.size import DIGITS, MOST_LISTED, MOST_NUMBERS, MOST_PARTS

FIRST = program("").count("\n") + 1
"""Line of a body's first line."""

ARCHIVES = Path(__file__).parents[2] / "benchmarks" / "results" / "discovery"


def refusal(source):
    with pytest.raises(CandidateError) as caught:
        read_candidate(source)
    text = str(caught.value)
    assert text.isascii() and "\n" not in text and len(text) < 700
    return text


@pytest.mark.parametrize("name", BEYOND)
def test_what_could_leave_an_array_is_refused(name):
    assert re.match(r"line \d+: ", refusal(program(BEYOND[name], ADDING if "add(" in BEYOND[name] else "")))


@pytest.mark.parametrize("name", UNBOUND)
def test_a_variable_without_a_value_is_refused_where_it_is_read(name):
    body, line = UNBOUND[name]
    assert refusal(program(body)).startswith(f"line {FIRST + line - 1}: ")
    assert "may have no value here" in refusal(program(body))


@pytest.mark.parametrize("name", BY_HEART)
def test_knowing_lengths_by_heart_is_refused(name):
    refusal(program(BY_HEART[name]))


@pytest.mark.parametrize("name", NOT_PYTHON)
def test_what_python_does_not_take_as_a_whole_is_refused(name):
    assert re.match(r"line \d+: this is not Python: ", refusal(NOT_PYTHON[name]))


@pytest.mark.parametrize("name", TWICE)
def test_an_argument_is_given_once(name):
    assert re.match(r"line \d+: .* twice", refusal(program(*TWICE[name])))


@pytest.mark.parametrize("name", LARGER)
def test_whole_numbers_of_more_than_64_bits_are_refused(name):
    assert "a whole number of more than 64 bits" in refusal(program(LARGER[name]))


def test_the_schedule_which_is_not_compiled_may_have_larger_ones():
    assert read_candidate(program("return n").replace("30 * beta", "2**64 * 2**-63 * beta")).audited


@pytest.mark.parametrize("name", UNPAID)
def test_what_was_not_paid_for_has_no_name(name):
    assert re.match(r"line \d+: there is no (attribute|method) ", refusal(program(f"return episode.{name}")))


@pytest.mark.parametrize("name", NAMES)
def test_a_name_that_misleads_is_refused(name):
    assert re.match(r"line \d+: ", refusal(program(f"{NAMES[name]}\nreturn 1")))


def test_what_is_nested_too_deeply_is_refused():
    for body in ["x = " + "-" * 60_000 + "1", "x = " + "n + " * 15_000 + "1", "x = " + "n + " * 900 + "1"]:
        assert "nested too deeply" in refusal(program(f"{body}\nreturn 1"))


def test_what_python_warns_of_is_not_shown(recwarn):
    assert read_candidate('"""\\d \\\x1b"""\n' + program("return n")).audited
    assert not recwarn.list


@pytest.mark.parametrize(
    "body",
    [
        "if n > 3:\n    w = 1\nelse:\n    w = 2\nreturn w",
        "if n > 3:\n    return 1\nelse:\n    w = 2\nreturn w",
        "while True:\n    w = 1\n    if n > w:\n        break\nreturn w",
        "for i in range(n):\n    if i > 3:\n        continue\n    w = i\n    n = w\nreturn n",
        "while True:\n    if n > 3:\n        return 1\n    n += 1",
        "w = 0\nfor w in range(n):\n    pass\nreturn w",
        "w: int = 3\nreturn w",
        "a, b = 1, np.ones(3)\nb[0], a = a, 2\nreturn a",
        "a = b = 1\nreturn a + b",
        "x = []\nfor i in range(n):\n    x.append(i)\nreturn len(x) + x[0]",
        "x = np.ones(3)\nx += 1\nx[1:] *= 0.5\nx[0] -= n\nreturn int(x[0])",
        "x = np.array([1, 2, 3])\nx[1:] = x[:-1] + 1\nreturn x[x > 1].size",
    ],
)
def test_a_variable_with_a_value_is_not(body):
    assert read_candidate(program(body)).audited


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("x = np.ones(3)\nif x > 1:\n    return 1\nreturn 2", "a condition is true or false, but x > 1 is an array"),
        ("x = ~n\nreturn x", "~ is for arrays"),
        ("return schedule(0.5)[0]", "schedule gives the arguments of program: nothing else calls it"),
        ("x = [1]\nwhile x:\n    x.pop()\nreturn 2", "a condition is true or false, but x is a list"),
        ("x = episode.note('a', 1)\nreturn 2", "x cannot hold nothing"),
        ("return np.ones(3)", "program returns the code of an answer"),
        ("if n > 3:\n    return 1", "program returns a number in one place and nothing in another"),
        ("x = (1, 2)\nreturn x[2]", "the tuple has 2 parts"),
        ("x = (1, (2, 3))\nreturn 1", "a tuple cannot hold a tuple"),
        ("a, b = 1, 2, 3\nreturn a", "a tuple does not fit 2 variables"),
        ("return np.where(np.ones(3), 1)[0]", "np.where takes 3 arguments, not 2"),
        ("return np.sum(n)", "an argument of np.sum is a number: it must be an array"),
        ("return episode.votes(ALL).append(1)", "an array has no method append"),
        ("return n.size", "a number has no attribute size"),
        ("episode.note(n, 1)\nreturn 1", "named by text"),
        ("episode.note('\\x1b[2J', 1)\nreturn 1", "named by text"),
        ("episode.note('a' * 3, 1)\nreturn 1", "named by text"),
        ("ñ = 1\nreturn ñ", "letters of ASCII"),
        (f"{'x' * 65} = 1\nreturn 1", "up to 64 letters"),
        ("x = 1\n" * (MOST_PARTS // 4) + "return 1", f"at most {MOST_PARTS}"),
    ],
)
def test_what_does_not_fit_is_told(body, words):
    assert words in refusal(program(body))


def test_numbers_are_counted_and_small_ones_are_free():
    def naming(numbers):
        return "".join(f"X{place} = {number}\n" for place, number in enumerate(numbers)) + program("return 0 + 1 - 2")

    beside = HEAD.count("30")
    assert read_candidate(naming(range(3, 3 + MOST_NUMBERS - beside))).audited
    assert f"has {MOST_NUMBERS + 1} numbers" in refusal(naming(range(3, 4 + MOST_NUMBERS - beside)))
    assert f"has {2 * 40 + beside} numbers" in refusal(naming(["9" * (DIGITS + 1)] * 40))


def test_a_table_ends_at_its_limit():
    assert read_candidate(program(f"t = np.array({LENGTHS[:MOST_LISTED]})\nreturn t[n]")).audited


def test_too_many_kinds_of_arguments_are_refused():
    halves = "\n\n".join(
        f"def f{k + 1}(a, b, c, d, e, f):\n    return f{k}(b, a, c, e, d, f) + f{k}(a, [1], d, b, np.ones(1), f)"
        for k in range(30)
    )
    helpers = f"def f0(a, b, c, d, e, f):\n    return 1\n\n\n{halves}\n\n\n"
    assert "too many kinds" in refusal(program("return f30(1, 2, 3, 4, 5, (1, 2))", helpers))


@pytest.mark.parametrize("name", [*LINES, *(name for name, each in PROGRAMS.items() if is_knobbed(each))])
def test_shipped_programs_are_allowed(name):
    assert read_candidate(source_of(name)[1]).audited


def test_archived_programs_are_allowed():
    sources = []
    for file in ARCHIVES.glob("*.tar.xz"):
        with opened(file) as archive:
            sources += [proposal.source for proposal in archive.history().proposals.values()]
    assert len(sources) > 60
    for source in filter(None, sources):
        assert read_candidate(source).audited


def test_annotations_and_any_name_of_a_helper_are_fine():
    helpers = "def Program(episode: Episode, i: int, x: np.ndarray) -> float:\n    return episode.depth(i) + x[0]\n\n\n"
    assert read_candidate(program("return int(Program(episode, 0, x=np.ones(3)))", helpers)).audited


@pytest.mark.parametrize("annotation", ["np.ctypeslib.load_library", "'x'", "int if 1 else 2", "f()", "_x", "__name__"])
def test_an_annotation_names_no_library(annotation):
    for helpers, body in [(f"def f(x: {annotation}):\n    return 1\n\n\n", "return 1"), ("", f"x: {annotation} = 1")]:
        assert "an annotation is the name of a type" in refusal(program(f"{body}\nreturn 1", helpers))
