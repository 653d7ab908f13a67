"""How the time of an evaluation grows with questions and seeds, and what a second process brings.

    python benchmarks/evaluation_scaling.py

Evaluates ``cmc`` on synthetic stores of 16 branches a question. Times are medians over repeats, of CPU seconds for the
growth and of wall seconds for the processes, with the start of the workers and without. What the machine gives at most
is measured beside it: the same evaluation by two processes that share nothing. Writes ``evaluation_scaling.json`` and
``evaluation_scaling.png`` in ``benchmarks/results`` and prints Markdown.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from joblib import Parallel, delayed
from joblib.externals.loky import get_reusable_executor

from tts_gym import evaluate, synthetic_store
from tts_gym.datasets import ReplayStore

RESULTS = Path(__file__).parent / "results"
QUESTIONS = (30, 100, 300, 1_000, 3_000, 10_000)
SEEDS = (25, 100, 400, 1_600)
REPEATS = 3
BRANCHES = 16


def seconds(clock: Callable[[], float], work: Callable[[], object]) -> float:
    """Seconds of ``work`` by ``clock``."""
    start = clock()
    work()
    return clock() - start


def median(clock: Callable[[], float], work: Callable[[], object]) -> float:
    """Median seconds of ``work`` by ``clock``."""
    return statistics.median(seconds(clock, work) for _ in range(REPEATS))


def growth(sizes: tuple[int, ...], work: Callable[[int], object]) -> dict[str, object]:
    """CPU seconds at each of ``sizes``, and the slope of the upper half of them in logarithms."""
    work(sizes[0])
    medians = [median(time.process_time, lambda size=size: work(size)) for size in sizes]
    upper = len(sizes) // 2
    slope = np.polyfit(np.log(sizes[upper:]), np.log(medians[upper:]), 1)[0]
    return {"sizes": sizes, "cpu_seconds": medians, "slope": float(slope)}


def evaluate_alone(store: ReplayStore) -> None:
    """What one process does of the work of two."""
    evaluate("cmc", store, seeds=5_000)


def processes(store: ReplayStore) -> dict[str, float]:
    """Wall seconds of an evaluation with one process, with two, with two that have run before, and twice at a time."""

    def run(jobs: int) -> None:
        evaluate("cmc", store, seeds=5_000, jobs=jobs)

    def run_twice() -> None:
        Parallel(2)(delayed(evaluate_alone)(store) for _ in range(2))

    def start_and_run() -> None:
        get_reusable_executor().shutdown()
        run(2)

    works = {"one": lambda: run(1), "two": start_and_run, "again": lambda: run(2), "twice": run_twice}
    # Taken in turn, so that a machine that is slow for a while is so for each of them.
    turns = [{name: seconds(time.perf_counter, work) for name, work in works.items()} for _ in range(REPEATS)]
    one, two, again, twice = (statistics.median(turn[name] for turn in turns) for name in works)
    return {
        "one": one,
        "two": two,
        "ratio": one / two,
        "two_again": again,
        "ratio_again": one / again,
        "one_twice_at_a_time": twice,
        "ratio_of_the_machine": 2 * one / twice,
    }


def main() -> None:
    stores = {size: synthetic_store(size, BRANCHES) for size in QUESTIONS}
    result = {
        "questions": growth(QUESTIONS, lambda size: evaluate("cmc", stores[size], seeds=25)),
        "seeds": growth(SEEDS, lambda seeds: evaluate("cmc", stores[100], seeds=seeds)),
        "processes": processes(stores[300]),
    }
    figure, axes = plt.subplots(1, 2, figsize=(9, 4), sharey=True)
    for axis, name in zip(axes, ("questions", "seeds"), strict=True):
        sizes, times = result[name]["sizes"], result[name]["cpu_seconds"]
        axis.loglog(sizes, times, marker="o", label=f"measured, slope {result[name]['slope']:.2f}")
        axis.loglog(sizes, [times[-1] * size / sizes[-1] for size in sizes], linestyle="--", label="linear")
        axis.set_xlabel(name)
        axis.legend()
        print(
            f"{name}: {dict(zip(sizes, np.round(times, 3).tolist(), strict=True))}, slope {result[name]['slope']:.2f}"
        )
    axes[0].set_ylabel("CPU seconds")
    figure.tight_layout()
    figure.savefig(RESULTS / "evaluation_scaling.png", dpi=120)
    print(
        f"two processes: {result['processes']['ratio']:.2f} times as fast as one with their start, "
        f"{result['processes']['ratio_again']:.2f} times where they have run before; two that share nothing do "
        f"{result['processes']['ratio_of_the_machine']:.2f} times the work of one"
    )
    (RESULTS / "evaluation_scaling.json").write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
