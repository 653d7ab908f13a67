"""How a policy does on questions that it does not learn from, while it learns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tts_gym.agents.rl.policy import play
from tts_gym.datasets.store import ReplayStore
from tts_gym.files import write_whole

COST_WEIGHTS = 5
"""Cost weights that a policy is judged at, evenly spread on a log scale over the range that it learns with."""


class Validation:
    """The curve of a training: accuracy, tokens and return at each cost weight, and the score, which is their mean.

    The return of an episode is 1 if its answer is right, less the cost weight times its tokens in mean branch lengths
    of its store.

    Attributes:
        best: the best score so far.
        timesteps: when it was validated last; -1 for never.
    """

    def __init__(
        self, file: Path, env: str, arguments: Mapping[str, Any], stores: Sequence[ReplayStore], seeds: int, until: int
    ) -> None:
        """Go on with the curve in ``file``, if there is one, as it was after ``until`` timesteps."""
        self._file = file
        self._env = env
        self._arguments = arguments
        self._stores = stores
        self._seeds = range(seeds)
        self._rows = pd.read_csv(file).query("timesteps <= @until") if file.exists() else pd.DataFrame()
        self.best = float(self._rows["score"].max()) if len(self._rows) else -np.inf
        self.timesteps = int(self._rows["timesteps"].max()) if len(self._rows) else -1

    def judge(self, model: Any) -> bool:
        """Play the policy on all questions and note how it did; return whether it is the best one so far."""
        weights = cost_weights(self._arguments)
        rows = pd.DataFrame([self._judge_at(model, weight) for weight in weights])
        rows.insert(0, "timesteps", model.num_timesteps)
        score = float(rows["return"].mean())
        self._rows = pd.concat([self._rows, rows.assign(score=score)], ignore_index=True)
        self.timesteps = model.num_timesteps
        best = score > self.best
        self.best = max(score, self.best)
        return best

    def keep(self) -> None:
        """Write the curve."""
        write_whole(self._file, self._rows.to_csv(index=False).encode())

    def _judge_at(self, model: Any, weight: float) -> dict[str, float]:
        arguments = dict(self._arguments) | {"cost_weight": weight}
        played = [
            play(model, self._env, arguments, store, self._seeds).assign(unit=store.mean_branch_tokens)
            for store in self._stores
        ]
        episodes = pd.concat(played, ignore_index=True)
        accuracy = float(episodes["correct"].mean())
        lengths = float((episodes["tokens"] / episodes["unit"]).mean())
        return {
            "cost_weight": weight,
            "accuracy": 100 * accuracy,
            "tokens": float(episodes["tokens"].mean()),
            "return": accuracy - weight * lengths,
        }


def cost_weights(arguments: Mapping[str, Any]) -> list[float]:
    """The cost weights that a policy is judged at, which learns with ``arguments``."""
    low, high = np.broadcast_to(arguments.get("cost_weight", 0.01), 2).tolist()
    return [low] if low == high else np.geomspace(low, high, COST_WEIGHTS).tolist()
