"""Learned policies beside the hand-made programs, judged on questions that they never saw.

    pip install -e '.[rl,report]'
    python benchmarks/rl_baselines.py baselines [DATA]
    python benchmarks/rl_baselines.py programs [DATA]
    python benchmarks/rl_baselines.py frontier DATA [SETTINGS.yaml [PROGRAM]]
    python benchmarks/rl_baselines.py newcomer

``baselines`` trains every algorithm for the same number of environment steps, with three seeds and in five folds of
the questions, on the bundled store and, if given, on the published AIME24 stores (DATA holds
``autotts/*/aime24.json``). Each policy is judged on the fold that it was not trained on, beside every shipped program
at its defaults and some at settings for that price; ``programs`` judges these alone, and keeps what was trained.
``frontier`` lets MaskablePPO imitate ``relay`` and go on from there with the settings of ``rl_frontier.yaml``, or with
those of another file from a program or from nothing, in five folds and on all questions, sweeps the price of tokens,
and compares with ``cmc``. ``newcomer`` trains what a newcomer would: algorithms at their libraries' defaults on both
environments as they are, on the bundled store. Everything lands in ``benchmarks/results/rl``; trainings are kept in
``runs/rl``, so that an interrupted benchmark goes on.
"""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import gymnasium as gym
import joblib
import numpy as np
import pandas as pd

from tts_gym.agents import PROGRAMS
from tts_gym.agents.replay import branch_order
from tts_gym.agents.rl.algorithms import is_masked
from tts_gym.agents.rl.config import Config, read_settings
from tts_gym.agents.rl.policy import play as play_masked
from tts_gym.agents.rl.train import train
from tts_gym.agents.rl.vector import make_vector
from tts_gym.datasets import ReplayStore, load_store
from tts_gym.datasets.folds import fold_numbers
from tts_gym.evaluation import Frontier, compare, evaluate, frontier
from tts_gym.evaluation.plots import plot_frontier
from tts_gym.evaluation.statistics import question_means
from tts_gym.files import write_whole
from tts_gym.registry import ALGORITHMS

RESULTS = Path(__file__).parent / "results" / "rl"
BASELINES = RESULTS / "baselines.csv"
RUNS = Path("runs/rl")
BASELINE_ENV, FRONTIER_ENV = "TTSWidthDepthRounds-v0", "TTSWidthDepthRounds-v1"
FOLDS, SEEDS, JOBS = 5, 3, 2

STEPS, COST_WEIGHT, ORDERS = 100_000, 0.01, 20
"""Of the baselines: steps of a training, price of tokens, branch orders that each question is judged in."""

COST_WEIGHTS = np.round(np.geomspace(0.0003, 0.06, 22), 6)
"""The price of tokens along the frontier, a little beyond the range that the policies learn with."""

SHORT = Path(__file__).with_name("rl_short.yaml")
"""Settings for so few steps, where the shipped ones are for millions."""

NEWCOMERS = ("ppo", "a2c", "dqn", "maskable-ppo")
NEW = {"TTSWidthDepth-v1": "MultiInputPolicy", "TTSWidthDepthRounds-v1": "MlpPolicy"}
"""What newcomers learn on, with policies that take its observations."""

NEWCOMER_STORE, NEWCOMER_STEPS = "smollm2-arithmetic", 200_000
TUNED = ("sc:n=3", "sc:n=6", "asc:threshold=0.8", "esc:window=2", "short-m@k:m=3,k=6")
"""Programs at settings for that price."""

CONFIDENT = (f"{Path(__file__).with_name('confident_vote.py')}:confident_vote:n=4", "asc-weighted:threshold=0.7")
"""Programs that go by confidence, at their best settings for it; the first answers as the environments do."""

SHIPPED, IMITATED = Path(__file__).with_name("rl_frontier.yaml"), "relay"
"""Settings of the policy that is shipped, and the program that it imitates first."""

FRONTIER_ORDERS = 25
BETAS = (0, 0.1, 0.2, 0.3, 0.5, 0.8, 1)
SHARE = 0.6
"""Of the tokens of ``cmc``: what a policy may spend that is compared with it."""


def aime24(data: str) -> list[str]:
    return [str(file) for file in sorted(Path(data).glob("autotts/*/aime24.json"))]


def without(fold: int, stores: Sequence[str]) -> tuple[str, ...]:
    """All questions but those of ``fold``; all for fold 0."""
    return tuple(f"{store}?except={fold}/{FOLDS}" if fold else store for store in stores)


