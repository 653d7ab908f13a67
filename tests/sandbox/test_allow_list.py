"""The allow-list: what it lets through, and what it refuses with the line."""

import ast
import builtins
import re

import pytest
from candidates import READER, SOLVER, shipped_cmc
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tts_gym.sandbox.candidate import LONGEST, CandidateError, read_candidate
from tts_gym.sandbox.vocabulary import BUILTINS, CONSTANTS, MODULES

HEAD = "def schedule(beta):\n    return {}\n\n\n"


def program(*lines):
    """A candidate whose program has these lines; the first one is line 6."""
    return HEAD + "def program(episode):\n" + "".join(f"    {line}\n" for line in lines)


def refusal(source):
    with pytest.raises(CandidateError) as caught:
        read_candidate(source)
    text = str(caught.value)
    assert "\n" not in text and len(text) < 1000
    return text


def test_programs_are_audited_and_classes_are_not():
    for source in (READER, shipped_cmc()):
        assert read_candidate(source).audited
    candidate = read_candidate(SOLVER)
    assert not candidate.audited
    assert re.fullmatch("[0-9a-f]{64}", candidate.digest)


@pytest.mark.parametrize(
    "line",
    [
        "import os",
        "from os import path",
        "x = __import__('os')",
        "x = open('/etc/passwd')",
        "x = eval('1')",
        "exec('1')",
        "x = compile('1', '', 'eval')",
        "x = globals()",
        "x = getattr(episode, 'tables')",
        "x = print",
        "print(1)",
        "x = type(episode)",
        "x = id(episode)",
        "x = episode.tables",
        "x = episode.count[0]",
        "x = episode.class_of[0]",
        "x = episode._episode",
        "x = episode.__class__",
        "x = episode.branch",
        "x = episode.branch.__func__",
        "episode.width = 3",
        "episode.note = 3",
        "del episode.width",
        "global x",
        "nonlocal x",
        "x = [i for i in range(3)]",
        "x = {i for i in range(3)}",
        "x = {i: i for i in range(3)}",
        "x = sum(i for i in range(3))",
        "x = lambda: 1",
        "def inner(): pass",
        "class Inner: pass",
        "x = 'text'",
        "x = b'bytes'",
        "x = f'{episode}'",
        "x = 1j",
        "x = ...",
        "x = None",
        "x = 9223372036854775808",
        "x = (y := 3)",
        "x = [*range(3)]",
        "x = max(*[1, 2])",
        "x = max(**{})",
        "x = {1: 2}",
        "x = {1, 2}",
        "x = episode is episode",
        "x = 1 in [1]",
        "x = 1 @ 2",
        "try: pass\n    except: pass",
        "with episode: pass",
        "raise ValueError",
        "assert episode.width",
        "yield 1",
        "await episode",
        "match episode:\n        case _: pass",
        "for i in range(3): pass\n    else: pass",
        "while episode.width < 3: pass\n    else: pass",
        "async def f(): pass",
        "return program(episode)",
        "return later(episode)",
        "x = np.empty(3)",
        "x = np.random.rand()",
        "x = np.load(3)",
        "x = np.lib",
        "x = np",
        "x = np.zeros",
        "x = np.zeros.__globals__",
        "x = math.factorial(10)",
        "x = math",
        "np = 3",
        "len = 3",
        "FINISHED = 3",
        "schedule = 3",
        "_x = 3",
        "__builtins__ = 3",
        "x = __builtins__",
        "x = __name__",
        "x = unknown",
        "for np in range(3): pass",
        "x = (1).real",
        "x = 'a'.join([])",
        "x = [].sort.__self__",
        "x = schedule",
        "x = max",
        "episode.width",
        "x: __import__('os') = 3",
        "x: 'text' = 3",
        "episode.note(beta, 3)",
        "x = episode.votes('ALL')",
        "x = [1].extend([2])",
        "x = range(3).__len__()",
        "x = (max)(1, 2)(3)",
        "x = [max][0](1)",
        "return 'A'",
    ],
)
def test_a_line_is_refused_by_its_number(line):
    assert re.match(r"line [67]: ", refusal(program("x = 0", line).replace("    x = 0\n", "", 1)))


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("", "defines schedule"),
        ("def schedule(beta):\n    return {}\n", "defines schedule"),
        ("x = (", "line 1: this is not Python"),
        ("x = 1\n  y = 2", "line 2: this is not Python"),
        ("\0", "null bytes"),
        ("\ud800", "not text"),
        ("x = 1\n" * LONGEST, f"write at most {LONGEST}"),
        ("x = " + "-" * 20_000 + "1", ""),
        ("x = " + "(" * 3000 + ")" * 3000, ""),
        (program("return " + "+".join(["1"] * 20_000)), ""),
        ("import numpy as np\n" + program("return -1"), "line 1: import is not allowed here: math, np, FINISHED"),
        ("x = [1]\n" + program("return -1"), "line 1: outside functions only numbers"),
        ("x = 1\nx = 2\n" + program("return -1"), "line 2: x has a meaning already"),
        ("print(1)\n" + program("return -1"), "line 1: expr is not allowed here"),
        ("@max\n" + program("return -1"), "line 2: decorators"),
        (program("return -1").replace("(episode)", "(episode, *rest)"), "line 5: program takes plain arguments"),
        (program("return -1").replace("(episode)", "(episode, n=max)"), "line 5: the default"),
        (
            program("return -1").replace("(episode)", "(episode, n=3)"),
            "line 5: the arguments of program have no defaults",
        ),
        (program("return -1").replace("(episode)", "()"), "line 5: program takes the episode"),
        (program("return -1").replace("(episode)", "(np)"), "line 5: np has a meaning"),
        (program("return -1").replace("(beta)", "(beta, gamma)"), "line 1: schedule takes one argument"),
        (program("return -1").replace("(beta)", "()"), "line 1: schedule takes one argument"),
        (program("return -1").replace("{}", "{1: 2}"), "line 2: the keys of the dict"),
        (program("return -1").replace("{}", "{**beta}"), "the keys of the dict"),
        (program("return -1").replace("{}", "{'a': 'b'}"), "line 2: the constant 'b'"),
    ],
)
def test_a_file_that_is_no_candidate_is_refused(source, words):
    assert words in refusal(source)


