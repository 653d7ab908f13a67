"""Every code block of the README runs, the training with fewer steps; its figures are those of committed results."""

import json

import pandas as pd
import pytest
from pages import ROOT, Page

PAGE = Page("README.md", long="tts-gym (train|discover run)")
RESULTS = ROOT / "benchmarks" / "results"


@pytest.fixture(scope="module")
def replaced():
    """A training of fewer steps."""
    return {"--timesteps 1000000": "--timesteps 40000"}


def test_the_block_runs(block, reader):
    reader.follow(block)


def test_the_number_of_reproduced_rows_is_that_of_the_committed_results():
    rows = pd.read_csv(RESULTS / "published_results.csv")
    assert f"all {len(rows)} rows" in PAGE.text


def test_the_share_of_tokens_of_relay_is_that_of_the_committed_results():
    shares = pd.read_csv(RESULTS / "against_cmc.csv").set_index("controller")["relay"]
    assert f"for {100 * shares['cmc:beta=0.5']:.0f} % of its tokens" in PAGE.text


def test_what_policies_need_is_that_of_the_committed_results():
    needed = 100 * pd.read_csv(RESULTS / "rl" / "against_cmc.csv").set_index("beta")["share_needed"].loc[0.2:]
    assert f"need {needed.min():.0f} to {needed.max():.0f} % of the tokens of" in PAGE.text


def test_the_speeds_are_those_of_the_committed_results():
    replay = json.loads((RESULTS / "replay_speed.json").read_text())["replay"]
    assert f"`cmc` replays in {replay['cmc']['compiled_us']:.1f} µs" in PAGE.text
    figures = json.loads((RESULTS / "throughput.json").read_text())["figures"]
    rates = [f"{figure['steps_per_cpu_second']:,.0f} steps" for figure in figures if figure["num_envs"] == 1024]
    assert any(rate in PAGE.text for rate in rates)


def test_it_fits_three_screens():
    assert len(PAGE.text.splitlines()) <= 150