def fit(config: Config, out: Path) -> Path:
    """The model that a training ends with."""
    train(config, out)
    return out / "final.zip"


def loaded(stores: Sequence[str]) -> list[ReplayStore]:
    return [load_store(store) for store in stores]


def held_out(rows: pd.DataFrame, store: ReplayStore, fold: int) -> pd.DataFrame:
    """The rows of the questions in ``fold``."""
    inside = fold_numbers(store.questions, FOLDS) == fold
    return rows[rows["question_id"].isin(np.array(store.question_ids, dtype=object)[inside])]


def play(model: Path, weight: float, stores: Sequence[ReplayStore], fold: int, rules: str, orders: int) -> pd.DataFrame:
    """Episode rows of a model on the questions that it was not trained on."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*was trained on")
        spec = f"rl:{model}:cost_weight={weight}"
        return pd.concat([held_out(evaluate(spec, store, orders, rules).rows, store, fold) for store in stores])


def question_returns(rows: pd.DataFrame, units: Mapping[str, float]) -> pd.DataFrame:
    """Mean return of each question."""
    price = COST_WEIGHT * rows["tokens"] / rows["store"].map(units)
    return question_means(rows.assign(returned=rows["correct"] - price), ("returned",))


def scored(rows: pd.DataFrame, units: Mapping[str, float]) -> dict[str, float]:
    """Accuracy (%), tokens and mean return of episode rows; questions weigh equally."""
    right, tokens = question_means(rows, ("correct", "tokens")).mean()
    return {"accuracy": 100 * right, "tokens": tokens, "return": question_returns(rows, units)["returned"].mean()}


def baseline(benchmark: str, stores: Sequence[str], rules: str, algorithm: str, seed: int) -> dict[str, Any]:
    arguments = {"rules": rules, "aggregator": "finished", "cost_weight": COST_WEIGHT, "reward_shaping": True}
    file = SHORT if algorithm in ("ppo", "maskable-ppo") else None
    parts, recorded = [], loaded(stores)
    for fold in range(1, FOLDS + 1):
        out = RUNS / benchmark / f"{algorithm}-{seed}-{fold}"
        settings = read_settings(algorithm, BASELINE_ENV, file=file, timesteps=STEPS, arguments=arguments)
        model = fit(Config(algorithm, BASELINE_ENV, without(fold, stores), (), seed, None, settings), out)
        parts.append(play(model, COST_WEIGHT, recorded, fold, rules, ORDERS))
    return {"benchmark": benchmark, "controller": algorithm, "seed": seed} | scored(
        pd.concat(parts), units_of(recorded)
    )


def units_of(stores: Sequence[ReplayStore]) -> dict[str, float]:
    return {store.label: store.mean_branch_tokens for store in stores}


def benchmarks(data: str | None) -> dict[str, tuple[list[str], str]]:
    """Stores and rules of each benchmark."""
    bundled = {"smollm2-arithmetic": (["smollm2-arithmetic"], "exact")}
    return bundled if data is None else {**bundled, "aime24": (aime24(data), "published")}


def baselines(data: str | None = None) -> None:
    """Every algorithm at equal steps; writes ``baselines.csv`` and prints its means."""
    trained = joblib.Parallel(JOBS)(
        joblib.delayed(baseline)(name, stores, rules, algorithm, seed)
        for name, (stores, rules) in benchmarks(data).items()
        for algorithm in ALGORITHMS
        for seed in range(SEEDS)
    )
    keep_baselines(pd.DataFrame([*trained, *made(data)]))


def programs(data: str | None = None) -> None:
    """The programs of ``baselines.csv`` alone, in whose place they go."""
    table = pd.read_csv(BASELINES)
    keep_baselines(pd.concat([table[table["seed"].notna()], pd.DataFrame(made(data))]))


def made(data: str | None) -> Iterator[dict[str, Any]]:
    """The row of every program that the stores suffice for."""
    for benchmark, (stores, rules) in benchmarks(data).items():
        recorded = loaded(stores)
        signals = set.intersection(*(set(store.signals) for store in recorded))
        fitting = [name for name, each in PROGRAMS.items() if set(each.signals) <= signals and not each.upper_bound]
        for spec in (*fitting, *TUNED):
            rows = pd.concat([evaluate(spec, store, ORDERS, rules).rows for store in recorded])
            yield {"benchmark": benchmark, "controller": spec, "seed": None} | scored(rows, units_of(recorded))


def keep_baselines(table: pd.DataFrame) -> None:
    """Write the table and print its means."""
    table.to_csv(BASELINES, index=False, float_format="%.4f")
    means = table.groupby(["benchmark", "controller"], sort=False)[["accuracy", "tokens", "return"]].mean()
    print(means.sort_values(["benchmark", "return"], ascending=False).round(3).to_string())


def newcomer() -> None:
    """Algorithms at their defaults on the environments as they are; writes ``newcomer.csv``, prints its means.

    Each is judged twice on every question of the store, in 20 branch orders: ``return`` as it was trained, taking its
    preferred action whether or not it is admissible, and ``masked_return`` as ``tts-gym evaluate`` reads it, taking the
    preferred admissible one. A return is 1 for a right answer less the price of the tokens. Runs are kept in
    ``runs/rl/newcomer``, a file each; what is missing is trained, the first seed of all before the second.
    """
    store = load_store(NEWCOMER_STORE)
    units = units_of([store])
    compared = ("single", "asc", "crew", *CONFIDENT, *TUNED)
    rules = [{"controller": Path(spec).name} | scored(evaluate(spec, store, ORDERS).rows, units) for spec in compared]
    runs: list[dict[str, Any]] = []
    for seed in range(SEEDS):
        for algorithm in NEWCOMERS:
            for env in NEW:
                file = RUNS / "newcomer" / f"{env}-{algorithm}-{seed}.json"
                if not file.exists():
                    write_whole(file, json.dumps(untouched(env, algorithm, seed, store)).encode())
                runs.append(json.loads(file.read_text()))
                keep_newcomers(pd.DataFrame([*runs, *rules]))


def untouched(env: str, algorithm: str, seed: int, store: ReplayStore) -> dict[str, Any]:
    """Train as the README of a library says, and judge."""
    envs = gym.make(env, store=NEWCOMER_STORE)
    model = ALGORITHMS.load(algorithm)(NEW[env], envs, seed=seed, device="cpu").learn(NEWCOMER_STEPS)
    rows = play_masked(model, env, {}, store, range(ORDERS)).assign(store=store.label)
    masked = scored(rows, units_of([store]))
    right, tokens = play_greedily(model, env, store)
    price = COST_WEIGHT * tokens / store.mean_branch_tokens
    return {
        "environment": env,
        "controller": algorithm,
        "seed": seed,
        "accuracy": 100 * right,
        "tokens": tokens,
        "return": right - price,
        "masked_return": masked["return"],
    }


def play_greedily(model: Any, env: str, store: ReplayStore) -> tuple[float, float]:
    """Share of right answers and mean tokens of the preferred actions, admissible or not."""
    episodes = [(question, order) for question in range(len(store)) for order in range(ORDERS)]
    envs = make_vector(env, len(episodes), store=store)
    observations, _ = envs.reset(seed=0)
    for n, (question, order) in enumerate(episodes):
        options = {
            "reset_mask": np.arange(len(episodes)) == n,
            "question": store.question_ids[question],
            "order": branch_order(int(store.branch_counts[question]), order),
        }
        observations, _ = envs.reset(options=options)
    running, right, tokens = np.ones(len(episodes), np.bool_), 0, 0
    while running.any():
        extras = {"action_masks": envs.action_masks()} if is_masked(model) else {}
        actions, _ = model.predict(observations, deterministic=True, **extras)
        observations, _, terminated, _, infos = envs.step(actions)
        ended = running & terminated
        right += int(infos["correct"][ended].sum())
        tokens += int(infos["tokens"][ended].sum())
        running &= ~terminated
    return right / len(episodes), tokens / len(episodes)


def keep_newcomers(table: pd.DataFrame) -> None:
    """Write and print what there is by now."""
    table.to_csv(RESULTS / "newcomer.csv", index=False, float_format="%.4f")
    groups = table.fillna({"environment": "programs"}).groupby(["environment", "controller"], sort=False)
    means = groups[["accuracy", "tokens", "return", "masked_return"]].mean()
    means.insert(0, "seeds", groups["seed"].count())
    means["lowest_return"] = groups["return"].min()
    print(means.sort_values(["environment", "return"], ascending=False).round(3).to_string(), flush=True)


def learned(data: str, fold: int, file: Path, program: str | None) -> pd.DataFrame:
    """Train without ``fold`` and play the frontier on it; on all questions for fold 0, which is what is shipped."""
    stores = aime24(data)
    settings = read_settings("maskable-ppo", FRONTIER_ENV, file=file, arguments={"rules": "published"})
    config = Config("maskable-ppo", FRONTIER_ENV, without(fold, stores), (), 0, program, settings)
    model = fit(config, RUNS / f"{file.stem}-{fold}")
    if fold == 0:
        keep_to_play(model, "maskable-ppo", results(file) / "rounds_aime24.zip")
        return pd.DataFrame()
    recorded = loaded(stores)
    rows = [
        play(model, weight, recorded, fold, "published", FRONTIER_ORDERS).assign(cost_weight=weight)
        for weight in COST_WEIGHTS
    ]
    return pd.concat(rows)


def keep_to_play(model: Path, algorithm: str, file: Path) -> None:
    """Write a model with what playing it takes, a fifth of its size: without what only further training needs."""
    learned = ALGORITHMS.load(algorithm).load(model, device="cpu")
    learned.policy.optimizer.state.clear()
    learned.save(file, exclude=["_last_obs", "_last_original_obs", "_last_episode_starts", "ep_info_buffer"])


def results(file: Path) -> Path:
    """Where the results of trainings with the settings of ``file`` go."""
    return RESULTS if file == SHIPPED else RESULTS / file.stem


def compare_frontiers(data: str, settings: str | None = None, program: str | None = None) -> None:
    """Policies of five folds against ``cmc``; writes ``frontier.csv``, ``against_cmc.csv`` and ``frontier.png``."""
    file, first = (SHIPPED, IMITATED) if settings is None else (Path(settings), program)
    out = results(file)
    out.mkdir(exist_ok=True)
    parts = joblib.Parallel(JOBS)(joblib.delayed(learned)(data, fold, file, first) for fold in range(FOLDS + 1))
    policy = pd.concat(parts)
    policy["controller"] = "rl:cost_weight=" + policy["cost_weight"].astype(str)
    stores = loaded(aime24(data))
    cmc = {
        beta: pd.concat([evaluate(f"cmc:beta={beta}", store, FRONTIER_ORDERS, "published").rows for store in stores])
        for beta in BETAS
    }
    found = frontier(policy)
    found.points[["controller", "tokens", "accuracy"]].to_csv(out / "frontier.csv", index=False, float_format="%.4f")
    against = pd.DataFrame([against_cmc(beta, rows, policy, found) for beta, rows in cmc.items()])
    against.to_csv(out / "against_cmc.csv", index=False, float_format="%.4f")
    title = "AIME24, questions not trained on, mean of Qwen3 0.6B, 1.7B, 4B and 8B"
    plot_frontier(frontier(pd.concat([policy, *cmc.values()])), out / "frontier.png", title)
    print(against.round(3).to_string(index=False))


def against_cmc(beta: float, cmc: pd.DataFrame, policy: pd.DataFrame, found: Frontier) -> dict[str, float]:
    """The policy that spends most within its share of the tokens of ``cmc``, and its paired difference in accuracy.

    ``share_needed`` is what policies need of these tokens for the accuracy of ``cmc``, NaN if they do not reach it.
    """
    right, tokens = question_means(cmc, ("correct", "tokens")).mean()
    points = found.points
    affordable = points[points["tokens"] <= SHARE * tokens]
    chosen = (affordable if len(affordable) else points).sort_values("tokens").iloc[-1 if len(affordable) else 0]
    difference, low, high = compare(policy[policy["controller"] == chosen["controller"]], cmc).loc["accuracy"]
    return {
        "beta": beta,
        "cmc_accuracy": 100 * right,
        "cmc_tokens": tokens,
        "cost_weight": float(chosen["controller"].partition("=")[2]),
        "accuracy": chosen["accuracy"],
        "tokens": chosen["tokens"],
        "share_of_tokens": chosen["tokens"] / tokens,
        "difference": difference,
        "low": low,
        "high": high,
        "share_needed": found.tokens_to_reach("rl", 100 * right) / tokens,
    }


if __name__ == "__main__":
    RESULTS.mkdir(parents=True, exist_ok=True)
    commands: dict[str, Any] = {
        "baselines": baselines,
        "programs": programs,
        "frontier": compare_frontiers,
        "newcomer": newcomer,
    }
    commands[sys.argv[1]](*sys.argv[2:])
