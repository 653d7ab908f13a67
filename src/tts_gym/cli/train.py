"""``tts-gym train``."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tts_gym.cli.options import Resume, Rules, read_option
from tts_gym.cli.progress import progress_shown
from tts_gym.errors import TTSGymError
from tts_gym.registry import ALGORITHMS

if TYPE_CHECKING:
    from tts_gym.agents.rl.train import TrainingProgress


def train(
    store: Annotated[
        list[str], typer.Option(metavar="STORE", help="Store to train on; several may be named, each with --store.")
    ],
    algo: Annotated[str, typer.Option(help=f"What learns: {', '.join(ALGORITHMS)}.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Directory of the training.")],
    env: Annotated[str, typer.Option(metavar="ID", help="Environment.")] = "TTSWidthDepthRounds-v1",
    timesteps: Annotated[int | None, typer.Option(min=1, help="Steps of all environments together.")] = None,
    seed: Annotated[int, typer.Option(min=0, max=2**31 - 1, help="Of everything that is drawn.")] = 0,
    config: Annotated[
        Path | None, typer.Option(metavar="FILE.yaml", help="Settings, by environment, instead of the shipped ones.")
    ] = None,
    argument: Annotated[
        list[str] | None,
        typer.Option("-a", "--argument", metavar="NAME=VALUE", help="Of the environment, such as max_branches=16."),
    ] = None,
    rules: Annotated[Rules | None, typer.Option(help="How tokens are charged and invalid answers voted.")] = None,
    fold: Annotated[
        str | None, typer.Option(metavar="K/N", help="Fold of the questions to validate on; 1/5 by default.")
    ] = None,
    eval_store: Annotated[
        list[str] | None, typer.Option(metavar="STORE", help="Store to validate on, instead of a fold.")
    ] = None,
    all_questions: Annotated[bool, typer.Option("--all-questions", help="Train on all; do not validate.")] = False,
    init_from: Annotated[
        str | None, typer.Option(metavar="SPEC", help="Program to imitate first, such as cmc:beta=0.5.")
    ] = None,
    resume: Resume = True,
) -> None:
    """Train a policy on replay stores; evaluate it with -c rl:DIR/best.zip."""
    try:
        from tts_gym.agents.rl.config import Config, read_settings
        from tts_gym.agents.rl.hold_out import hold_out
        from tts_gym.agents.rl.train import train as run_training
    except ImportError as error:
        raise TTSGymError(f"Training needs an extra ({error}): install tts-gym[rl].") from error
    arguments = dict(read_option(text, "--argument") for text in argument or ())
    if rules is not None:
        arguments["rules"] = rules.value
    settings = read_settings(algo, env, config, timesteps, arguments)
    training, validating = hold_out(store, eval_store or (), fold, all_questions)
    told = Config(algo, env, training, validating, seed, init_from, settings)
    with _signals() as received, progress_shown("timesteps", _read) as watch:
        progress = run_training(told, out, not resume, watch, lambda: bool(received))
    best = (
        "" if progress.best is None else f", best score {progress.best:.4f} (mean return on the validation questions)"
    )
    if progress.finished:
        print(f"Wrote {out}: {progress.timesteps:,} timesteps{best}.")
        return
    print(f"Interrupted after {progress.timesteps:,} timesteps: run this again to go on.", file=sys.stderr)
    sys.exit(128 + received[0])


@contextmanager
def _signals() -> Iterator[list[int]]:
    """Collect the first Ctrl-C or SIGTERM instead of dying of it; a second one kills."""
    received: list[int] = []
    kept = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def receive(number: int, _: Any) -> None:
        received.append(number)
        for each in kept:
            signal.signal(each, signal.SIG_DFL)

    for number in kept:
        signal.signal(number, receive)
    try:
        yield received
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)


def _read(progress: TrainingProgress) -> tuple[int, int, str]:
    return progress.timesteps, progress.total, _score(progress)


def _score(progress: TrainingProgress) -> str:
    return "Training" if progress.best is None else f"Best score {progress.best:.4f}"
