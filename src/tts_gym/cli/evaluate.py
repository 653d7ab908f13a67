"""``tts-gym evaluate``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import pandas as pd
import typer

from tts_gym.agents.controller import Controller
from tts_gym.agents.specs import ZOO, FileController, parse_spec, zoo_on
from tts_gym.cli.messages import note
from tts_gym.cli.options import Address, AllowWeak, Rules
from tts_gym.cli.output import check_writable, command_line, print_table, write
from tts_gym.cli.progress import progress_shown
from tts_gym.datasets import ReplayStore, load_store
from tts_gym.evaluation.evaluate import EvaluationProgress, evaluate_many
from tts_gym.evaluation.kept import TOLD, as_kept, check_place, keep
from tts_gym.evaluation.results import plot_results, record, results_tables
from tts_gym.evaluation.workers import Workers
from tts_gym.sandbox.jailed_controller import LIMITS
from tts_gym.sandbox.runs import Limits


class Executor(StrEnum):
    """Where worker processes run."""

    loky = "loky"
    ray = "ray"


def evaluate(
    stores: Annotated[
        list[str],
        typer.Argument(metavar="STORE...", help="Names, directories or published .json files; ?only=1/5 for a fold."),
    ],
    controllers: Annotated[
        list[str],
        typer.Option(
            "-c", "--controller", metavar="SPEC", help="name[:param=value,...], zoo, rl:MODEL, or FILE.py[:NAME][:...]."
        ),
    ],
    seeds: Annotated[int, typer.Option(min=1, help="Branch orders to replay each question in.")] = 100,
    rules: Annotated[Rules, typer.Option(help="How tokens are charged and invalid answers voted.")] = Rules.exact,
    probe_cost: Annotated[
        int, typer.Option(min=0, help="Tokens paid for each answer seen of a branch that goes on.")
    ] = 0,
    jobs: Annotated[int, typer.Option(min=1, help="Worker processes.")] = 1,
    timeout: Annotated[
        float | None, typer.Option(min=0.001, help="Seconds a worker may take over a controller.")
    ] = None,
    executor: Annotated[
        Executor, typer.Option(help="Processes of this machine, or a Ray cluster (extra distributed).")
    ] = Executor.loky,
    address: Address = None,
    trust: Annotated[
        bool, typer.Option("--trust", help="Run a candidate's file, such as winner.py, as your own code.")
    ] = False,
    allow_weak_isolation: AllowWeak = False,
    cache: Annotated[
        str | None, typer.Option(metavar="DIR", help="Keep what is finished in DIR, for this evaluation and others.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume/--fresh", help="Take what --cache holds of it, or run it anew and keep that.")
    ] = True,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Keep it for tts-gym report; an earlier one there is replaced.")
    ] = None,
    json_file: Annotated[str | None, typer.Option("--json", metavar="FILE|-", help="Write JSON.")] = None,
    csv_file: Annotated[str | None, typer.Option("--csv", metavar="FILE", help="Write CSV.")] = None,
    plot: Annotated[str | None, typer.Option(metavar="FILE", help="Draw the frontier; needs the extra report.")] = None,
) -> None:
    """Print the accuracy and the tokens of controllers on replay stores."""
    _check_places((json_file, csv_file, plot), out)
    limits = Limits(seconds=timeout or LIMITS.seconds, allow_weak=allow_weak_isolation)
    parsed = [(spec, parse_spec(spec, trust, limits)) for spec in controllers]
    if address is not None and executor != Executor.ray:
        raise typer.BadParameter("it is that of a Ray cluster and needs --executor ray", param_hint="--address")
    if cache is None and not resume:
        raise typer.BadParameter("it is that of --cache", param_hint="--fresh")
    with progress_shown("episodes", _read) as watch:
        loaded = [(name, load_store(name)) for name in stores]
        runs = [
            (name, spec, controller, store)
            for name, store in loaded
            for spec, known in parsed
            for controller in (_zoo(store) if spec == ZOO else known)
        ]
        pairs = [(controller, store) for _, _, controller, store in runs]
        isolate = any(isinstance(controller, FileController) for controller, _ in pairs)
        workers = Workers(jobs, timeout, isolate, executor.value, address)
        evaluations = list(evaluate_many(pairs, seeds, rules.value, workers, cache, not resume, watch, probe_cost))

    records = [record(name, spec, evaluation) for (name, spec, *_), evaluation in zip(runs, evaluations, strict=True)]
    if json_file:
        write(json_file, json.dumps(records, indent=2) + "\n")
    if csv_file:
        frame = pd.DataFrame(records)
        write(csv_file, frame.assign(params=frame["params"].map(json.dumps)).to_csv(index=False))
    if plot:
        Path(plot).parent.mkdir(parents=True, exist_ok=True)
        plot_results(evaluations, plot)
    if out:
        specs = [(name, spec) for name, spec, *_ in runs]
        keep(as_kept(out, command_line(), dict(loaded), specs, evaluations))
    if json_file != "-":
        for table in results_tables(evaluations):
            print_table(table)


def _check_places(files: Sequence[str | None], out: Path | None) -> None:
    """Refuse places that could not be written to after the work is done."""
    for file in files:
        if file and file != "-":
            check_writable(Path(file))
    if out:
        check_place(out)
        check_writable(out / TOLD)


def _zoo(store: ReplayStore) -> list[Controller]:
    """The shipped programs that can run on ``store``; those that cannot are named on standard error."""
    found, left_out = zoo_on(store)
    for lacking, names in left_out.items():
        note(f"Note: {ZOO} leaves out {', '.join(names)}: store {store.name} does not record the {lacking} they need.")
    return found


def _read(progress: EvaluationProgress) -> tuple[int, int, str]:
    return progress.done, progress.episodes, progress.last or "Evaluating"
