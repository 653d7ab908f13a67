"""What collecting at scale costs beside the engines, over an engine that computes nothing.

    pip install -e '.[collect]'
    python benchmarks/collector_scale.py [QUESTIONS [STORE_QUESTIONS]]

The whole it is about: 1,000 questions with 128 branches of 30,000 tokens, a probe after every 500, on eight engines of
20,000 tokens a second with 512 sequences in flight each. One such engine is simulated, without its time, on fewer
QUESTIONS (10) of full length: it hands out 32 tokens at a time with 20 log-probabilities a token. The processor time of
``collect``, without what the engine takes, is set against the seconds that such an engine would have been at work, and
its memory is looked at all along. What the backend of a real engine takes in the same process is not part of it.

Then the shards of STORE_QUESTIONS (125: the share of one engine, 16,000 branches) are made a store. Writes
``results/collector_scale.json``.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import wraps
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from character_tokenizer import CharacterTokenizer
from tts_gym.answers.equivalence import Equivalence
from tts_gym.answers.reader import answer_reader
from tts_gym.collectors.collect import CollectionProgress, RunUnits, collect
from tts_gym.collectors.collector import PIECE, Collector
from tts_gym.collectors.questions import Question
from tts_gym.collectors.settings import CollectionSettings
from tts_gym.collectors.shards import open_shards
from tts_gym.collectors.store import make_store
from tts_gym.collectors.tasks import TaskScorer
from tts_gym.collectors.units import TokenUsage, UnitResult, all_units
from tts_gym.datasets.schema import RecordedBranch
from tts_gym.llm import Backend, Completion, Delta, Request, Result, Signals
from tts_gym.llm.pending import Pending

RESULTS = Path(__file__).parent / "results"
TOKENS_PER_SECOND, IN_FLIGHT, TOKENS, TOP = 20_000, 512, 30_000, 20
SETTINGS = CollectionSettings("none", "none", max_tokens=2 * TOKENS, top_logprobs=TOP)
SENTENCE = "We look at the next case and see that 3 of the 7 remain. "


def timed(method: Any) -> Any:
    """Count the processor time of a method as that of the engine."""

    @wraps(method)
    def timing(self: SimulatedEngine, *arguments: Any) -> Any:
        start = time.thread_time()
        try:
            return method(self, *arguments)
        finally:
            self.cpu_seconds += time.thread_time() - start

    return timing


class SimulatedEngine(Backend):
    """Generates ``PIECE`` tokens of all its sequences at each call; branches have 30,000 on average.

    Attributes:
        generated: tokens that it has generated.
        cpu_seconds: processor time that it took.
    """

    def __init__(self) -> None:
        """Begin without requests."""
        self.model, self.tokenizer, self.context = "none", CharacterTokenizer(), None
        self.signals = Signals(True, True, TOP, False, True, True)
        self.generated, self.cpu_seconds = 0, 0.0
        self._pending = Pending(self.model, self.signals, None)
        self._left: dict[int, int] = {}
        self._length: dict[int, int] = {}
        self._rng = np.random.default_rng(0)
        logprobs = -np.sort(self._rng.exponential(1.0, (PIECE, TOP)).astype(np.float32))
        self._piece = np.zeros(PIECE, np.int32), "", logprobs[:, 0].copy(), logprobs
        self._text = SENTENCE * (4 * TOKENS // len(SENTENCE))

    @timed
    def submit(self, requests: Iterable[Request]) -> None:
        """See ``Backend``."""
        for request in self._pending.add(requests):
            length = int(self._rng.integers(TOKENS // 2, 3 * TOKENS // 2)) if request.stream else 0
            self._left[request.key] = self._length[request.key] = length

    @timed
    def arrived(self) -> list[Delta | Result]:
        """See ``Backend``."""
        events: list[Delta | Result] = []
        for key in list(self._pending.requests):
            self._left[key] -= PIECE
            if self._left[key] > 0:
                self.generated += PIECE
                events.append(Delta(key, *self._piece))
            else:
                events.append(self._result(key))
        return events

    def cancel(self, keys: Iterable[int]) -> None:
        """See ``Backend``."""
        self._pending.drop(keys)

    def wake(self) -> None:
        """See ``Backend``: nothing waits."""

    def close(self) -> None:
        """See ``Backend``."""

    def _result(self, key: int) -> Result:
        request = self._pending.requests.pop(key)
        length = self._length.pop(key)
        del self._left[key]
        answer = self._rng.integers(10)
        if request.stream:
            told = (length - 1) // PIECE * PIECE
            logprobs = np.full((length - told, TOP), -0.5, np.float32)
            tokens = self._rng.integers(256, 150_000, length, np.int32)
            text = f"{self._text}The final answer is {answer}."
            drawn = Completion(tokens, text, "stop", logprobs[:, 0], logprobs, told=told)
            self.generated += length - told
        else:
            text = f"{answer}}}."
            tokens = np.array(self.tokenizer.encode(text), np.int32)
            drawn = Completion(tokens, text, "stop", np.full(len(tokens), -0.5, np.float32))
            self.generated += len(tokens)
        return Result(key, (drawn,), len(request.prompt), len(request.prompt) // 16 * 16)


def questions(number: int) -> list[Question]:
    return [Question(f"q{place}", f"What is {place} + 1?", str(place % 10)) for place in range(number)]


def memory_mb(which: str = "VmRSS") -> int:
    """The memory that this process has, or has had at most (``VmHWM``)."""
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith(which)) // 1024


def collecting(number: int) -> dict[str, Any]:
    """Collect ``number`` questions with one engine."""
    engine, memory, before = SimulatedEngine(), [], memory_mb()

    @contextmanager
    def runner(settings: CollectionSettings) -> Iterator[RunUnits]:
        with answer_reader(settings.answers) as reader:
            yield Collector(engine, settings, reader, IN_FLIGHT).run
        memory.append(memory_mb())

    def watch(progress: CollectionProgress) -> None:
        if progress.done * 10 >= progress.branches * (len(memory) + 1):
            memory.append(memory_mb())

    start = time.process_time()
    with TemporaryDirectory() as temporary:
        progress = collect(questions(number), SETTINGS, Path(temporary) / "store", "sums", runner=runner, watch=watch)
    cpu = time.process_time() - start - engine.cpu_seconds
    seconds = engine.generated / TOKENS_PER_SECOND
    return {
        "questions": number,
        "branches": progress.done,
        "generated_tokens": engine.generated,
        "engine_seconds": round(seconds),
        "collector_cpu_seconds": round(cpu, 1),
        "collector_cpu_share": round(cpu / seconds, 4),
        "memory_mb_before": before,
        "memory_mb_at_tenths": memory,
        "memory_mb_peak": memory_mb("VmHWM"),
    }


def finalising(number: int) -> dict[str, Any]:
    """Keep the branches of ``number`` questions as a collection does, and make them a store."""
    asked, probes = questions(number), (TOKENS - 1) // SETTINGS.interval
    rng = np.random.default_rng(0)
    signals = ("mean_logprob", "min_logprob", "tail_logprob", "topk_confidence", "answer_logprob")

    def branch() -> RecordedBranch:
        answers = [str(answer) for answer in rng.integers(10, size=probes)]
        values = {name: rng.random(probes, np.float32).tolist() for name in signals}
        said = [f"{answer}}}." for answer in answers]
        return RecordedBranch(TOKENS, [*answers], answers[0], "stop", values, said, [3] * probes, marker="phrase")

    with TemporaryDirectory() as temporary, open_shards(Path(temporary) / "store", SETTINGS) as shards:
        start = time.process_time()
        shards.note_session({"started": "now", "tools": {}})
        for unit in all_units(asked, SETTINGS.branches, SETTINGS.block):
            for place in unit.numbers:
                shards.keep(UnitResult(unit, {place: branch()}, TokenUsage()))
            shards.join(unit)
        kept = time.process_time()
        with Equivalence() as equivalence, TaskScorer() as tasks:
            make_store(shards, asked, SETTINGS, "sums", "MIT", equivalence.classes, tasks)
        made = time.process_time()
        sizes = [file.stat().st_size for file in Path(temporary).rglob("*.parquet")]
    return {
        "questions": number,
        "branches": number * SETTINGS.branches,
        "keeping_cpu_seconds": round(kept - start, 1),
        "finalising_cpu_seconds": round(made - kept, 1),
        "mb_on_disk": sum(sizes) // 2**20,
        "memory_mb_peak": memory_mb("VmHWM"),
    }


def main() -> None:
    numbers = (*map(int, sys.argv[1:]), *(10, 125)[len(sys.argv) - 1 :])
    results = {}
    for name, measure, number in zip(("collecting", "finalising"), (collecting, finalising), numbers, strict=True):
        with ProcessPoolExecutor(1, get_context("spawn")) as executor:
            results[name] = executor.submit(measure, number).result()
        print(json.dumps({name: results[name]}, indent=1), flush=True)
    (RESULTS / "collector_scale.json").write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
