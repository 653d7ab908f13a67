"""A policy cloned from ``crew`` beside ``crew``, over its knob, on branch orders that it was not cloned from.

    pip install -e '.[rl]'
    python benchmarks/cloning.py DATA

DATA holds ``autotts/*/aime24.json``. Both answer by the plain vote of the finished branches, under the published rules;
questions are those of the cloning. Writes ``results/rl/cloned_crew.csv`` and prints it. Two minutes on one core.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pandas as pd

from tts_gym.agents.controller import graded_rows
from tts_gym.agents.programs.crew import crew
from tts_gym.agents.programs.program import Program
from tts_gym.agents.replay import replay
from tts_gym.agents.rl.cloning import clonable, clone, price_of
from tts_gym.agents.rl.config import Config, read_settings
from tts_gym.agents.rl.policy import play
from tts_gym.agents.rl.train import new_model
from tts_gym.datasets import load_store
from tts_gym.episode.episode import Episode
from tts_gym.episode.rules import EpisodeRules
from tts_gym.episode.votes import FINISHED

RESULTS = Path(__file__).parent / "results" / "rl" / "cloned_crew.csv"
ENV = "TTSWidthDepthRounds-v1"
ARGUMENTS = {"rules": "published", "aggregator": "finished"}
BETAS = (0, 0.1, 0.2, 0.3, 0.5, 0.8, 1)
ORDERS = range(1000, 1010)


def plain_crew(episode: Episode, *arguments: Any) -> int:
    """``crew`` with the answer of the environment."""
    crew(episode, *arguments)
    return episode.leader(FINISHED)


def means(parts: list[pd.DataFrame]) -> tuple[float, float]:
    """Accuracy in percent, and tokens."""
    rows = pd.concat(parts)
    return 100 * float(rows["correct"].mean()), float(rows["tokens"].mean())


def main(data: str) -> None:
    files = [str(file) for file in sorted(Path(data).glob("autotts/*/aime24.json"))]
    stores = [load_store(file) for file in files]
    settings = read_settings("maskable-ppo", ENV, arguments=ARGUMENTS)
    model = new_model(Config("maskable-ppo", ENV, tuple(files), (), 0, None, settings))
    clone(model, type(model), clonable("crew", "maskable-ppo", ENV), ENV, settings.arguments, stores, seed=0)
    low, high = settings.arguments["cost_weight"]
    rules, rows = EpisodeRules(published=True), []
    for beta in BETAS:
        program = clonable(f"crew:beta={beta}", "maskable-ppo", ENV)
        given, priced = program.program.arguments(program.parameters), {"cost_weight": price_of(beta, low, high)}
        plain = Program("plain-crew", plain_crew)
        theirs = means([graded_rows(each, ORDERS, replay(plain, given, each, ORDERS, rules)) for each in stores])
        ours = means([play(model, ENV, {**settings.arguments, **priced}, store, ORDERS) for store in stores])
        rows.append((beta, *theirs, *ours, ours[0] - theirs[0], 100 * (ours[1] / theirs[1] - 1)))
    names = ("beta", "crew_accuracy", "crew_tokens", "accuracy", "tokens", "points", "tokens_percent")
    table = pd.DataFrame(rows, columns=list(names))
    table.to_csv(RESULTS, index=False, float_format="%.3f")
    print(table.round(2).to_string(index=False))


if __name__ == "__main__":
    main(sys.argv[1])
