"""The discovery by hand of the page goes as it says, and its table is that of the committed report."""

import json

from pages import ROOT, Page

PAGE = Page("docs/discovery.md", long="discover run")


def test_the_block_runs(block, reader):
    reader.follow(block)


def test_the_table_of_the_discovery_is_that_of_its_report():
    report = json.loads((ROOT / "benchmarks/results/discovery/manual/report.json").read_text())
    points = {point["beta"]: point for point in report["points"]}
    rows = {row["reference"]: row for row in report["search"]}
    for beta in ("0", "0.2", "0.3", "0.5", "0.8", "1"):
        row = rows[f"cmc:beta={beta}"]
        crew, (mean, low, high) = points[row["beta"]], row["accuracy_difference"]
        assert (
            f"| {beta} | {row['reference_accuracy']:.2f} | {row['reference_tokens']:,.0f} | {row['beta']:g} | "
            f"{crew['accuracy']:.2f} | {crew['tokens']:,.0f} | {100 * row['tokens_ratio']:.0f} % | "
            f"{mean:+z.2f} ({low:.2f} to {high:.2f}) |"
        ) in PAGE.text
