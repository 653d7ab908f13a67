"""Results as records, as a table for the terminal, and as a picture."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from os import PathLike
from typing import Any

import pandas as pd
from rich.markup import escape
from rich.table import Table

from tts_gym.errors import TTSGymError
from tts_gym.evaluation.evaluate import Evaluation
from tts_gym.evaluation.frontier import frontier
from tts_gym.evaluation.plots import plot_frontier
from tts_gym.sandbox.isolation import is_weak


def record(store: str, spec: str, evaluation: Evaluation) -> dict[str, Any]:
    """One evaluation as plain values: accuracy in %, tokens an episode, each with its 95 % interval.

    Args:
        store: the store as the user gave it.
        spec: the controller as the user gave it.
        evaluation: the result.
    """
    summary = evaluation.summary
    values: dict[str, Any] = {
        "store": store,
        "spec": spec,
        "controller": summary.controller,
        "params": dict(summary.params),
        "rules": summary.rules,
        "probe_cost": summary.probe_cost,
        "seeds": summary.seeds,
        "questions": summary.questions,
    }
    estimates = {
        "accuracy": summary.accuracy,
        "tokens": summary.tokens,
        "sequential_tokens": summary.sequential_tokens,
    }
    for name, estimate in estimates.items():
        values |= {name: estimate.mean, f"{name}_low": estimate.low, f"{name}_high": estimate.high}
    return values | {
        "upper_bound": summary.upper_bound,
        "isolation": summary.isolation or None,
        "seconds": summary.seconds,
    }


def results_tables(evaluations: Sequence[Evaluation]) -> Iterator[Table]:
    """Accuracy against tokens: a table for each store, a row for each evaluation, figures to the right."""
    for store, those in groupby(evaluations, lambda evaluation: evaluation.summary.store):
        table = Table("controller", title=escape(store), title_justify="left")
        for title in ("accuracy %", "95 % interval", "tokens", "sequential\ntokens"):
            table.add_column(title, justify="right")
        for _, summary in those:
            table.add_row(
                escape(summary.label)
                + (" (upper bound)" if summary.upper_bound else "")
                + (" (weak isolation)" if is_weak(summary.isolation) else ""),
                f"{summary.accuracy.mean:.2f}",
                f"{summary.accuracy.low:.1f} to {summary.accuracy.high:.1f}",
                f"{summary.tokens.mean:,.0f}",
                f"{summary.sequential_tokens.mean:,.0f}",
            )
        yield table


def plot_results(evaluations: Sequence[Evaluation], file: str | PathLike[str]) -> None:
    """Draw the frontier of evaluations, upper bounds apart.

    Args:
        evaluations: the results.
        file: the picture, in the format that its name ends with.

    Args:
        evaluations: what is drawn.
        file: the picture; its suffix says of what kind.

    Raises:
        TTSGymError: if there are only upper bounds, or matplotlib is not installed.
    """
    labelled = [(rows.assign(controller=summary.label), summary.upper_bound) for rows, summary in evaluations]
    controllers = [rows for rows, is_bound in labelled if not is_bound]
    bounds = [rows for rows, is_bound in labelled if is_bound]
    if not controllers:
        raise TTSGymError("There is no frontier to draw: evaluate a controller that is not an upper bound.")
    title = ", ".join(dict.fromkeys(summary.store for _, summary in evaluations))
    plot_frontier(frontier(pd.concat(controllers)), file, title, frontier(pd.concat(bounds)) if bounds else None)
