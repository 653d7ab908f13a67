"""Our evaluation beside the published results on AIME24, every row, and the frontier they draw.

    python benchmarks/published_results.py DATA

DATA is a directory with the published stores and results (``autotts/*/aime24.json``, ``published/aime24.csv``). Writes
``benchmarks/results/published_results.csv`` and ``frontier_aime24.png``, which shows ``crew`` too, and prints a table
of some rows in Markdown.
"""

from __future__ import annotations

import sys
from itertools import product
from pathlib import Path

import pandas as pd

from tts_gym.agents import parse_spec
from tts_gym.datasets import load_store
from tts_gym.evaluation import evaluate_many
from tts_gym.evaluation.frontier import frontier
from tts_gym.evaluation.plots import plot_frontier

RESULTS = Path(__file__).parent / "results"
SHOWN = (
    "asc:max_samples=64,threshold=0.95",
    "esc:max_samples=64,window=8",
    "parallel-probe:num_chains=64,stable_for=40,patience=7,warm_up=15",
    "cmc:beta=0.5",
)
CREW = [parse_spec(f"crew:beta={tenths / 10:g}")[0] for tenths in range(11)]


def main() -> None:
    """Evaluate, compare, write and print."""
    data = Path(sys.argv[1])
    published = pd.read_csv(data / "published" / "aime24.csv").set_index(["store", "controller"])
    labels = list(product(published.index.unique("store"), published.index.unique("controller")))
    stores = {name: load_store(data / name) for name in published.index.unique("store")}
    evaluations = list(evaluate_many([(parse_spec(spec)[0], stores[name]) for name, spec in labels], rules="published"))
    rows = pd.DataFrame(
        {
            "store": stores[name].name,
            "controller": spec,
            "accuracy": round(result.summary.accuracy.mean, 2),
            "published_accuracy": published.loc[(name, spec), "accuracy"],
            "tokens": round(result.summary.tokens.mean, 4),
            "published_tokens": published.loc[(name, spec), "tokens"],
        }
        for (name, spec), result in zip(labels, evaluations, strict=True)
    )
    rows.to_csv(RESULTS / "published_results.csv", index=False)
    crew = list(evaluate_many([(point, store) for point in CREW for store in stores.values()], rules="published"))
    plot_frontier(
        frontier(pd.concat([result.rows for result in evaluations + crew])),
        RESULTS / "frontier_aime24.png",
        "AIME24, mean of Qwen3 0.6B, 1.7B, 4B and 8B",
    )
    print("| store | controller | accuracy, % | published | tokens | published |")
    print("|---|---|---:|---:|---:|---:|")
    for row in rows[rows["controller"].isin(SHOWN)].itertuples():
        name = str(row.controller).partition(",stable_for")[0]
        print(
            f"| {row.store} | `{name}` | {row.accuracy:.2f} | {row.published_accuracy:.2f} "
            f"| {row.tokens:,.1f} | {row.published_tokens:,.1f} |"
        )


if __name__ == "__main__":
    main()
