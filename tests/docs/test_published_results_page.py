"""The tables of results are those of committed outputs, and their commands run."""

import json
import re

import pandas as pd
import pytest
from pages import ROOT, Page

PAGE = Page("docs/published-results.md", long="Qwen3|zoo")
RESULTS = ROOT / "benchmarks" / "results"


@pytest.fixture(scope="module")
def folder(folder):
    """A reader has data in the published format; these are small."""
    branches = [[["2", "2"], 250, "2"], [["3"], 150, "3"]] * 32
    question = {"question": "1 + 1?", "gold_answer": "2", "probe_freq": 100, "each_branch": branches}
    (folder / "Qwen3-4B").mkdir()
    (folder / "Qwen3-4B" / "aime24.json").write_text(json.dumps([question]))
    return folder


def test_the_block_runs(block, reader):
    reader.follow(block)


def test_the_published_results():
    rows = pd.read_csv(RESULTS / "published_results.csv")
    assert f"Every one of the {len(rows)} rows" in " ".join(PAGE.text.split())
    assert (rows["accuracy"] == rows["published_accuracy"]).all() and (rows["tokens"] == rows["published_tokens"]).all()
    shown = re.findall(
        r"^\| (Qwen3\S+) \| `([^`]+)` \| ([\d.]+) \| ([\d.]+) \| ([\d,.]+) \| ([\d,.]+) \|$", PAGE.text, re.MULTILINE
    )
    assert len(shown) == 16
    for store, controller, *figures in shown:
        (row,) = rows[(rows["store"] == store) & rows["controller"].str.startswith(controller)].itertuples()
        tokens = f"{row.tokens:,.1f}"
        assert figures == [f"{row.accuracy:.2f}", f"{row.published_accuracy:.2f}", tokens, tokens]


def test_the_bundled_store():
    rows = pd.read_csv(RESULTS / "smollm2_arithmetic.csv").set_index("controller")
    single, majority = (rows.loc[name, "accuracy"] for name in ("single", "sc"))
    assert majority > single + 10
    for name, row in rows.iterrows():
        cells = (
            f"{row['accuracy']:.2f} | {row['accuracy_low']:.1f} to {row['accuracy_high']:.1f} | {row['tokens']:,.0f}"
        )
        assert re.search(rf"^\| `{name}`[^|]*\| {cells} \| {row['sequential_tokens']:,.0f} \|$", PAGE.text, re.M)
