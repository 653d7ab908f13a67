import json
from pathlib import Path

import pytest

from tts_gym.answers.check import check, read_cases, summary
from tts_gym.answers.errors import AnswerError

CASES = Path(__file__).parent / "cases"


@pytest.mark.parametrize("name", ["answers", "pairs", "everyday", "kinds"])
def test_both_decisions_are_as_a_careful_person_says(name):
    counts = summary(check(read_cases(CASES / f"{name}.jsonl")))
    assert counts["false_merges"] == 0
    assert counts["right"] >= 0.95 * counts["cases"]


def write(folder, *cases):
    file = folder / "cases.jsonl"
    file.write_text("".join(json.dumps(case) + "\n" for case in cases))
    return file


def test_the_command_counts_by_family_and_shows_every_miss(run, tmp_path):
    file = write(
        tmp_path,
        {"text": r"\boxed{1/2}", "gold": "0.5", "equal": True, "family": "fractions"},
        {"text": "The answer is 3", "rule": "boxed", "gold": "3", "equal": True, "family": "rules"},
        {"answer": "x+1", "gold": "1+x", "equal": False, "family": "wrongly [said] equal"},
        {"answer": "AB", "gold": "BA", "equal": False, "family": "fractions"},
    )
    counts = json.loads(run("answers", "check", file, "--json", "-")[1])
    assert (counts["cases"], counts["right"], counts["false_merges"], counts["false_splits"]) == (4, 2, 1, 1)
    assert counts["families"]["fractions"] == {"cases": 2, "right": 2, "false_merges": 0, "false_splits": 0}
    shown = run("answers", "check", file)[1]
    assert "wrongly [said] equal" in shown
    assert "false merge: 'x+1'" in shown and "false split: 'The answer is 3' gives None" in shown


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("{", "line 1 is no JSON"),
        ("[]", "a case has either a text or an answer"),
        ('{"text": "1", "answer": "1", "gold": "1", "equal": true}', "either a text or an answer"),
        ('{"text": 1, "gold": "1", "equal": true}', "are texts"),
        ('{"text": "1", "gold": "1"}', "equal is true or false"),
        ('{"text": "1", "gold": "1", "equal": true, "rule": 5}', "rule and family are texts"),
        ("", "holds no cases"),
    ],
)
def test_what_is_no_case_is_refused(tmp_path, line, told):
    file = tmp_path / "cases.jsonl"
    file.write_text(line)
    with pytest.raises(AnswerError, match=told):
        read_cases(file)


def test_errors_are_one_line(run, tmp_path):
    unruly = write(tmp_path, {"text": "1", "rule": "guess", "gold": "1", "equal": True})
    for file, told in [(tmp_path / "none.jsonl", "cannot be read"), (unruly, "no rule 'guess'")]:
        status, _, err = run("answers", "check", file)
        assert status == 2 and told in err and err.count("\n") == 1
