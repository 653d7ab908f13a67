"""Every code block of the README runs, in its order, as a reader would run it."""

import json
import re
import subprocess
import sys

import pandas as pd
from pages import ROOT, Page

PAGE = Page("README.md", long="tts-gym (train|discover run)")
README = ROOT / "README.md"


def test_the_block_runs(block, reader):
    reader.follow(block)


def test_the_page_of_answers_says_what_is_so():
    page = README.parent / "docs" / "answers.md"
    for block in re.findall(r"^```python\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL):
        subprocess.run([sys.executable, "-W", "error", "-c", block], check=True)
    figures = json.loads((README.parent / "benchmarks" / "results" / "answers.json").read_text())["all"]
    for name, right, merges in [
        ("`tts_gym.answers`", "right", "false_merges"),
        ("math-verify 0.9.0, gold boxed", "math-verify", "math-verify false merges"),
        ("verl 0.9.1, `math_reward`", "verl", "verl false merges"),
    ]:
        assert f"| {name} | {figures[right]} | {figures[merges]} |" in page.read_text()


def test_the_table_is_that_of_the_committed_results():
    rows = (README.parent / "benchmarks" / "results" / "published_results.csv").read_text()
    shown = re.findall(
        r"^\| (Qwen3\S+) \| `([^`]+)` \| ([\d.]+) \| [\d.]+ \| ([\d,.]+) \|", README.read_text(), re.MULTILINE
    )
    assert len(shown) == 16
    for store, controller, accuracy, tokens in shown:
        (row,) = (line for line in rows.splitlines() if line.startswith(store) and controller in line)
        values = row.rsplit(",", 4)
        assert float(values[1]) == float(accuracy)
        assert round(float(values[3]), 1) == float(tokens.replace(",", ""))


def test_the_table_of_the_bundled_store_is_that_of_the_committed_results():
    rows = pd.read_csv(README.parent / "benchmarks" / "results" / "smollm2_arithmetic.csv").set_index("controller")
    single, majority = (rows.loc[name, "accuracy"] for name in ("single", "sc"))
    assert majority > single + 10
    for name, row in rows.iterrows():
        cells = (
            f"{row['accuracy']:.2f} | {row['accuracy_low']:.1f} to {row['accuracy_high']:.1f} | {row['tokens']:,.0f}"
        )
        assert re.search(
            rf"^\| `{name}`[^|]*\| {cells} \| {row['sequential_tokens']:,.0f} \|$", README.read_text(), re.M
        )


def test_the_speed_table_is_that_of_the_committed_results():
    results = json.loads((README.parent / "benchmarks" / "results" / "replay_speed.json").read_text())
    for name, row in results["replay"].items():
        line = f"| {name} | {row['compiled_us']:.1f} | {row['interpreted_us']:,.0f} | {row['ratio']:.0f} |"
        assert line in README.read_text()
    assert f"ratio {results['env']['ratio']:.2f}." in README.read_text()
    assert f"in {results['published_table']['warm_seconds']:.1f} s with a warm cache" in README.read_text()


def test_the_throughput_table_is_that_of_the_committed_results():
    results = json.loads((README.parent / "benchmarks" / "results" / "throughput.json").read_text())
    rates = {
        figure["kind"]: figure["steps_per_cpu_second"] for figure in results["figures"] if figure["num_envs"] == 1024
    }
    shown = README.read_text().split("| 1,024 environments")[1].split("## More")[0]
    figures = [
        f"{rate:,.0f}"
        for kind, rate in rates.items()
        if "CartPole-v1 Sync" not in kind and "Rounds-v0 vector," not in kind
    ]
    assert re.findall(r"\| ([\d,]+) \|$", shown, re.MULTILINE) == sorted(figures, key=shown.index)
    for share in results["ppo_64_envs"].values():
        assert f"{100 * share['environment_share']:.1f} %" in shown


def test_the_figures_of_scale_are_those_of_the_committed_results():
    folder, text = README.parent / "benchmarks" / "results", " ".join(README.read_text().split())
    large = json.loads((folder / "large_store.json").read_text())
    assert f"{large['probes']:,} probes is written with {large['write']['peak_mb']:,.0f} MB of memory" in text
    assert f"opens in {large['warm_opening_seconds']:.2f} s" in text
    assert f"takes {large['evaluation']['worker_peak_mb']:,.0f} MB" in text
    processes = json.loads((folder / "evaluation_scaling.json").read_text())["processes"]
    assert (
        f"{processes['ratio']:.2f} times as fast as one" in text
        and f"{processes['ratio_again']:.2f} times once" in text
    )


def test_the_table_of_policies_is_that_of_the_committed_results():
    against = pd.read_csv(README.parent / "benchmarks" / "results" / "rl" / "against_cmc.csv").set_index("beta")
    for beta in (0, 0.2, 0.5, 1):
        row = against.loc[beta]
        assert (
            f"| {beta} | {row['cmc_accuracy']:.2f} | {row['cmc_tokens']:,.0f} | {row['accuracy']:.2f} | "
            f"{row['tokens']:,.0f} | {row['difference']:+.2f} ({row['low']:.2f} to {row['high']:.2f}) |"
        ) in README.read_text()


def test_the_table_of_the_discovery_is_that_of_its_report():
    report = json.loads((README.parent / "benchmarks/results/discovery/manual/report.json").read_text())
    points = {point["beta"]: point for point in report["points"]}
    rows = {row["reference"]: row for row in report["search"]}
    for beta in ("0", "0.2", "0.3", "0.5", "0.8", "1"):
        row = rows[f"cmc:beta={beta}"]
        crew, (mean, low, high) = points[row["beta"]], row["accuracy_difference"]
        assert (
            f"| {beta} | {row['reference_accuracy']:.2f} | {row['reference_tokens']:,.0f} | {row['beta']:g} | "
            f"{crew['accuracy']:.2f} | {crew['tokens']:,.0f} | {100 * row['tokens_ratio']:.0f} % | "
            f"{mean:+z.2f} ({low:.2f} to {high:.2f}) |"
        ) in README.read_text()
