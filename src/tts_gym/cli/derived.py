"""``tts-gym stores merge | sample``: stores made from stores."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from tts_gym.answers.equivalence import Equivalence
from tts_gym.cli.messages import note
from tts_gym.cli.progress import counted
from tts_gym.datasets.catalogue import store_directory
from tts_gym.datasets.merge import Merge
from tts_gym.datasets.records import exact_classes
from tts_gym.datasets.sample import sample_store

Out = Annotated[Path, typer.Option(metavar="DIR", help="Store directory to create.")]


def merge(
    stores: Annotated[list[str], typer.Argument(metavar="STORE STORE…", help="Catalogue names or store directories.")],
    out: Out,
) -> None:
    """Make one store of several of the same model and settings: more branches, or more questions."""
    merging = Merge([store_directory(store) for store in stores])
    with ExitStack() as stack:
        watch = stack.enter_context(counted("questions", "Merging"))
        equivalence = stack.enter_context(Equivalence()) if merging.joins_answers else None
        repeated = merging.write(out, equivalence.classes if equivalence else exact_classes, watch)
        shortfall = equivalence.counts.shortfall if equivalence else ""
    print(f"Wrote {out}. {shortfall}".rstrip())
    if repeated:
        note(
            f"Note: {repeated:,} branches equal a branch of an earlier store in all that is recorded: by chance, or "
            "because both were drawn with one seed."
        )


def sample(
    store: Annotated[str, typer.Argument(metavar="STORE", help="Catalogue name or store directory.")],
    out: Out,
    branches: Annotated[int | None, typer.Option(min=1, help="Most branches of a question; all by default.")] = None,
    questions: Annotated[int | None, typer.Option(min=1, help="How many questions; all by default.")] = None,
    seed: Annotated[int, typer.Option(help="Another one gives another sample.")] = 0,
) -> None:
    """Make a store of some of the questions and branches of another."""
    if branches is None and questions is None:
        raise typer.BadParameter("say how many to take, of these or of --questions", param_hint="--branches")
    with counted("questions", "Sampling") as watch:
        sample_store(store_directory(store), out, branches, questions, seed, watch)
    print(f"Wrote {out}.")
