"""Whatever a jail sends is data: a result, or a failure with a reason in one printable line."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tts_gym.datasets import load_store
from tts_gym.episode.rules import EpisodeRules
from tts_gym.sandbox.boundary import printable, printable_source, quoted
from tts_gym.sandbox.candidate import Candidate
from tts_gym.sandbox.jail import run_jailed

CODES = "\x1b]0;owned\x07\x1b[2J\ud800\u202e"


@given(st.text(), st.integers(1, 50))
def test_text_is_one_printable_line(text, longest):
    line = printable(text + CODES, longest)
    assert len(line) <= longest and line.isascii() and line.isprintable()
    assert quoted(text, longest).count("`") == 2
    assert "```" not in printable_source(text + "```\n````")


PROGRAM = "def schedule(beta):\n    return {entries}\n\n\ndef program(episode):\n{body}    return -1\n"
FORGING = """
import json, os, sys
class Hostile:
    def __init__(self, config):
        frame = sys._getframe()
        while "request" not in frame.f_locals:
            frame = frame.f_back
        entries = [{"a": 10**400} for _ in frame.f_locals["request"]["schedule_betas"]]
        os.write(3, json.dumps({"failure": None, "schedule": entries}).encode() + b"\\n")
        os._exit(0)
    def solve(self, question):
        return None
"""
RAISING = """
class Hostile:
    def __init__(self, config):
        raise ValueError("\\x1b]52;c;cm0gLXJmIH4=\\x07\\x1b[2J\\x1b[H99.9 % for 1 token")
    def solve(self, question):
        return None
"""


@pytest.mark.parametrize(
    ("source", "audited"),
    [
        (PROGRAM.format(entries='{"\\x1b]0;owned\\x07": 1}', body=""), True),
        (FORGING, False),
        (RAISING, False),
    ],
    ids=["a parameter named by codes", "a huge integer", "a reason of codes"],
)
def test_what_a_jail_says_is_a_printable_failure(source, audited, store_file):
    run = run_jailed(
        Candidate(source, audited, ""), [load_store(store_file)], [0.5], [0], EpisodeRules(), schedule_betas=[0.0]
    )
    assert run.rows is None and run.failure.isascii() and run.failure.isprintable()
