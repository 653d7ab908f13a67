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
"""What is shown of every controller; of live ones, "seconds" too."""


def scope_figures(name: str, rows: pd.DataFrame, families: Mapping[str, str], bounds: Sequence[str]) -> dict[str, Any]:
    """The figures of controllers on the same questions, each of which weighs equally.

    Args:
        name: what the report calls these questions.
        rows: episodes, with the columns controller, store, question_id, correct, tokens, sequential_tokens and seconds,
            the latter NaN where nothing was live; every controller has answered the same questions.
        families: the family of each controller.
        bounds: those controllers that are upper bounds.

    Returns:
        "name"; "controllers", their keys; "table", for each controller a dictionary of measures with [mean, low,
        high]; "pairs", for each two controllers [first, second, differences], the latter like a row of the table;
        "frontier", by cost the controllers of the Pareto set; "match", by cost what ``_match`` returns.
    """
    keys = list(dict.fromkeys(rows["controller"]))
    measures = MEASURES if rows["seconds"].isna().any() else (*MEASURES, "seconds")
    means = _means(rows, keys, measures)
    questions = means.shape[1]
    flat = bootstrap(means.transpose(1, 0, 2).reshape(questions, -1))
    table = _told(measures, flat)
    costs = measures[1:]
    frontiers = {cost: _frontier(keys, table, cost, families, bounds) for cost in costs}
    return {
        "name": name,
        "questions": questions,
        "controllers": keys,
        "table": table,
        "pairs": _pairs(keys, means, measures),
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


def _means(rows: pd.DataFrame, keys: Sequence[str], measures: Sequence[str]) -> NDArray[np.float64]:
    """Means over the seeds, float64 [controllers, questions, measures], accuracy in %."""
    percent = rows.assign(accuracy=100.0 * rows["correct"].astype(float))
    each = [question_means(percent[percent["controller"] == key], measures) for key in keys]
    index = each[0].index
    return np.stack([one.reindex(index).to_numpy() for one in each])


def _told(measures: Sequence[str], estimates: Sequence[Estimate]) -> list[dict[str, list[float]]]:
    """Of estimates that stand measure by measure, for one thing after another, a dictionary for each thing."""
    values = [[round(value, 4) for value in (each.mean, each.low, each.high)] for each in estimates]
    size = len(measures)
    return [dict(zip(measures, values[k : k + size], strict=True)) for k in range(0, len(values), size)]


def _pairs(keys: Sequence[str], means: NDArray[np.float64], measures: Sequence[str]) -> list[list[Any]]:
    """Differences first - second of each two controllers, paired, with their intervals; see ``statistics.compare``."""
    pairs: list[list[Any]] = []
    for place, key in enumerate(keys[:-1]):
        differences = means[place] - means[place + 1 :]
        flat = bootstrap(differences.transpose(1, 0, 2).reshape(means.shape[1], -1))
        pairs += [[key, other, row] for other, row in zip(keys[place + 1 :], _told(measures, flat), strict=True)]
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
