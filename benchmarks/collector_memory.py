"""Peak memory of a collection of many questions, over a backend without a model that answers at once.

    pip install -e '.[collect]'
    python benchmarks/collector_memory.py [QUESTIONS…]

Each number of questions, 1,000 and 3,000 and 10,000 by default, is collected in a process of its own: 4 branches a
question with signals and texts, 150 tokens and two probes each. The peaks, as Linux reports them (VmHWM), are those of
drawing and probing, and of the whole run, which ends with the store. Writes ``results/collector_memory.json``.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from character_tokenizer import CharacterTokenizer
from tts_gym.answers.reader import answer_reader
from tts_gym.collectors.collect import RunUnits, collect
from tts_gym.collectors.collector import Collector
from tts_gym.collectors.questions import Question
from tts_gym.collectors.settings import CollectionSettings
from tts_gym.llm import BlockingBackend, Completion, Request, Result, Signals

RESULTS = Path(__file__).parent / "results"
SIZES = (1_000, 3_000, 10_000)
TOKENS = 150
SETTINGS = CollectionSettings(
    "none", "none", branches=4, interval=50, block=4, max_tokens=1_000, top_logprobs=5, keep_text=True
)


class InstantBackend(BlockingBackend):
    """Draws letters that end with an answer, without a model."""

    def __init__(self) -> None:
        """Begin without requests."""
        super().__init__("none", CharacterTokenizer(), Signals(True, True, 5, False, True, True))
        self._rng = np.random.default_rng(0)

    def finished(self) -> list[Result]:
        """See ``Backend``."""
        request = self.pending.requests.pop(min(self.pending.requests))
        drawn = tuple(self._completion(request) for _ in range(request.n))
        return [Result(request.key, drawn, len(request.prompt), 0)]

    def _completion(self, request: Request) -> Completion:
        answer = f"{self._rng.integers(10)}"
        if request.sampling.temperature == 0:
            text = f"{answer}}}."
        else:
            letters = self._rng.integers(97, 123, TOKENS - 22)
            text = f"{self.tokenizer.decode(letters)}The final answer is {answer}."
        tokens = np.array(self.tokenizer.encode(text), np.int32)
        top = request.sampling.top_logprobs
        logprobs = -self._rng.random((len(tokens), max(1, top)), np.float32)
        return Completion(tokens, text, "stop", logprobs[:, 0], np.sort(logprobs)[:, ::-1] if top else None)


def peak_mb() -> float:
    """The most memory that this process has had."""
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) / 1024


def measure(number: int) -> dict[str, float]:
    """Collect ``number`` questions."""
    peaks = {}

    @contextmanager
    def runner(settings: CollectionSettings) -> Iterator[RunUnits]:
        with answer_reader(settings.answers) as reader:
            yield Collector(InstantBackend(), settings, reader).run
        peaks["drawing_peak_mb"] = peak_mb()

    questions = [Question(f"q{place}", f"What is {place} + 1?", str(place % 10)) for place in range(number)]
    start = time.monotonic()
    with TemporaryDirectory() as temporary:
        progress = collect(questions, SETTINGS, Path(temporary) / "store", "sums", runner=runner)
    return {
        "questions": number,
        "branches": number * SETTINGS.branches,
        "generated_tokens": progress.usage.generated,
        "seconds": round(time.monotonic() - start, 1),
        "drawing_peak_mb": round(peaks["drawing_peak_mb"], 1),
        "peak_mb": round(peak_mb(), 1),
    }


def main() -> None:
    sizes = tuple(map(int, sys.argv[1:])) or SIZES
    runs = []
    for size in sizes:
        with ProcessPoolExecutor(1, get_context("spawn")) as executor:
            runs.append(executor.submit(measure, size).result())
        print("{questions:,} questions: drawing {drawing_peak_mb} MB, all {peak_mb} MB".format(**runs[-1]), flush=True)
    (RESULTS / "collector_memory.json").write_text(json.dumps({"runs": runs}, indent=1) + "\n")


if __name__ == "__main__":
    main()
