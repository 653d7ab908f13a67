"""What the page on evaluation says is so."""

import re

from pages import Page

from tts_gym.evaluation.evaluate import BLOCK_SEEDS, evaluate
from tts_gym.evaluation.results import record
from tts_gym.evaluation.statistics import _RESAMPLES

PAGE = Page("docs/evaluation.md", long="--executor ray|--jobs 2|front.points")


def test_the_block_runs(block, reader):
    reader.follow(block)


def test_every_column_of_the_results_is_there(store_file):
    rows = re.findall(r"^\| (`.*?`) \| ", PAGE.text.split("## What is written")[1], re.MULTILINE)
    said = [name for row in rows for name in re.findall(r"`(\w+)`", row)]
    assert said == list(record("a", "sc", evaluate("sc:n=2", store_file, seeds=1)))


def test_the_numbers_of_the_protocol_are_those_of_the_code():
    said = " ".join(PAGE.text.split())
    assert f"{_RESAMPLES:,} times" in said and f"blocks of {BLOCK_SEEDS} seeds" in said
