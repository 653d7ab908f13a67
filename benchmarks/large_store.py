"""A large store: memory to write it, time to open it, memory of the workers that evaluate on it.

    python benchmarks/large_store.py [QUESTIONS]

Writes a synthetic store of 10,000 questions, 128 branches a question and up to 80 probes a branch to a temporary
directory, opens it several times, and evaluates ``cmc`` on it in two worker processes. Writing and each opening run in
a process of their own; memory is the most that was resident (VmHWM), with the mapped pages that were touched. Writes
``large_store.json`` in ``benchmarks/results`` and prints Markdown.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tts_gym.agents.specs import parse_spec
from tts_gym.datasets import load_store, summarise, synthetic_metadata, synthetic_questions, write_store
from tts_gym.evaluation.evaluate import evaluate_many
from tts_gym.evaluation.workers import Workers

RESULTS = Path(__file__).parent / "results"
BRANCHES = 128
WARM_OPENINGS = 5
SEEDS = 50


def peak_memory() -> float:
    """The most memory that this process had resident, in MB."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1e3


def write(directory: str, questions: int) -> dict[str, float]:
    start = time.perf_counter()
    write_store(directory, synthetic_questions(questions, BRANCHES), synthetic_metadata(questions, BRANCHES))
    return {"seconds": time.perf_counter() - start, "peak_mb": peak_memory()}


def opening(directory: str) -> dict[str, float]:
    start = time.perf_counter()
    load_store(directory)
    return {"seconds": time.perf_counter() - start, "peak_mb": peak_memory()}


class Measured:
    """``cmc``, noting the peak memory of each worker that runs it."""

    def __init__(self, directory: Path) -> None:
        """Note in ``directory``."""
        self.directory = directory
        self.controller = parse_spec("cmc")[0]
        self.name, self.upper_bound = "cmc", False
        self.parameters, self.defaults = self.controller.parameters, self.controller.defaults
        self.signals, self.probes = self.controller.signals, self.controller.probes

    def identity(self) -> str:
        """That of ``cmc``."""
        return self.controller.identity()

    def run(self, store: Any, seeds: Any, rules: Any) -> Any:
        """Run ``cmc``."""
        rows = self.controller.run(store, seeds, rules)
        (self.directory / f"{seeds[0]}.txt").write_text(str(peak_memory()))
        return rows


def evaluation(directory: str, notes: Path) -> dict[str, float]:
    start = time.perf_counter()
    for _ in evaluate_many([(Measured(notes), load_store(directory))], SEEDS, workers=Workers(2)):
        pass
    seconds = time.perf_counter() - start
    return {"seconds": seconds, "peak_mb": max(float(note.read_text()) for note in notes.iterdir())}


def alone(work: Any, *arguments: Any) -> Any:
    """The result of ``work`` in a new process."""
    with ProcessPoolExecutor(1, get_context("spawn")) as executor:
        return executor.submit(work, *arguments).result()


def main() -> None:
    questions = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    with TemporaryDirectory() as temporary:
        directory = str(Path(temporary) / "store")
        written = alone(write, directory, questions)
        tables = sum(file.stat().st_size for file in Path(directory).iterdir()) / 1e6
        cold = alone(opening, directory)
        warm = [alone(opening, directory) for _ in range(WARM_OPENINGS)]
        mapped = sum(file.stat().st_size for file in Path(directory, ".cache").rglob("*.npy")) / 1e6
        facts = summarise(load_store(directory))
        (notes := Path(temporary) / "notes").mkdir()
        worker = evaluation(directory, notes)
    result = {
        "questions": questions,
        "branches": facts.branches,
        "probes": facts.probes,
        "tables_mb": tables,
        "mapped_mb": mapped,
        "write": written,
        "first_opening": cold,
        "warm_opening_seconds": statistics.median(run["seconds"] for run in warm),
        "slowest_warm_opening_seconds": max(run["seconds"] for run in warm),
        "evaluation": {"seeds": SEEDS, "jobs": 2, "seconds": worker["seconds"], "worker_peak_mb": worker["peak_mb"]},
        "worker_peak_bound_mb": 1.5 * mapped + 300,
    }
    (RESULTS / "large_store.json").write_text(json.dumps(result, indent=1) + "\n")
    print(f"{facts.probes:,} probes, tables {tables:,.0f} MB, mapped arrays {mapped:,.0f} MB")
    print(f"written in {written['seconds']:.0f} s with {written['peak_mb']:,.0f} MB")
    print(f"opened in {cold['seconds']:.1f} s the first time, then in {result['warm_opening_seconds']:.2f} s")
    print(f"worker: {worker['peak_mb']:,.0f} MB, bound {result['worker_peak_bound_mb']:,.0f} MB")


if __name__ == "__main__":
    main()
