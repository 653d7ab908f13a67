"""The figures of a report: tables, paired comparisons, frontiers, what equal accuracy costs, and the heat map."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tts_gym.evaluation.frontier import Frontier, pareto
from tts_gym.evaluation.statistics import Estimate, bootstrap, question_means

MEASURES = ("accuracy", "tokens", "sequential_tokens")
_COLUMNS = ("correct", "tokens", "sequential_tokens")


def scope_figures(name: str, rows: pd.DataFrame, families: Mapping[str, str], bounds: Sequence[str]) -> dict[str, Any]:
    """The figures of controllers on the same questions, each of which weighs equally.

    Args:
        name: what the report calls these questions.
        rows: episodes, with the columns controller, store, question_id, correct, tokens and sequential_tokens; every
            controller has answered the same questions.
        families: the family of each controller.
        bounds: those controllers that are upper bounds.

    Returns:
        "name"; "controllers", their keys; "table", for each controller a dictionary of ``MEASURES`` with [mean, low,
        high]; "pairs", for each two controllers [first, second, differences], the latter like a row of the table;
        "frontier", by cost the controllers of the Pareto set; "match", by cost what ``_match`` returns.
    """
    keys = list(dict.fromkeys(rows["controller"]))
    means = _means(rows, keys)
    questions = means.shape[1]
    flat = bootstrap(means.transpose(1, 0, 2).reshape(questions, -1))
    table = [_row(flat[place : place + 3]) for place in range(0, len(flat), 3)]
    costs = [measure for measure in MEASURES if measure != "accuracy"]
    frontiers = {cost: _frontier(keys, table, cost, families, bounds) for cost in costs}
    return {
        "name": name,
        "questions": questions,
        "controllers": keys,
        "table": table,
        "pairs": _pairs(keys, means),
        "frontier": {cost: list(frontiers[cost].efficient["controller"]) for cost in costs},
        "match": {cost: _match(frontiers[cost]) for cost in costs},
    }


def heat_map(rows: pd.DataFrame, questions: Sequence[str]) -> dict[str, Any]:
    """Accuracy (%) and tokens of each controller on each question of a store, over the seeds.

    Args:
        rows: the episodes on that store.
        questions: the ids of its questions.

    Returns:
        By controller, "accuracy" and "tokens", each with one value a question.
    """
    found = {}
    for key, group in rows.groupby("controller", sort=False):
        means = question_means(group, ("correct", "tokens")).droplevel(0).reindex(list(questions))
        found[str(key)] = {
            "accuracy": (100 * means["correct"]).round(2).tolist(),
            "tokens": means["tokens"].round(1).tolist(),
        }
    return found


def _means(rows: pd.DataFrame, keys: Sequence[str]) -> NDArray[np.float64]:
    """Means over the seeds, float64 [controllers, questions, measures], accuracy in %."""
    each = [question_means(rows[rows["controller"] == key], _COLUMNS) for key in keys]
    index = each[0].index
    return np.stack([one.reindex(index).to_numpy() for one in each]) * (100.0, 1.0, 1.0)


def _row(estimates: Sequence[Estimate]) -> dict[str, list[float]]:
    return {
        measure: [round(value, 4) for value in (each.mean, each.low, each.high)]
        for measure, each in zip(MEASURES, estimates, strict=True)
    }


def _pairs(keys: Sequence[str], means: NDArray[np.float64]) -> list[list[Any]]:
    """Differences first - second of each two controllers, paired, with their intervals; see ``statistics.compare``."""
    pairs: list[list[Any]] = []
    for place, key in enumerate(keys[:-1]):
        differences = means[place] - means[place + 1 :]
        flat = bootstrap(differences.transpose(1, 0, 2).reshape(means.shape[1], -1))
        pairs += [[key, other, _row(flat[3 * k : 3 * k + 3])] for k, other in enumerate(keys[place + 1 :])]
    return pairs


def _frontier(
    keys: Sequence[str],
    table: Sequence[Mapping[str, Sequence[float]]],
    cost: str,
    families: Mapping[str, str],
    bounds: Sequence[str],
) -> Frontier:
    points = [
        {"controller": key, "family": families[key], "tokens": row[cost][0], "accuracy": row["accuracy"][0]}
        for key, row in zip(keys, table, strict=True)
        if key not in bounds
    ]
    return pareto(pd.DataFrame(points, columns=["controller", "family", "tokens", "accuracy"]))


def _match(frontier: Frontier) -> dict[str, dict[str, float | None]]:
    """By controller, the tokens with which each family reaches its accuracy, None where it does not."""
    return {
        str(controller): {
            str(family): None if np.isnan(value) else round(float(value), 1) for family, value in column.items()
        }
        for controller, column in frontier.tokens_to_match().items()
    }
