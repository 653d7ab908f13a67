"""What the page on answers says is so, and its blocks run."""

import json
import shutil

import pytest
from pages import ROOT, Page

PAGE = Page("docs/answers.md")


@pytest.fixture(scope="module")
def folder(folder):
    """A reader has cases to try."""
    shutil.copy(ROOT / "tests/answers/cases/pairs.jsonl", folder / "cases.jsonl")
    return folder


def test_the_block_runs(block, reader):
    reader.follow(block)


def test_the_table_is_that_of_the_committed_results():
    figures = json.loads((ROOT / "benchmarks" / "results" / "answers.json").read_text())["all"]
    for name, right, merges in [
        ("`tts_gym.answers`", "right", "false_merges"),
        ("math-verify 0.9.0, gold boxed", "math-verify", "math-verify false merges"),
        ("verl 0.9.1, `math_reward`", "verl", "verl false merges"),
    ]:
        assert f"| {name} | {figures[right]} | {figures[merges]} |" in PAGE.text
