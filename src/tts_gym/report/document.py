"""A report as one plain document, which JSON can hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import version
from typing import Any

from tts_gym.evaluation.kept import KeptEvaluation
from tts_gym.report.contents import Contents
from tts_gym.report.figures import heat_map, scope_figures
from tts_gym.report.solved import Solved

NOTHING: dict[str, Any] = {"runs": [], "solved": [], "controllers": {}, "stores": {}, "scopes": [], "heat": {}}
"""What there is of evaluations where a report is of none."""


def document(
    evaluated: Mapping[str, Any],
    cases: Sequence[Mapping[str, Any]],
    discoveries: Sequence[Mapping[str, Any]],
    trainings: Sequence[Mapping[str, Any]],
    left_out: Sequence[str],
    command: str,
) -> dict[str, Any]:
    """Everything that a report shows.

    Args:
        evaluated: see ``evaluated``; ``NOTHING`` where there is nothing of the kind.
        cases: their replayed cases, see ``Replays.run``.
        discoveries: see ``read_discovery``.
        trainings: see ``read_training_run``.
        left_out: what is not in it, a sentence each.
        command: the command line that makes it.
    """
    return {
        "command": command,
        "version": version("tts-gym"),
        "left_out": list(left_out),
        **evaluated,
        "cases": list(cases),
        "discoveries": list(discoveries),
        "trainings": list(trainings),
    }


def evaluated(contents: Contents) -> dict[str, Any]:
    """Everything that a report shows of evaluations and live runs, but for their cases.

    Args:
        contents: what the report is about.
    """
    return {
        "runs": [_run(run) for run in contents.runs],
        "solved": [_solved(one) for one in contents.solved],
        "controllers": {
            key: {
                "family": entry.family,
                "params": entry.record["params"],
                "rules": entry.record["rules"],
                "seeds": entry.record["seeds"],
                "upper_bound": entry.record["upper_bound"],
                "isolation": entry.record["isolation"],
            }
            for key, entry in contents.controllers.items()
        },
        "stores": {name: [asdict(each) for each in questions] for name, questions in contents.questions.items()},
        "scopes": _scopes(contents),
        "heat": {
            name: heat_map(contents.rows[contents.rows["store"] == name], [each.id for each in questions])
            for name, questions in contents.questions.items()
        },
    }


def _scopes(contents: Contents) -> list[dict[str, Any]]:
    """Figures of all stores together, where there are several, and of each."""
    rows, stores = contents.rows, list(contents.questions)
    families = {key: entry.family for key, entry in contents.controllers.items()}
    bounds = [key for key, entry in contents.controllers.items() if entry.record["upper_bound"]]
    scopes = []
    if len(stores) > 1:
        everywhere = rows.groupby("controller", sort=False)["store"].nunique() == len(stores)
        shared = rows[rows["controller"].map(everywhere)]
        if len(shared):
            scopes.append(scope_figures(f"all {len(stores)} stores", shared, families, bounds))
    return scopes + [scope_figures(name, rows[rows["store"] == name], families, bounds) for name in stores]


def _solved(one: Solved) -> dict[str, Any]:
    return {
        "path": str(one.path),
        "controller": one.label,
        "model": one.model,
        "answers": len(one.rows),
        "recorded": one.recording is not None,
        "settings": one.settings,
    }


def _run(run: KeptEvaluation) -> dict[str, Any]:
    return {
        "directory": str(run.directory),
        "command": run.command,
        "versions": dict(run.versions),
        "stores": [dict(store) for store in run.stores],
        "seconds": round(sum(each["seconds"] for each in run.evaluations), 2),
    }
