"""The figures of speed and scale are those of committed results."""

import json
import re

from pages import ROOT, Page

PAGE = Page("docs/performance.md")
SAID = " ".join(PAGE.text.split())
RESULTS = ROOT / "benchmarks" / "results"


def test_replay():
    results = json.loads((RESULTS / "replay_speed.json").read_text())
    for name, row in results["replay"].items():
        line = f"| {name} | {row['compiled_us']:.1f} | {row['interpreted_us']:,.0f} | {row['ratio']:.0f} |"
        assert line in PAGE.text
    steps, cart_pole, ratio = results["env"].values()
    assert f"{steps:,.0f} steps a second, CartPole-v1: {cart_pole:,.0f}, ratio {ratio:.2f}." in SAID
    table = results["published_table"]
    warm, cold = (f"{table[f'{which}_seconds']:.1f}" for which in ("warm", "cold"))
    assert f"{table['episodes']:,.0f} episodes in {warm} s with a warm cache, {cold} s with a cold one" in SAID
    assert f"between {cold} and {warm} s above" in SAID


def test_environments():
    results = json.loads((RESULTS / "throughput.json").read_text())
    rates = {
        figure["kind"]: figure["steps_per_cpu_second"] for figure in results["figures"] if figure["num_envs"] == 1024
    }
    shown = PAGE.text.split("| 1,024 environments")[1]
    figures = [
        f"{rate:,.0f}"
        for kind, rate in rates.items()
        if "CartPole-v1 Sync" not in kind and "Rounds-v0 vector," not in kind
    ]
    assert re.findall(r"\| ([\d,]+) \|$", shown, re.MULTILINE) == sorted(figures, key=shown.index)
    for share in results["ppo_64_envs"].values():
        assert f"{100 * share['environment_share']:.1f} %" in shown
    one, some, many = (
        f"{figure['steps_per_cpu_second']:,.0f}"
        for figure in results["figures"]
        if figure["kind"] == "TTSWidthDepth-v0 vector" and figure["num_envs"] <= 1024
    )
    assert f"{one} steps a CPU second, with 64 it makes {some}, with 1,024 the {many} above" in SAID


def test_evaluations_and_stores():
    large = json.loads((RESULTS / "large_store.json").read_text())
    assert f"{large['probes']:,} probes is written with {large['write']['peak_mb']:,.0f} MB of memory" in SAID
    assert f"opens in {large['warm_opening_seconds']:.2f} s" in SAID
    assert f"takes {large['evaluation']['worker_peak_mb']:,.0f} MB" in SAID
    scaling = json.loads((RESULTS / "evaluation_scaling.json").read_text())
    processes, sizes = scaling["processes"], scaling["questions"]["sizes"]
    assert f"from {sizes[0]} to {sizes[-1]:,}" in SAID
    assert f"{processes['ratio']:.2f} times as fast as one" in SAID
    assert f"{processes['ratio_again']:.2f} times once" in SAID
    assert f"nothing do {processes['ratio_of_the_machine']:.2f} times" in SAID
