"""Speed of replay and of the environment, as ratios within one run.

    python benchmarks/replay_speed.py [DATA]

DATA is a directory with the published stores and results (``autotts/*/aime24.json``, ``published/aime24.csv``); without
it the bundled synthetic store is used and the published table is left out. Times are medians of CPU seconds. Writes
``benchmarks/results/replay_speed.json`` and prints a Markdown table.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import gymnasium as gym
import pandas as pd

import tts_gym  # noqa: F401
from tts_gym.agents.programs import PROGRAMS
from tts_gym.agents.replay import replay
from tts_gym.datasets import ReplayStore, load_store
from tts_gym.episode.rules import EpisodeRules

RESULTS = Path(__file__).parent / "results" / "replay_speed.json"
CONTROLLERS = ("asc", "esc", "parallel-probe", "cmc")
REPEATS = 7
COMPILED_SEEDS = 100
INTERPRETED_SEEDS = 2
STEPS = 50_000


def cpu_seconds(work: Callable[[], object]) -> float:
    """Median CPU seconds of ``work`` after one call that warms up."""
    work()
    times = []
    for _ in range(REPEATS):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return statistics.median(times)


def replay_times(store: ReplayStore) -> dict[str, dict[str, float]]:
    """Microseconds an episode, compiled and interpreted, for each controller at its defaults."""
    times = {}
    for name in CONTROLLERS:
        program = PROGRAMS[name]
        arguments = program.arguments(program.resolve({}))

        def run(seeds: int, interpreted: bool, program=program, arguments=arguments) -> float:
            rules = EpisodeRules(published=True)
            seconds = cpu_seconds(lambda: replay(program, arguments, store, range(seeds), rules, interpreted))
            return 1e6 * seconds / (seeds * len(store))

        compiled, interpreted = run(COMPILED_SEEDS, False), run(INTERPRETED_SEEDS, True)
        times[name] = {"compiled_us": compiled, "interpreted_us": interpreted, "ratio": interpreted / compiled}
    return times


def steps_per_second(env_id: str) -> float:
    """Unwrapped steps per CPU second under actions drawn beforehand, resets included."""
    env = gym.make(env_id).unwrapped
    env.reset(seed=0)
    env.action_space.seed(0)
    actions = [env.action_space.sample() for _ in range(STEPS)]

    def rollout() -> None:
        for action in actions:
            _, _, terminated, truncated, _ = env.step(action)
            if terminated or truncated:
                env.reset()

    return STEPS / cpu_seconds(rollout)


def published_table_seconds(data: Path) -> dict[str, float]:
    """Wall seconds of one process that makes every published row, start-up included, cache cold and warm."""
    published = pd.read_csv(data / "published" / "aime24.csv")
    command = [sys.executable, "-c", "from tts_gym.cli import main; main()", "evaluate"]
    command += [*published["store"].unique(), "--rules", "published", "--json", os.devnull]
    for controller in published["controller"].unique():
        command += ["-c", controller]
    with tempfile.TemporaryDirectory() as cache:
        times = []
        for _ in range(1 + REPEATS):
            start = time.perf_counter()
            environment = os.environ | {"NUMBA_CACHE_DIR": cache}
            subprocess.run(command, cwd=data, check=True, stdout=subprocess.DEVNULL, env=environment)
            times.append(time.perf_counter() - start)
    episodes = float(len(published) * 30 * 100)
    return {"episodes": episodes, "cold_seconds": times[0], "warm_seconds": statistics.median(times[1:])}


def main() -> None:
    """Measure, write the results, print the table."""
    data = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    store = load_store(data / "autotts" / "Qwen3-1.7B" / "aime24.json" if data else "synthetic-small")
    ours, cartpole = steps_per_second("TTSWidthDepth-v0"), steps_per_second("CartPole-v1")
    results = {
        "store": store.label,
        "replay": replay_times(store),
        "env": {"width_depth_steps": ours, "cartpole_steps": cartpole, "ratio": ours / cartpole},
        "published_table": published_table_seconds(data) if data else None,
    }
    RESULTS.write_text(json.dumps(results, indent=2) + "\n")
    print("| controller | compiled, µs an episode | interpreted, µs an episode | ratio |")
    print("|---|---:|---:|---:|")
    for name, row in results["replay"].items():
        print(f"| {name} | {row['compiled_us']:.1f} | {row['interpreted_us']:,.0f} | {row['ratio']:.0f} |")
    print(f"\nTTSWidthDepth-v0: {ours:,.0f} steps a second, CartPole-v1: {cartpole:,.0f}, ratio {ours / cartpole:.2f}.")
    if table := results["published_table"]:
        print(
            f"Published table: {table['episodes']:,.0f} episodes in {table['warm_seconds']:.1f} s with a warm cache, ",
            end="",
        )
        print(f"{table['cold_seconds']:.1f} s with a cold one.")


if __name__ == "__main__":
    main()
