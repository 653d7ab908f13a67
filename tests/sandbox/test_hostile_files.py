"""Candidates that once got the better of the jail or of its parent; each says in its first lines how."""

from pathlib import Path

import pandas as pd
import pytest

from tts_gym.datasets import synthetic_store
from tts_gym.sandbox.candidate import read_candidate
from tts_gym.sandbox.jail import validate
from tts_gym.sandbox.refusal import CandidateError

FILES = {path.stem: path.read_text(encoding="utf-8") for path in Path(__file__).parent.glob("hostile_files/*.py")}

REFUSED = {
    "a01_rewrites_counts": "line 20: np.bincount is not one of the functions that may be used",
    "a03_bincount_writes_before": "line 11: np.bincount is not one of the functions that may be used",
    "a07_note_named_by_number": "line 10: a signal or note is named by text",
    "a12_escape_codes_in_reason": "line 5: the keys of the dict are names of arguments of program",
    "a18_knows_lengths_by_heart": "line 76: np.searchsorted is not one of the functions that may be used",
    "a22_unbound_variable": "line 13: wanted may have no value here",
}
"""Turned away before they run."""

FAILED = {
    "a06_another_program_when_traced": "OverflowError: a whole number does not fit 64 bits",
    "a10_endless_when_traced": "OverflowError: a whole number does not fit 64 bits",
    "c01_forges_huge_integer": "'NoneType' object has no attribute 'f_locals' in line 13",
    "c03_peeks_and_reports_the_least": "'NoneType' object has no attribute 'f_locals' in line 15",
    "c05_terminal_codes": "failed: ValueError: ?]52;c;cm0gLXJmIH4=??[2J?[Hr01-1: 99.9 % for 1 token (0.1 s) in line 6",
    "d01_leaves_an_empty_root": "failed: PermissionError: [Errno 1] Operation not permitted: '/' in line 10",
}
"""Come to nothing in the jail."""

HONEST = {
    "a09_notes_flood": ('    for i in range(20000):\n        episode.note("x", i)\n', ""),
    "c11_charges_less": ("transitions.charge = charge\n", ""),
}
"""Get what they would get without what they do."""


@pytest.fixture(scope="module")
def store():
    return synthetic_store(questions=6, branches=70, seed=3)


def test_every_file_is_tried():
    assert FILES.keys() == REFUSED.keys() | FAILED.keys() | HONEST.keys()


@pytest.mark.parametrize(("name", "reason"), REFUSED.items(), ids=REFUSED)
def test_it_is_refused(name, reason):
    with pytest.raises(CandidateError) as refusal:
        read_candidate(FILES[name])
    assert str(refusal.value).startswith(reason)


@pytest.mark.parametrize(("name", "reason"), FAILED.items(), ids=FAILED)
def test_it_fails(name, reason, store):
    failure = validate(read_candidate(FILES[name]), store).failure
    assert failure is not None and reason in failure and failure.isprintable()


@pytest.mark.parametrize(("name", "change"), HONEST.items(), ids=HONEST)
def test_it_is_scored_at_its_honest_worth(name, change, store):
    assert change[0] in FILES[name]
    tried, honest = (validate(read_candidate(text), store) for text in (FILES[name], FILES[name].replace(*change)))
    assert tried.failure is None and honest.failure is None
    for rows, others in zip(tried.rows, honest.rows, strict=True):
        pd.testing.assert_frame_equal(rows, others)
