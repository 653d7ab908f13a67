"""``tts-gym stores push | pull``: stores on the Hugging Face hub."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tts_gym.cli.progress import working
from tts_gym.datasets.hub import prepare, pull, push

Repo = Annotated[str, typer.Argument(metavar="REPO", help="Dataset on the hub, OWNER/NAME.")]


def push_store(
    store: Annotated[str, typer.Argument(metavar="STORE", help="Catalogue name or store directory.")],
    repo: Repo,
    license_name: Annotated[
        str | None, typer.Option("--license", metavar="NAME", help="Licence of the data, where the store has none.")
    ] = None,
    private: Annotated[bool, typer.Option("--private", help="To a repository that only you see.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check the store and say what would be uploaded; needs no network.")
    ] = False,
) -> None:
    """Publish a store as a dataset on the Hugging Face hub (extra collect)."""
    with working("Reading"):
        upload = prepare(store, license_name, private)
    if not dry_run:
        with working(f"Pushing {store}"):
            address = push(upload, repo, private)
        print(f"Pushed {store}: {address}")
        return
    print(f"Would upload to the {'private ' * private}dataset {repo}, with this card:")
    for name, size in upload.sizes.items():
        print(f"{size:>15,} bytes  {name}")
    print(f"\n{upload.card}", end="")


def pull_store(
    repo: Repo,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Store directory to create; NAME by default.")] = None,
    revision: Annotated[str | None, typer.Option(metavar="REV", help="Branch, tag or commit.")] = None,
) -> None:
    """Download a store from the Hugging Face hub, and check it (extra collect)."""
    target = out or Path(Path(repo).name)
    with working(f"Pulling {repo}"):
        commit = pull(repo, target, revision)
    print(f"Wrote {target}, which is {repo} at commit {commit}.")
