"""The repository is light to clone."""

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def results():
    """The committed results of benchmarks."""
    listed = subprocess.run(["git", "ls-files", "benchmarks/results"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("this is no clone")
    return [ROOT / name for name in listed.stdout.splitlines()]


def test_results_are_few_and_small(results):
    assert 0 < len(results) <= 60
    assert sum(file.stat().st_size for file in results) <= 2_000_000


def test_pictures_of_the_documentation_are_small():
    pictures = list((ROOT / "docs" / "images").iterdir())
    assert pictures and max(file.stat().st_size for file in pictures) <= 150_000


def test_results_hold_no_locks_and_no_prompts(results):
    assert not [file for file in results if file.name == ".lock" or file.name == "prompt.md" or "rounds" in file.parts]
