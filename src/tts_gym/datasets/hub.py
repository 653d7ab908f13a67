"""Stores on the Hugging Face hub, as datasets (extra collect)."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tts_gym.datasets.card import CARD_FILE, dataset_card
from tts_gym.datasets.catalogue import store_directory
from tts_gym.datasets.licenses import UNKNOWN
from tts_gym.datasets.parquet import (
    METADATA_FILE,
    TABLE_FILES,
    TEXTS_FILE,
    check_files,
    files_of,
    metadata_file,
    open_files,
)
from tts_gym.errors import StoreError
from tts_gym.files import new_directory, sync

if TYPE_CHECKING:
    from huggingface_hub import DatasetInfo, HfApi

FILES = (*TABLE_FILES, TEXTS_FILE, METADATA_FILE, CARD_FILE)
"""What a store may consist of; nothing else is uploaded or downloaded."""


class Upload(NamedTuple):
    """What a store is on the hub.

    Attributes:
        name: of the store.
        files: by name, the path of a file or what it holds.
        card: the dataset card.
    """

    name: str
    files: dict[str, Path | bytes]
    card: str

    @property
    def sizes(self) -> dict[str, int]:
        """Bytes of each file."""
        return {
            name: len(file) if isinstance(file, bytes) else file.stat().st_size for name, file in self.files.items()
        }


def prepare(store: str | PathLike[str], license_name: str | None = None, private: bool = False) -> Upload:
    """Check a store and put together what is uploaded; nothing is sent.

    A card in words of one's own is uploaded as it is.

    Args:
        store: catalogue name or directory.
        license_name: licence of the data, where the store calls it unknown.
        private: whether the repository will be private, for which a licence need not be known.

    Raises:
        StoreError: the store is refused, or its licence is unknown, or is known and another one is given.
    """
    files = open_files(store_directory(store))
    metadata, facts = files.metadata, check_files(files)
    known = metadata["license"].strip().lower() not in ("", UNKNOWN)
    if known and license_name is not None:
        raise StoreError(
            f"{store} is licensed under {metadata['license']}, and --license is for a store whose licence is unknown; "
            f"leave it out, or correct {METADATA_FILE}"
        )
    if not (known or license_name or private):
        raise StoreError(
            f"nobody has said under which licence {store} may be published; give --license NAME, or --private"
        )
    card_file = files.directory / CARD_FILE
    card = card_file.read_text(encoding="utf-8") if card_file.exists() else dataset_card(facts, metadata)
    uploaded: dict[str, Path | bytes] = {name: files.directory / name for name in files_of(metadata)}
    uploaded[METADATA_FILE] = files.directory / METADATA_FILE
    if license_name is not None:
        if card != dataset_card(facts, metadata):
            raise StoreError(
                f"{card_file} has words of its own; write the licence into it and into {METADATA_FILE}, or remove it "
                "to have a card written"
            )
        metadata = metadata | {"license": license_name}
        uploaded[METADATA_FILE] = metadata_file(metadata, str(store))
        card = dataset_card(facts, metadata)
    uploaded[CARD_FILE] = card.encode()
    return Upload(metadata["name"], uploaded, card)


def push(upload: Upload, repo: str, private: bool = False) -> str:
    """Upload a store in one commit; the repository is made where it is missing.

    Args:
        upload: from ``prepare``.
        repo: ``OWNER/NAME``.
        private: whether the repository is private; one that is there and public is refused.

    Returns:
        The address of the commit.

    Raises:
        StoreError: the hub cannot be reached or refuses; the message says what to do.
    """
    api = _api()
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

    with _explaining(repo):
        api.create_repo(repo, repo_type="dataset", private=private or None, exist_ok=True)
        found = api.dataset_info(repo)
    if private and not found.private:
        raise StoreError(f"{repo} is there and public; give another name, or make it private on the hub")
    stale = _names(found).intersection(FILES) - upload.files.keys()
    operations = [
        *(CommitOperationAdd(name, file) for name, file in upload.files.items()),
        *(CommitOperationDelete(name) for name in sorted(stale)),
    ]
    with _explaining(repo):
        commit = api.create_commit(repo, operations, commit_message=f"Replay store {upload.name}", repo_type="dataset")
    return str(commit.commit_url)


def pull(repo: str, out: Path, revision: str | None = None) -> str:
    """Download a store to a new directory; it is checked before it is put there.

    What is downloaded stays in the cache of the hub, so that a pull that is interrupted goes on where it was.

    Args:
        repo: ``OWNER/NAME``.
        out: where the store goes; it must not exist yet.
        revision: branch, tag or commit; the newest by default.

    Returns:
        The commit that was downloaded.

    Raises:
        StoreError: the hub cannot be reached, has no such dataset, or what it has is not a whole store.
    """
    with new_directory(out, StoreError) as draft:
        api = _api()
        with _explaining(repo):
            found = api.dataset_info(repo, revision=revision)
        names = sorted(_names(found).intersection(FILES))
        if METADATA_FILE not in names:
            raise StoreError(f"{repo} is not a replay store, as it has no {METADATA_FILE}; check the name")
        with _explaining(repo):
            snapshot = api.snapshot_download(repo, repo_type="dataset", revision=found.sha, allow_patterns=names)
        for name in names:
            shutil.copyfile(Path(snapshot) / name, draft / name)
            sync(draft / name)
        check_files(open_files(draft, Path(repo)))
    return str(found.sha)


def _names(dataset: DatasetInfo) -> set[str]:
    """Names of the files of a dataset."""
    return {file.rfilename for file in dataset.siblings or ()}


def _api() -> HfApi:
    try:
        from huggingface_hub import HfApi
    except ImportError as error:
        raise StoreError("Stores on the hub need huggingface_hub: install tts-gym[collect].") from error
    return HfApi(library_name="tts-gym")


@contextmanager
def _explaining(repo: str) -> Iterator[None]:
    """Say in one sentence why the hub does not do what it is asked."""
    from huggingface_hub import constants, errors

    place = f"{repo} on {constants.ENDPOINT}"
    try:
        yield
    except errors.RevisionNotFoundError as error:
        raise StoreError(f"{place} has no such revision; name a branch, a tag or a commit") from error
    except errors.GatedRepoError as error:
        raise StoreError(f"{place} is given on request only; ask for it on its page") from error
    except errors.RepositoryNotFoundError as error:
        raise StoreError(
            f"there is no dataset {place}, or it is private; check the name, and log in with hf auth login"
        ) from error
    except errors.HfHubHTTPError as error:
        status = error.response.status_code
        advice = "log in with hf auth login, or set HF_TOKEN" if status in (401, 403) else "try again later"
        told = error.server_message or f"status {status}"
        raise StoreError(f"{place} is refused ({told}); {advice}") from error
    except errors.HFValidationError as error:
        raise StoreError(f"{repo!r} is no name of a dataset; write OWNER/NAME") from error
    except errors.OfflineModeIsEnabled as error:
        raise StoreError(f"{place} is not asked, as HF_HUB_OFFLINE is set; unset it") from error
    except ValueError as error:
        raise StoreError(f"{place} does not take the store ({error}); correct it") from error
    # What a connection raises depends on the library that huggingface_hub uses, which is another one every year.
    except Exception as error:
        told = str(error.__cause__ or error) or type(error).__name__
        raise StoreError(f"{place} cannot be reached ({told}); check the connection") from error
