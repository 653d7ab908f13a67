"""The tokens that discovered programs need for the accuracy of ``cmc``, and what their answers contribute.

    pip install -e .
    python benchmarks/against_cmc.py DATA

DATA holds ``autotts/*/aime24.json``. Published rules, 100 branch orders, means of the stores. ``relay`` also answers in
the ways of other aggregators: it does the same, but for what it says in the end. Writes ``results/against_cmc.csv``.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
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


def main(data: str) -> None:
    stores = [load_store(str(file)) for file in sorted(Path(data).glob("autotts/*/aime24.json"))]
    runs = [
        evaluate(ProgramController(program, program.resolve({"beta": float(knob)})), store, ORDERS, "published").rows
        for name, program in FAMILIES.items()
        for knob in (BETAS if name == "cmc" else KNOBS)
        for store in stores
    ]
    found = frontier(pd.concat(runs))
    table = found.points[found.points["family"] == "cmc"][["controller", "accuracy", "tokens"]]
    for name in FAMILIES:
        needed = [found.tokens_to_reach(name, accuracy) for accuracy in table["accuracy"]]
        table[name] = needed / table["tokens"]
    table = table.drop(columns="cmc")
    table.to_csv(RESULTS, index=False, float_format="%.3f")
    print(table.round(3).to_string(index=False))


if __name__ == "__main__":
    main(*sys.argv[1:])