def test_what_is_listed_exists():
    assert all(hasattr(builtins, name) for name in BUILTINS)
    for module, names in MODULES.items():
        found = __import__({"np": "numpy"}.get(module, module))
        assert all(callable(getattr(found, name)) for name in names)
        assert all(hasattr(found, name) for name in CONSTANTS[module])


NAMES = st.sampled_from(
    ["episode", "x", "np", "math", "open", "__import__", "_x", "getattr", "schedule", "program", "FINISHED", "max"]
)
ATTRIBUTES = st.sampled_from(
    ["branch", "width", "tables", "__class__", "_episode", "zeros", "load", "sum", "pi", "f_back"]
)
EXPRESSIONS = st.recursive(
    NAMES | st.sampled_from(["1", "0.5", "'s'", "None", "[]", "{}", "f'{x}'"]),
    lambda part: st.one_of(
        st.builds("{}.{}".format, part, ATTRIBUTES),
        st.builds("{}({})".format, part, part),
        st.builds("({} + {})".format, part, part),
        st.builds("{}[{}]".format, part, part),
        st.builds("[{} for x in {}]".format, part, part),
        st.builds("(lambda: {})".format, part),
        st.builds("({} if {} else {})".format, part, part, part),
    ),
    max_leaves=8,
)


@settings(max_examples=500, deadline=None)
@given(EXPRESSIONS)
@example("max(1, episode.width)")
def test_what_is_let_through_names_nothing_but_what_is_listed(expression):
    source = program("x = 1", f"x = {expression}", "return -1")
    try:
        read_candidate(source)
    except CandidateError as error:
        assert "\n" not in str(error)
        return
    for node in ast.walk(ast.parse(source)):
        assert not isinstance(node, (ast.Lambda, ast.ListComp, ast.JoinedStr, ast.Import))
        if isinstance(node, ast.Attribute):
            assert not node.attr.startswith("_") and node.attr not in ("tables", "load", "f_back")
        if isinstance(node, ast.Name):
            assert node.id in ("episode", "x", "np", "math", "FINISHED", "max", "schedule", "beta")
        if isinstance(node, ast.Constant):
            assert isinstance(node.value, (int, float))


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=200) | st.binary(max_size=100).map(lambda data: data.decode("latin-1")))
def test_any_text_is_read_or_refused_in_one_line(text):
    try:
        read_candidate(text)
    except CandidateError as error:
        assert "\n" not in str(error)
