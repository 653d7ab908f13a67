"""Every code block of the README runs, in its order, as a reader would run it."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

README = Path(__file__).parents[1] / "README.md"
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", README.read_text(), re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where a reader works, with ``mine.py`` as the README gives it."""
    path = tmp_path_factory.mktemp("readme")
    (program,) = (text for _, text in BLOCKS if "def patient_vote" in text)
    (path / "mine.py").write_text(program)
    return path


@pytest.mark.parametrize(("language", "text"), BLOCKS, ids=[text.splitlines()[0] for _, text in BLOCKS])
def test_the_block_runs(language, text, folder, monkeypatch):
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:/usr/bin:/bin")
    command = {"python": [sys.executable, "-W", "error", "-c"], "bash": ["bash", "-euc"]}[language]
    done = subprocess.run([*command, text], cwd=folder, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


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
