"""A training as plain data, and its best model evaluated on the questions that it did not learn from."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from tts_gym.agents.specs import LEARNED, parse_spec
from tts_gym.datasets.catalogue import load_store
from tts_gym.datasets.digest import store_digest
from tts_gym.datasets.store import ReplayStore
from tts_gym.errors import TTSGymError
from tts_gym.evaluation.evaluate import evaluate_many
from tts_gym.evaluation.kept import KeptEvaluation, as_kept
from tts_gym.files import read_whole
from tts_gym.run_directories import TRAINING

_log = logging.getLogger(__name__)

REWARD = "rollout/ep_rew_mean"
"""What the algorithm logs of its episodes."""

STEPS = "time/total_timesteps"


def is_training(path: Path) -> bool:
    """Whether ``path`` is the directory of a training."""
    return TRAINING.is_begun(path)


def read_training_run(path: Path) -> tuple[dict[str, Any], KeptEvaluation | None, list[str]]:
    """What a report shows of a training, which may still go on.

    Args:
        path: its directory.

    Returns:
        A dictionary with "directory"; "settings", text by name; "versions"; "rewards", the mean reward of episodes as
        [timesteps, reward]; "scores" on the questions that it does not learn from as [timesteps, score]; and
        "validation" as [timesteps, cost weight, tokens, accuracy]. Then the evaluation of the best model on these
        questions, at the cost weights and seeds that it was validated at; None where there is no such model. Then what
        is left out, a sentence each.

    Raises:
        TTSGymError: a file is damaged, a store has changed, or the extra ``rl`` is not installed.
    """
    try:
        import yaml

        from tts_gym.agents.rl.validation import cost_weights
    except ImportError as error:
        raise TTSGymError(f"The report of a training needs an extra ({error}): install tts-gym[rl].") from error
    try:
        told = yaml.safe_load(read_whole(path / "config.yaml", TTSGymError))
        provenance = json.loads(read_whole(path / "provenance.json", TTSGymError))
        settings = told["settings"]
        document = {
            "directory": str(path),
            "settings": _flat(told),
            "versions": {"python": provenance["python"], **provenance["packages"]},
            "rewards": _table(path / "progress.csv", [STEPS, REWARD]),
            "scores": _table(path / "validation.csv", ["timesteps", "score"]),
            "validation": _table(path / "validation.csv", ["timesteps", "cost_weight", "tokens", "accuracy"]),
        }
        weights = cost_weights(settings["arguments"])
        rules = settings["arguments"].get("rules", "exact")
        seeds, names = int(settings["validation_seeds"]), list(told["eval_stores"])
        digests = {each["name"]: each["sha256"] for each in provenance["stores"]}
    except (KeyError, TypeError, ValueError, AttributeError, yaml.YAMLError) as error:
        raise TTSGymError(f"What the training in {path} was told is damaged ({error!r}): train anew.") from error
    model = path / "best.zip"
    if not model.is_file():
        why = "has not been validated yet" if names else "holds no questions out"
        return document, None, [f"The model of {path} is not evaluated, as the training {why}."]
    stores = {name: _unchanged(name, digests.get(name), path) for name in names}
    specs = [(name, f"rl:{model}:cost_weight={weight!r}") for name in names for weight in weights]
    _log.info("Evaluating %s", model)
    pairs = [(parse_spec(spec)[0], stores[name]) for name, spec in specs]
    command = f"the best model of {path}, evaluated for this report"
    kept = as_kept(path, command, stores, specs, list(evaluate_many(pairs, seeds, rules)))
    named = [{**each, "label": _label(path, each["params"]["cost_weight"])} for each in kept.evaluations]
    return document, replace(kept, evaluations=named), []


def _label(path: Path, weight: float) -> str:
    """What a report calls the policy of a training, whose file is called the same in every one."""
    return f"{LEARNED} {path.name}:cost_weight={weight:.3g}"


def _unchanged(name: str, digest: str | None, path: Path) -> ReplayStore:
    store = load_store(name)
    if store_digest(store) != digest:
        raise TTSGymError(f"The store {name} has changed since the training in {path} began: bring the old one back.")
    return store


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Settings as text, those within others by their names one after another."""
    flat: dict[str, str] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, prefix if name == "settings" else f"{prefix}{name}.")
        elif value not in (None, []):
            flat[f"{prefix}{name}"] = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return flat


def _table(file: Path, columns: list[str]) -> list[list[float]]:
    """Columns of a table that may be written at the moment: its whole lines, without rows that lack a value."""
    whole, _, _ = file.read_text(encoding="utf-8").rpartition("\n") if file.exists() else ("", "", "")
    header, *lines = whole.splitlines() or [""]
    names = header.split(",")
    if not lines or not set(columns) <= set(names):
        return []
    rows = pd.DataFrame([line.split(",") for line in lines if line.count(",") == header.count(",")], columns=names)
    found = rows[columns].apply(pd.to_numeric, errors="coerce").dropna().drop_duplicates()
    return [[float(value) for value in row] for row in found.round(6).to_numpy()]
