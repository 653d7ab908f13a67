"""A set policy that learned the atomic environment in the setting of the paper, beside programs that pay as it does.

    pip install -e '.[rl]'
    python benchmarks/atomic_policy.py

An answer on the way is hidden until it is asked for, and asking costs ``PROBE_COST`` tokens (``reveal="probe"``);
programs pay as much for each answer of a branch that goes on. MaskablePPO with ``MaskableSetPolicy`` learns on the
bundled store at a price of 0.01, with the settings of ``rl_atomic.yaml``, in five folds of the questions; each policy
is judged on the fold that it was not trained on. It answers as the environment does by default, by confidence; so does
the program of ``confident_vote.py``. ``results/rl/atomic.csv`` has accuracy, tokens and return (1 for a right answer
less the price of its tokens), and by how much the return of the policy is above each, paired, with 95 % intervals over
questions. Trainings are kept in ``runs/rl``.
"""

from __future__ import annotations

from pathlib import Path

import joblib
import pandas as pd

from rl_baselines import (
    CONFIDENT,
    COST_WEIGHT,
    FOLDS,
    JOBS,
    NEWCOMER_STORE,
    ORDERS,
    RESULTS,
    RUNS,
    TUNED,
    fit,
    play,
    question_returns,
    scored,
    units_of,
    without,
)
from tts_gym.agents.rl.config import Config, read_settings
from tts_gym.datasets import load_store
from tts_gym.evaluation import evaluate
from tts_gym.evaluation.statistics import bootstrap

ENV = "TTSWidthDepth-v1"
SETTINGS = read_settings("maskable-ppo", ENV, file=Path(__file__).with_name("rl_atomic.yaml"))
PROBE_COST = SETTINGS.arguments["probe_cost"]
PROGRAMS = ("single", "asc", "esc", "cmc", "cmc:beta=0", "crew", *CONFIDENT, *TUNED)


def learned(fold: int) -> pd.DataFrame:
    """Episode rows of a policy on the fold that it was not trained on."""
    config = Config("maskable-ppo", ENV, without(fold, [NEWCOMER_STORE]), (), 0, None, SETTINGS)
    model = fit(config, RUNS / f"atomic-{fold}")
    return play(model, COST_WEIGHT, [load_store(NEWCOMER_STORE)], fold, "exact", ORDERS)


def main() -> None:
    store = load_store(NEWCOMER_STORE)
    units = units_of([store])
    policy = pd.concat(joblib.Parallel(JOBS)(joblib.delayed(learned)(fold) for fold in range(1, FOLDS + 1)))
    rows = {Path(spec).name: evaluate(spec, store, ORDERS, probe_cost=PROBE_COST).rows for spec in PROGRAMS}
    ours, table = question_returns(policy, units), []
    for name, each in {"policy": policy, **rows}.items():
        (ahead,) = bootstrap((ours - question_returns(each, units).reindex(ours.index)).to_numpy())
        row = {"controller": name} | scored(each, units)
        table.append(row | {"ahead": ahead.mean, "low": ahead.low, "high": ahead.high})
    written = pd.DataFrame(table)
    written.to_csv(RESULTS / "atomic.csv", index=False, float_format="%.4f")
    print(written.round(3).to_string(index=False))


if __name__ == "__main__":
    main()
