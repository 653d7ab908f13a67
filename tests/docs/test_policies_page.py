"""The page on policies says what is committed, and its commands run on small data and for few steps."""

import json

import pandas as pd
import pytest
from pages import ROOT, Page

PAGE = Page("docs/policies.md", long=".")
RESULTS = ROOT / "benchmarks" / "results" / "rl"


@pytest.fixture(scope="module")
def replaced():
    """Stores that everybody has, and a short training."""
    return {
        "rl:benchmarks": f"rl:{ROOT}/benchmarks",
        "--timesteps 1000000": "--timesteps 2048",
        '"smollm2-arithmetic?only=1/5"': '"smollm2-arithmetic?only=1/5" --seeds 2',
        "200_000": "2048",
    }


@pytest.fixture(scope="module")
def folder(folder):
    """A store in the published format."""
    branches = [[["2", "2"], 250, "2"], [["3"], 150, "3"]] * 16
    question = {"question": "1 + 1?", "gold_answer": "2", "probe_freq": 100, "each_branch": branches}
    (folder / "STORE.json").write_text(json.dumps([question]))
    return folder


def test_the_block_runs(block, reader):
    pytest.importorskip("sb3_contrib")
    reader.follow(block)


def test_the_shares_of_programs_are_those_of_the_committed_results():
    for _, row in pd.read_csv(ROOT / "benchmarks" / "results" / "against_cmc.csv").iterrows():
        beta = row["controller"].partition("=")[2]
        shares = row[["crew", "relay-finished", "relay-weighted", "relay"]]
        cells = (f"{100 * share:.0f} %" for share in shares)
        assert f"| {beta} | {' | '.join(cells)} |" in PAGE.text


def test_what_answers_are_worth_is_what_is_committed():
    for row in pd.read_csv(ROOT / "benchmarks" / "results" / "aggregators.csv").itertuples():
        if row.aggregator != "finished":
            cells = f"{row.accuracy:.2f} | {row.difference:+.2f} ({row.low:.2f} to {row.high:.2f}) |"
            assert cells in PAGE.text


@pytest.mark.parametrize("folder_of", ["", "rl_fast", "rl_dear", "rl_narrow"])
def test_the_tables_are_those_of_the_committed_results(folder_of):
    for row in pd.read_csv(RESULTS / folder_of / "against_cmc.csv").itertuples():
        if folder_of == "rl_dear" and row.beta > 0:
            continue
        cells = f"| {row.accuracy:.2f} | {row.tokens:,.0f} | {100 * row.share_of_tokens:.0f} % | {row.difference:+.2f}"
        needed = f" {100 * row.share_needed:.0f} % |" if "share_needed" in row._fields else ""
        assert f"{cells} ({row.low:.2f} to {row.high:.2f}) |{needed}" in PAGE.text


def test_what_newcomers_learn_is_what_is_committed():
    table = pd.read_csv(RESULTS / "newcomer.csv")
    for (env, algorithm), runs in table.groupby(["environment", "controller"]):
        means = runs[["accuracy", "tokens", "return", "masked_return"]].mean()
        figures = (
            f"{means['accuracy']:.1f} | {means['tokens']:,.0f} | {means['return']:.3f} | {runs['return'].min():.3f}"
        )
        assert f"| `{env}` | {algorithm} | {figures} | {means['masked_return']:.3f} |" in PAGE.text
    for _, row in table[table["environment"].isna()].iterrows():
        assert f"`{row['controller']}` {row['return']:.3f}" in " ".join(PAGE.text.split())


def test_what_is_said_of_the_atomic_environment_is_what_is_committed():
    for _, row in pd.read_csv(RESULTS / "atomic.csv").iterrows():
        figures = f"| {row['accuracy']:.1f} | {row['tokens']:,.0f} | {row['return']:.3f} |"
        ahead = f" {row['ahead']:+.3f} ({row['low']:.3f} to {row['high']:.3f}) |"
        name, told = ("**set policy**", "") if row["controller"] == "policy" else (f"`{row['controller']}`", ahead)
        assert f"| {name} {figures}{told}" in PAGE.text
