"""What it costs to serve a class: one that reads branches and votes, on the bundled store, in a jail and without one.

    python benchmarks/served_class.py

In the jail each call goes over a pipe to the parent, which plays the episode; without it the class calls the episode
itself. The tables of both are compared. Writes ``benchmarks/results/served_class.json``, from the fastest of the
repeats, and prints it.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pandas as pd

from tts_gym.agents import make_controller
from tts_gym.datasets import load_store
from tts_gym.episode.rules import EpisodeRules
from tts_gym.sandbox.candidate import read_candidate
from tts_gym.sandbox.jail import run_jailed

RESULTS = Path(__file__).parent / "results"
STORE, BETA, SEEDS, RULES = "smollm2-arithmetic", 0.5, range(20), EpisodeRules()
REPEATS = 5

SOURCE = """
from collections import Counter


class Reader:
    def __init__(self, config):
        self.most = round(2 + 30 * config["beta"])

    def solve(self, question):
        answers = [question.get_new_branch_final_answer() for _ in range(self.most)]
        return Counter(answers).most_common(1)[0][0]
"""


def main() -> None:
    """Measure, write and print."""
    store = load_store(STORE)
    candidate = read_candidate(SOURCE)
    names: dict[str, type] = {}
    exec(SOURCE, names)
    own = make_controller(names["Reader"], beta=BETA)
    run_jailed(candidate, [store], [BETA], range(1), RULES)
    served, processor, free = [], [], []
    for _ in range(REPEATS):
        used = time.process_time()
        run = run_jailed(candidate, [store], [BETA], SEEDS, RULES)
        processor.append(time.process_time() - used)
        served.append(run.seconds)
        start = time.perf_counter()
        rows = own.run(store, SEEDS, RULES)
        free.append(time.perf_counter() - start)
        assert run.rows is not None, run.failure
        pd.testing.assert_frame_equal(run.rows[0].drop(columns="beta"), rows)
    calls = int(rows["width"].sum()) + len(rows)
    result = {
        "store": STORE,
        "episodes": len(rows),
        "calls": calls,
        "calls_a_second_served": round(calls / min(served), -2),
        "calls_a_second_without_jail": round(calls / min(free), -2),
        "parent_processor_microseconds_a_call": round(1e6 * min(processor) / calls, 1),
        "isolation": run.isolation,
        "cores": os.cpu_count(),
        "load_average": round(os.getloadavg()[0], 1),
    }
    (RESULTS / "served_class.json").write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
