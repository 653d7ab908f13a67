"""Files: written whole or not at all, put on the disk, locked, hashed; what cannot be read is one clear sentence."""

from __future__ import annotations

import hashlib
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from filelock import FileLock, Timeout

from tts_gym.errors import TTSGymError

PARTIAL = ".partial"
"""Ends the name of a file that is being written; one that is left over may go."""


def write_whole(path: Path, content: bytes, lasting: bool = True) -> None:
    """Write a file so that it is never seen in parts, with the directories above it.

    Args:
        path: the file; one that is there is replaced. Several processes may do so at a time, and one of them is last.
        content: all of it.
        lasting: whether it is to survive a crash of the machine too, which takes some milliseconds on most disks.

    Raises:
        OSError: it cannot be written; then nothing is left, and an old file stays.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.{uuid.uuid4().hex}{PARTIAL}")
    try:
        with naming(path):
            partial.write_bytes(content)
            if lasting:
                sync(partial)
                move(partial, path)
            else:
                os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def append_line(path: Path, line: bytes) -> None:
    """Add a line to a file, which a crash of the machine does not undo.

    Args:
        path: the file; one that is missing is made.
        line: what it says, without its end.

    Raises:
        OSError: it cannot be written.
    """
    with naming(path), path.open("ab") as file:
        file.write(line + b"\n")
        file.flush()
        os.fsync(file.fileno())


def move(draft: Path, path: Path) -> None:
    """Give a finished file or directory its place, which a crash of the machine does not undo.

    Args:
        draft: what was written and synced, on the same file system.
        path: its place; a file there is replaced.

    Raises:
        OSError: it cannot have that place.
    """
    os.replace(draft, path)
    sync(path.parent)


def sync(path: Path) -> None:
    """Have the system put a file or directory on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def new_directory(target: Path, error: type[TTSGymError]) -> Iterator[Path]:
    """A directory to fill, which becomes ``target`` where nothing goes wrong and leaves nothing behind otherwise.

    Args:
        target: where it goes; it must not exist yet. Missing parent directories are created.
        error: what to raise where it cannot be made.
    """
    if os.path.lexists(target):
        raise error(f"{target} already exists; remove it or choose another directory")
    existing = next(parent for parent in target.absolute().parents if parent.exists())
    try:
        workplace = TemporaryDirectory(prefix=f".{target.name}-", dir=existing)
    except OSError as refused:
        raise error(f"{target} cannot be written ({refused}); choose another directory") from refused
    with workplace as temporary:
        draft = Path(temporary) / target.name
        draft.mkdir()
        yield draft
        sync(draft)
        target.parent.mkdir(parents=True, exist_ok=True)
        move(draft, target)


@contextmanager
def locked(file: Path, busy: TTSGymError | None = None) -> Iterator[None]:
    """Hold a lock; that of a process which dies is gone.

    Args:
        file: the lock file, which is made where it is missing and stays.
        busy: raised where another process holds the lock; without it, wait.

    Raises:
        OSError: the file cannot be made.
    """
    try:
        held = FileLock(file).acquire(timeout=-1 if busy is None else 0)
    except Timeout as error:
        raise (busy or error) from error
    with held:
        yield


def read_whole(path: Path, error: type[TTSGymError]) -> bytes:
    """The bytes of a file.

    Args:
        path: the file.
        error: what to raise where it cannot be read; its message says why.
    """
    with explaining(path, error):
        return path.read_bytes()


def sha256(path: Path) -> str:
    """SHA-256 of a file in hexadecimal.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def explaining(path: Path, error: type[TTSGymError]) -> Iterator[None]:
    """Say in one sentence why ``path`` cannot be read.

    Args:
        path: what is read.
        error: what to raise with that sentence.
    """
    try:
        yield
    except FileNotFoundError as missing:
        raise error(f"{path} does not exist; check the path") from missing
    except IsADirectoryError as directory:
        raise error(f"{path} is a directory where a file is expected; give the path of the file") from directory
    except (OSError, ValueError) as refused:
        raise error(f"{path} cannot be read ({refused}); check the path and its permissions") from refused


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Have errors of the system name ``path`` where they name no file, as those of a full disk do not."""
    try:
        yield
    except OSError as error:
        if error.filename is not None:
            raise
        if error.errno is None:
            raise OSError(f"{error}: {path}") from error
        raise OSError(error.errno, error.strerror, str(path)) from error
