"""Files: reading one whole, checking what is in it, putting it on the disk."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from tts_gym.errors import StoreError


def read_bytes(path: Path) -> bytes:
    """The bytes of the file at ``path``; a ``StoreError`` says why they cannot be read."""
    try:
        return path.read_bytes()
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from error


def sha256(path: Path) -> str:
    """SHA-256 of the file at ``path`` in hexadecimal; a ``StoreError`` says why it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from error


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that it is never seen in parts, with the directories above it.

    Args:
        path: the file, which is replaced where it exists.
        content: all of it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.partial")
    partial.write_bytes(content)
    os.replace(partial, path)


def sync(path: Path) -> None:
    """Have the system put a file or directory on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _unreadable(path: Path, error: Exception) -> StoreError:
    if isinstance(error, FileNotFoundError):
        return StoreError(f"{path} does not exist; check the path")
    if isinstance(error, IsADirectoryError):
        return StoreError(f"{path} is a directory where a file is expected; give the path of the file")
    return StoreError(f"{path} cannot be read ({error}); check the path and its permissions")
