"""What goes wrong in a collection."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tts_gym.errors import TTSGymError


class CollectionError(TTSGymError):
    """A collection has wrong settings or questions, is in use, or cannot go on."""


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
