"""Episodes in plain Python, in a jail: what it is given, and what is made of what it says."""

import io
import json
import resource
import struct

import numpy as np
import pytest
from candidates import READER, reading_after
from hypothesis import given
from hypothesis import strategies as st
from strategies import recorded_questions, store_of

from tts_gym.datasets import load_store, synthetic_store
from tts_gym.episode.episode import Note
from tts_gym.episode.rules import EpisodeRules
from tts_gym.sandbox.anonymise import MalformedError, anonymise
from tts_gym.sandbox.boundary import LONGEST_NOTE, MOST_NOTES
from tts_gym.sandbox.candidate import Candidate, read_candidate
from tts_gym.sandbox.plain import Asked, PlainEpisode, read_episode, recounted, run_plain
from tts_gym.sandbox.runs import Limits

pytestmark = pytest.mark.usefixtures("interpreted")

EXACT = EpisodeRules()
FIRST = [Asked(0, 0, 0, 0.5)]


@pytest.fixture
def store(store_file):
    return load_store(store_file)


def plain(source, stores, episodes, limits=Limits()):  # noqa: B008
    anonymised = [anonymise(each, np.random.default_rng()) for each in stores]
    return run_plain(Candidate(source, True, ""), stores, anonymised, episodes, EXACT, limits)


def noting(*body):
    return read_candidate(reading_after(*body)).source


def test_notes_are_bounded_where_they_are_made(store):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    (one,) = plain(noting("for i in range(200000):", '    episode.note("x", i)'), [store], FIRST)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20 * 1024
    assert one.notes == tuple(Note("x", float(i), 0) for i in range(MOST_NOTES))


def test_only_notes_that_are_finite_and_named_in_print_are_kept(store):
    values = ["math.inf", "math.nan", "1e300", "0.5"]
    (one,) = plain(noting(*(f'episode.note("{"a" * 60}", {value})' for value in values)), [store], FIRST)
    assert one.notes == (Note("a" * LONGEST_NOTE, 0.5, 0),)
    unchecked = reading_after('episode.note("\\x1b[2J`\\ud800", 1)', "episode.note(7, 2)", "episode.note([0.5], True)")
    (one,) = plain(unchecked, [store], FIRST)
    assert one.notes == (Note("?[2J`?", 1.0, 0), Note("7", 2.0, 0), Note("[0.5]", 1.0, 0))


def test_an_episode_that_fails_fails_alone(store):
    source = noting("x = 1 // (episode.max_width - n)")
    one, other, huge = plain(source, [store], [Asked(0, 1, 3, 0.0), Asked(0, 0, 3, 2 / 30), Asked(0, 0, 3, 1.0)])
    assert (len(one.log), other) == (5, "failed: ZeroDivisionError: integer division or modulo by zero in line 6")
    assert isinstance(huge, PlainEpisode)


def test_what_does_not_end_has_a_reason(store):
    reasons = plain(noting("while n > 0:", "    n = n * 1"), [store], FIRST * 2, Limits(seconds=1))
    assert reasons == ["timeout: it did not end within 1 seconds"] * 2
    (reason,) = plain(noting("x = np.ones(2**40)"), [store], FIRST)
    assert reason.startswith("memory: ")


LOOKING = """
def schedule(beta):
    return {}


def program(episode):
    tables = episode.tables
    episode.note("questions", len(tables.branch_start) - 1)
    episode.note("branches", len(tables.tokens))
    episode.note("tokens", tables.tokens.sum())
    return -1
"""


def test_a_jail_is_given_the_branches_of_what_is_asked_and_no_others():
    stores = [synthetic_store(questions=5, branches=7, seed=seed) for seed in (1, 2)]
    told = plain(LOOKING, stores, [Asked(1, 2, 0, 0.5), Asked(1, 4, 9, 0.5)])
    first = stores[1].tables.branch_start
    tokens = sum(int(stores[1].tables.tokens[first[q] : first[q + 1]].sum()) for q in (2, 4))
    for one in told:
        assert {note.name: note.value for note in one.notes} == {"questions": 2, "branches": 14, "tokens": tokens}


def forging(message):
    """Unchecked code that ends its jail with a message of its own."""
    body = f"    os = np._typing.sys.modules['os']\n    os.write(3, {message!r})\n    os._exit(0)\n"
    return f"def schedule(beta):\n    return {{}}\n\n\ndef program(episode):\n{body}"


EPISODE = {"answer": 0, "log": [1, 0], "notes": []}
FORGED = [
    "",
    "[]",
    "[" * 100_000,
    "7",
    "{}",
    *(
        json.dumps(EPISODE | changed)
        for changed in (
            {"answer": 0.5},
            {"answer": None},
            {"answer": True},
            {"answer": 2**31},
            {"log": {}},
            {"log": ["1"]},
            {"log": [2**31]},
            {"log": [True]},
            {"notes": [["x", float("nan"), 1]]},
            {"notes": [["x", 10**400, 1]]},
            {"notes": [["x", 1, -1]]},
            {"notes": [["x", 1, 2**63]]},
            {"notes": [["x" * (LONGEST_NOTE + 1), 1, 1]]},
            {"notes": [["\x1b[2J", 1, 1]]},
            {"notes": [[7, 1, 1]]},
            {"notes": [["x", 1]]},
            {"notes": [["x", 1, 1]] * (MOST_NOTES + 1)},
        )
    ),
]


def framed(text):
    return struct.pack("=qq", 0, len(text)) + text.encode()


@pytest.mark.parametrize("text", FORGED, ids=range(len(FORGED)))
def test_a_message_of_another_shape_tells_of_no_episode(text):
    with pytest.raises(MalformedError):
        read_episode(io.BytesIO(framed(text)).read)


def test_a_forged_message_is_a_reason(store):
    reason = "crashed: it returned no results: an episode has notes that nobody makes"
    assert plain(forging(framed(FORGED[-1])), [store], FIRST) == [reason]
    (told,) = plain(forging(framed(json.dumps({"failure": "\x1b[2J" + "x" * 10_000}))), [store], FIRST)
    assert told.startswith("?[2Jxxx") and len(told) < 1000
    (told,) = plain(forging(struct.pack("=qq", 0, 2**40)), [store], FIRST)
    assert told == f"crashed: it returned no results: there is an outcome of {2**40} bytes"


@given(recorded_questions(), st.lists(st.integers(-8, 20)), st.integers(-3, 3))
def test_whatever_a_log_says_it_is_an_episode_or_malformed(recorded, log, answer):
    interval, questions = recorded
    store = store_of(interval, questions)
    told = PlainEpisode(answer, tuple(log), ())
    try:
        classes, tokens, sequential, width, *_ = recounted(told, Asked(0, 0, 0, 0.5), store, EXACT, 64)
    except MalformedError:
        return
    assert (classes == -1) == (answer == -1)
    assert 0 <= sequential <= tokens <= store.tables.tokens.sum() and width <= store.branch_counts[0]


def test_the_log_of_an_honest_episode_is_recounted(store):
    (told,) = plain(READER, [store], FIRST)
    assert recounted(told, FIRST[0], store, EXACT, 64)[3] >= 2
    with pytest.raises(MalformedError, match="a log opens a branch"):
        recounted(told, FIRST[0], store, EXACT, 1)
    with pytest.raises(MalformedError, match="not an answer of this episode"):
        recounted(PlainEpisode(99, told.log, ()), FIRST[0], store, EXACT, 64)
