"""What the jail costs: a compiled candidate on four stores, 11 values of its knob and 100 seeds, in it and without it.

    python benchmarks/sandbox.py DATA

DATA is a directory with the published stores (``autotts/*/aime24.json``). The candidate is the shipped ``cmc``. Both
sides compile it, run it and make the tables of its episodes, in a process forked from one that has the interpreter and
the kernels ready, as all candidates of a search but the first find them; what comes from the jail is recounted. Each
repeat has a source never compiled before. The overhead is in processor seconds, all processes together, of the median
repeat; the recount's are those of the parent, reading included. Writes ``benchmarks/results/sandbox.json`` and prints
it.
"""

from __future__ import annotations

import inspect
import json
import multiprocessing
import os
import re
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numba
import numpy as np
import pandas as pd

from tts_gym.agents import Program, ProgramController
from tts_gym.agents.programs import cmc
from tts_gym.agents.recount import Recounter
from tts_gym.datasets import ReplayStore, load_store
from tts_gym.episode.rules import EpisodeRules
from tts_gym.sandbox.agreement import SAMPLE, Sample
from tts_gym.sandbox.candidate import Candidate, read_candidate
from tts_gym.sandbox.child import runner
from tts_gym.sandbox.jail import JailRun, Limits, run_jailed
from tts_gym.sandbox.names import names_of

RESULTS = Path(__file__).parent / "results"
BETAS = [round(0.1 * step, 1) for step in range(11)]
SEEDS = range(100)
RULES = EpisodeRules(published=True)
REPEATS = 5
LIMITS = Limits(seconds=600)
"""Enough on a machine that is busy with other things."""


def candidate(number: int) -> Candidate:
    """The shipped ``cmc`` as a candidate; each ``number`` compiles anew, and does the same."""
    body = inspect.getsource(cmc).partition("_MAX_ROUNDS = 500")[2].partition("PROGRAM =")[0]
    body = re.sub(r"beta: Annotated\[.*?\)\] = 0.5", "beta: float", body.replace("def cmc(", "def program("))
    return read_candidate(body.replace("_MAX_ROUNDS", str(500 + number)))


def children(process: int | str) -> list[str]:
    """Ids of the processes that ``process``, which has no threads that start any, has started."""
    return Path("/proc", str(process), "task", str(process), "children").read_text().split()


def processor_seconds() -> float:
    """Of this process, and of the processes that its fork servers have waited for: the jails."""
    total = time.process_time()
    for fork_server in children(os.getpid()):
        for server in children(fork_server):
            fields = Path("/proc", server, "stat").read_text().rpartition(")")[2].split()
            total += (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")
    return total


def forked(function: Callable[..., Any], *arguments: Any) -> Any:
    """What ``function`` returns in a fork of this process; sent to one, arrays would be of types not compiled for."""
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()
    process = context.Process(target=lambda: theirs.send(function(*arguments)))
    process.start()
    returned = ours.recv()
    process.join()
    return returned


def without_jail(one: Candidate, stores: list[ReplayStore]) -> tuple[float, float, list[pd.DataFrame]]:
    """Seconds by the clock, processor seconds and tables of the same work in this process."""
    start, used = time.perf_counter(), time.process_time()
    names = names_of(one.source, one.audited)
    program = Program("program", names["program"])
    rows = [
        ProgramController(program, names["schedule"](beta)).run(store, SEEDS, RULES).assign(beta=beta)
        for store in stores
        for beta in BETAS
    ]
    return time.perf_counter() - start, time.process_time() - used, rows


def in_jail(one: Candidate, stores: list[ReplayStore]) -> JailRun:
    run = run_jailed(one, stores, BETAS, SEEDS, RULES, LIMITS)
    assert run.failure is None, run.failure
    return run


def timing(owner: type, name: str, clock: Callable[[], float]) -> list[float]:
    """What each call of a method takes from now on by ``clock``, in seconds."""
    method, spent = getattr(owner, name), []

    def timed(*arguments: Any) -> Any:
        start = clock()
        try:
            return method(*arguments)
        finally:
            spent.append(clock() - start)

    setattr(owner, name, timed)
    return spent


def main() -> None:
    """Measure, write and print."""
    # Without the jail compiled code is cached, and a second run of this script would find it.
    numba.config.CACHE_DIR = tempfile.mkdtemp()
    stores = [load_store(path) for path in sorted((Path(sys.argv[1]) / "autotts").glob("*/aime24.json"))]
    start = time.perf_counter()
    runner.warm_up()
    loading = time.perf_counter() - start
    start = time.perf_counter()
    first = in_jail(candidate(0), stores)
    first_seconds = time.perf_counter() - start
    jailed, jailed_processor, free, free_processor = [], [], [], []
    checks = timing(Sample, "disagreement", processor_seconds)
    recounts = timing(Recounter, "run", time.process_time)
    for number in range(1, REPEATS + 1):
        one = candidate(number)
        start, used = time.perf_counter(), processor_seconds()
        run = in_jail(one, stores)
        jailed.append(time.perf_counter() - start)
        jailed_processor.append(processor_seconds() - used)
        seconds, used, rows = forked(without_jail, one, stores)
        free.append(seconds)
        free_processor.append(used)
        for inside, outside in zip(run.rows or [], rows, strict=True):
            pd.testing.assert_frame_equal(inside, outside)
    result = {
        "stores": len(stores),
        "betas": len(BETAS),
        "seeds": len(SEEDS),
        "episodes": sum(len(store) for store in stores) * len(BETAS) * len(SEEDS),
        "isolation": first.isolation,
        "seconds_in_jail": round(median(jailed), 2),
        "seconds_without": round(median(free), 2),
        "processor_seconds_in_jail": round(median(jailed_processor), 2),
        "processor_seconds_without": round(median(free_processor), 2),
        "check_episodes": SAMPLE,
        "check_processor_seconds": round(median(checks), 2),
        "recount_processor_seconds": round(sum(recounts) / REPEATS, 2),
        "overhead_percent": round(100 * (median(jailed_processor) / median(free_processor) - 1), 1),
        "first_candidate_seconds_in_jail": round(first_seconds, 2),
        "warm_up_seconds_without": round(loading, 2),
        "cores": os.cpu_count(),
        "load_average": round(os.getloadavg()[0], 1),
        "numba": numba.__version__,
        "numpy": np.__version__,
    }
    (RESULTS / "sandbox.json").write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
