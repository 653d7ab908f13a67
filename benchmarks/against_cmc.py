"""The tokens that discovered programs need for the accuracy of ``cmc``, and what their answers contribute.

    pip install -e .
    python benchmarks/against_cmc.py DATA

DATA holds ``autotts/*/aime24.json``. Published rules, 100 branch orders, means of the stores. ``relay`` also answers in
the ways of other aggregators: it does the same, but for what it says in the end; and it runs with six branches side by
side instead of two. ``…_path`` is the critical path, in tokens, of the cheapest setting that is as accurate as ``cmc``.
Writes ``results/against_cmc.csv``.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from tts_gym.agents import PROGRAMS
from tts_gym.agents.controller import ProgramController
from tts_gym.agents.programs import relay
from tts_gym.agents.programs.program import Program
from tts_gym.datasets import load_store
from tts_gym.episode import FINISHED, WEIGHTED, Episode
from tts_gym.evaluation import evaluate, frontier

RESULTS = Path(__file__).parent / "results" / "against_cmc.csv"
ORDERS = 100
BETAS = (0, 0.1, 0.2, 0.3, 0.5, 0.8, 1)
KNOBS = np.linspace(0, 1, 21).round(2)


def relay_answering(aggregator: int) -> Callable[..., int]:
    """``relay`` with another answer."""

    def program(episode: Episode, max_width: int, size: int, min_complete: int, level: float, typical: float) -> int:
        relay.relay(episode, max_width, size, min_complete, level, typical)
        return episode.aggregate(aggregator, typical)

    return program


WAYS = {"finished": FINISHED, "weighted": WEIGHTED}
FAMILIES = {name: PROGRAMS[name] for name in ("cmc", "crew", "relay")} | {
    f"relay-{name}": Program(f"relay-{name}", relay_answering(way), relay.schedule) for name, way in WAYS.items()
}
FAMILIES["relay-6"] = Program("relay-6", relay.relay, partial(relay.schedule, size=6))


def main(data: str) -> None:
    stores = [load_store(str(file)) for file in sorted(Path(data).glob("autotts/*/aime24.json"))]
    runs = [
        evaluate(ProgramController(program, settings), store, ORDERS, "published").rows
        for name, program in FAMILIES.items()
        for settings in (program.resolve({"beta": float(knob)}) for knob in (BETAS if name == "cmc" else KNOBS))
        for store in stores
    ]
    rows = pd.concat(runs)
    found, critical = frontier(rows), rows.groupby("controller")["sequential_tokens"].mean()
    of_cmc = found.points[found.points["family"] == "cmc"]
    table = of_cmc[["controller", "accuracy", "tokens"]].assign(path=of_cmc["controller"].map(critical))
    for name in list(FAMILIES)[1:]:
        points = found.points[found.points["family"] == name]
        as_accurate = [points[points["accuracy"] >= accuracy].iloc[0]["controller"] for accuracy in table["accuracy"]]
        needed = [found.tokens_to_reach(name, accuracy) for accuracy in table["accuracy"]]
        table[name], table[f"{name}_path"] = needed / table["tokens"], critical[as_accurate].to_numpy()
    table.to_csv(RESULTS, index=False, float_format="%.3f")
    print(table.round(3).to_string(index=False))


if __name__ == "__main__":
    main(*sys.argv[1:])
