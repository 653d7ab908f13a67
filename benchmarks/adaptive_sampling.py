"""Stopping by the votes alone, learned and by rule, on AIME24: ``rl-sampling`` and ``sc-cancel`` beside other programs.

    pip install -e '.[rl]'
    python benchmarks/adaptive_sampling.py DATA

DATA holds ``autotts/*/aime24.json``. Trains the network of ``rl-sampling`` (arXiv 2606.03102; its docstring says what
is the paper's and what is ours) without each of five folds of the questions, and on all of them, which is shipped:
``src/tts_gym/agents/programs/rl_sampling.json``. Each network is judged on the fold that it was not trained on. Every
setting of both programs is compared with ``asc``, ``cmc`` and ``crew`` at equal tokens: with the two settings of these
that spend next less and next more, mixed so as to spend the same. Writes ``benchmarks/results/adaptive_sampling.csv``
and prints it. Trainings are kept in ``runs/adaptive_sampling``.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pandas as pd
from gymnasium.vector import AutoresetMode, VectorEnv
from numpy.typing import NDArray

from tts_gym.agents.programs.program import Program
from tts_gym.agents.programs.rl_sampling import (
    COUNTED,
    HIGHEST_PRICE,
    LOWEST_PRICE,
    MOST_SAMPLES,
    SAMPLES,
    learned_weights,
    rl_sampling,
    statistics,
)
from tts_gym.datasets import ReplayStore, load_store
from tts_gym.datasets.folds import select_fold
from tts_gym.evaluation import compare, evaluate
from tts_gym.evaluation.statistics import question_means
from tts_gym.files import write_whole

RESULT = Path(__file__).parent / "results" / "adaptive_sampling.csv"
SHIPPED = Path(__file__).parents[1] / "src" / "tts_gym" / "agents" / "programs" / "rl_sampling.json"
RUNS = Path("runs/adaptive_sampling")
FOLDS, SEEDS = 5, 100

ORDERS, ENVIRONMENTS, STEPS = 100, 128, 2_000_000
"""Of a training: branch orders of each question, environments side by side, steps."""

LAYERS = [16, 16, 16]
DECIMALS = 4
"""Of a weight, as it is kept."""

PRICES = (0.0005, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1)
WIDTHS = (8, 16, 32, 64)
OTHERS = {
    "asc": [f"asc:threshold={threshold}" for threshold in (0.5, 0.7, 0.8, 0.85, 0.9, 0.95, 0.98, 0.995)],
    "cmc": [f"cmc:beta={beta}" for beta in (0, 0.05, 0.1, 0.2, 0.3, 0.5, 0.8, 1)],
    "crew": [f"crew:beta={beta}" for beta in (0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1)],
}


class Sampling(VectorEnv[NDArray[np.float32], NDArray[np.int64], NDArray[np.int64]]):
    """The decision process of the paper, over samples drawn in many orders.

    The reward is minus a price for a sample and for a round; at the end 1 where the majority is that of all
    ``MOST_SAMPLES``, else -1. The price is drawn log-uniformly for each episode.
    """

    metadata = {"autoreset_mode": AutoresetMode.SAME_STEP}

    def __init__(self, stores: Sequence[ReplayStore]) -> None:
        """Draw the orders of every question of ``stores``."""
        self.num_envs = ENVIRONMENTS
        self.single_observation_space = gym.spaces.Box(0, 1, (COUNTED + 3,), np.float32)
        self.single_action_space = gym.spaces.Discrete(len(SAMPLES))
        self.observation_space = gym.vector.utils.batch_space(self.single_observation_space, ENVIRONMENTS)
        self.action_space = gym.vector.utils.batch_space(self.single_action_space, ENVIRONMENTS)
        self._generator = np.random.default_rng(0)
        played = [self._play(answers) for store in stores for answers in final_answers(store) for _ in range(ORDERS)]
        self._seen = np.array([seen for seen, _ in played], np.float32)
        self._agrees = np.array([agrees for _, agrees in played])
        self._deck, self._samples, self._price = (np.zeros(ENVIRONMENTS, kind) for kind in (int, int, float))

    def _play(self, answers: NDArray[np.int64]) -> tuple[Any, Any]:
        """The statistics after each number of samples in some order, and whether the majority is the last one."""
        drawn = self._generator.permutation(answers)[:MOST_SAMPLES]
        votes = [np.bincount(drawn[:n], minlength=drawn.max() + 1) for n in range(len(drawn) + 1)]
        # Ties go to the answer that came first.
        leaders = [max(drawn[:n].tolist(), key=count.__getitem__, default=-1) for n, count in enumerate(votes)]
        seen = [statistics(count, n, LOWEST_PRICE) for n, count in enumerate(votes)]
        return seen, np.array(leaders) == leaders[-1]

    def reset(self, *, seed: Any = None, options: Any = None) -> tuple[NDArray[np.float32], dict[str, Any]]:
        """Begin everywhere."""
        self._begin(np.ones(ENVIRONMENTS, np.bool_))
        return self._observe(), {}

    def _begin(self, ended: NDArray[np.bool_]) -> None:
        number = int(ended.sum())
        self._samples[ended] = 0
        self._deck[ended] = self._generator.integers(len(self._seen), size=number)
        self._price[ended] = LOWEST_PRICE * (HIGHEST_PRICE / LOWEST_PRICE) ** self._generator.random(number)

    def _observe(self) -> NDArray[np.float32]:
        seen = self._seen[self._deck, self._samples]
        seen[:, -1] = np.log(self._price / LOWEST_PRICE) / np.log(HIGHEST_PRICE / LOWEST_PRICE)
        return seen

    def step(self, actions: NDArray[np.int64]) -> tuple[Any, ...]:
        """Take an action in every environment."""
        more = np.minimum(SAMPLES[actions], MOST_SAMPLES - self._samples)
        self._samples += more
        ended = (more == 0) | (self._samples == MOST_SAMPLES)
        rewards = -self._price * (more + (more > 0))
        rewards += np.where(ended, np.where(self._agrees[self._deck, self._samples], 1.0, -1.0), 0.0)
        last = self._observe()
        self._begin(ended)
        told = {"final_obs": last, "final_info": {}} if ended.any() else {}
        return self._observe(), rewards, ended, np.zeros_like(ended), told


def final_answers(store: ReplayStore) -> list[NDArray[np.int64]]:
    """The answer classes in which the branches of each question end."""
    tables = store.tables
    answers = tables.answers[tables.answer_start[1:] - 1].astype(np.int64)
    return np.split(answers, tables.branch_start[1:-1])


def train(stores: Sequence[ReplayStore], file: Path) -> None:
    """Train the network and keep its layers."""
    from stable_baselines3 import PPO
    from torch import nn

    from tts_gym.agents.rl.sb3 import SB3VecEnv

    model = PPO(
        "MlpPolicy",
        SB3VecEnv(Sampling(stores)),
        learning_rate=lambda left: 1e-3 * left,
        n_steps=64,
        batch_size=2048,
        n_epochs=5,
        gamma=1.0,
        ent_coef=0.005,
        policy_kwargs={"net_arch": {"pi": LAYERS, "vf": [64, 64]}, "activation_fn": nn.ReLU},
        seed=0,
        device="cpu",
    ).learn(STEPS)
    layers = [layer for layer in model.policy.mlp_extractor.policy_net if isinstance(layer, nn.Linear)]
    numbers = [
        np.column_stack([layer.weight.tolist(), layer.bias.tolist()]).round(DECIMALS).tolist()
        for layer in (*layers, model.policy.action_net)
    ]
    write_whole(file, (json.dumps(numbers, separators=(",", ":")) + "\n").encode())


def learned(stores: Sequence[ReplayStore], price: float) -> pd.DataFrame:
    """Episode rows of ``rl-sampling`` on the questions that its networks were not trained on."""
    parts = []
    for fold in range(1, FOLDS + 1):
        weights = learned_weights(RUNS / f"{fold}.json")
        program = Program("rl-sampling", rl_sampling, lambda weights=weights: {"price": price, "weights": weights})
        for store in stores:
            unseen = select_fold(store, f"only={fold}/{FOLDS}")
            parts.append(evaluate(program, unseen, SEEDS, "published").rows)
    rows = pd.concat(parts)
    return rows.assign(store=rows["store"].str.partition("?")[0])


def played(stores: Sequence[ReplayStore], spec: str) -> pd.DataFrame:
    return pd.concat([evaluate(spec, store, SEEDS, "published").rows for store in stores])


COLUMNS = ("correct", "tokens", "sequential_tokens")


def at_equal_tokens(means: pd.DataFrame, others: Sequence[pd.DataFrame]) -> pd.DataFrame | None:
    """The two of ``others`` that spend next less and next more than ``means``, mixed; None where there are none."""
    spent = means["tokens"].mean()
    ranked = sorted(others, key=lambda other: float(other["tokens"].mean()))
    for less, more in zip(ranked, ranked[1:], strict=False):
        low, high = less["tokens"].mean(), more["tokens"].mean()
        if low <= spent <= high:
            share = (spent - low) / (high - low)
            return (1 - share) * less + share * more
    return None


def main() -> None:
    """Train, judge, compare, write and print."""
    stores = [load_store(str(file)) for file in sorted(Path(sys.argv[1]).glob("autotts/*/aime24.json"))]
    for fold in range(1, FOLDS + 1):
        if not (RUNS / f"{fold}.json").exists():
            train([select_fold(store, f"except={fold}/{FOLDS}") for store in stores], RUNS / f"{fold}.json")
    if not SHIPPED.exists():
        train(stores, SHIPPED)
    others = {name: [question_means(played(stores, spec), COLUMNS) for spec in specs] for name, specs in OTHERS.items()}
    judged = {f"rl-sampling:price={price}": learned(stores, price) for price in PRICES}
    judged |= {f"sc-cancel:n={n}": played(stores, f"sc-cancel:n={n}") for n in WIDTHS}
    lines = []
    for spec, rows in judged.items():
        means = question_means(rows, COLUMNS)
        right, tokens, sequential = means.mean()
        line = {"controller": spec, "accuracy": 100 * right, "tokens": tokens, "sequential_tokens": sequential}
        for name, settings in others.items():
            other = at_equal_tokens(means, settings)
            if other is not None:
                found, low, high = compare(means.reset_index(), other.reset_index()).loc["accuracy"]
                line |= {name: found, f"{name}_low": low, f"{name}_high": high}
        lines.append(line)
    table = pd.DataFrame(lines)
    table.to_csv(RESULT, index=False, float_format="%.2f")
    print(table.round(2).to_string(index=False))


if __name__ == "__main__":
    main()
