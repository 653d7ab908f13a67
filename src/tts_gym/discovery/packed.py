"""An archive as one compressed file, which is read as its directory is."""

from __future__ import annotations

import io
import lzma
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd

from tts_gym.discovery.archive import LOCK, REPORTED, Archive
from tts_gym.errors import DiscoveryError
from tts_gym.files import PARTIAL, write_whole

MOST_BYTES = 2**28
"""Bytes of a file, and of what it unpacks to, at most."""

MOST_FILES = 50_000
"""Files in it at most."""

_MEMORY = 2**27
"""Bytes that unpacking may take beside; the strongest preset takes half of them."""


def pack(directory: Path, file: Path) -> None:
    """Write an archive as one file, the same one for the same archive.

    The workspaces with their copies of the prompt stay out, and what a report writes anew. Tables go in uncompressed:
    together they compress better than each by itself.

    Args:
        directory: of the discovery, in which no other process may be at work.
        file: what to write, ``.tar.xz``.

    Raises:
        DiscoveryError: it is no directory of a discovery, or another process works in it.
    """
    archive = Archive(directory)
    archive.settings()
    content = io.BytesIO()
    with archive.alone(), tarfile.open(fileobj=content, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for path in sorted(directory.rglob("*")):
            name = path.relative_to(directory)
            left_out = "workspace" in name.parts or name.name in (LOCK, *REPORTED) or name.suffix == PARTIAL
            if path.is_file() and not left_out:
                data = _uncompressed(path) if path.suffix == ".parquet" else path.read_bytes()
                entry = tarfile.TarInfo(name.as_posix())
                entry.size = len(data)
                tar.addfile(entry, io.BytesIO(data))
    write_whole(file, lzma.compress(content.getvalue(), preset=9 | lzma.PRESET_EXTREME))


@contextmanager
def opened(path: Path) -> Iterator[Archive]:
    """The archive at ``path``, a directory, or a file that ``pack`` wrote.

    A file is unpacked for as long as it is open; what is written meanwhile goes with it.

    Raises:
        DiscoveryError: the file is damaged, larger than an archive is, or holds what is no archive's.
    """
    if not path.is_file():
        yield Archive(path)
        return
    with TemporaryDirectory(prefix="tts-gym-") as folder:
        try:
            _unpack(path, Path(folder))
        except (lzma.LZMAError, tarfile.TarError, OSError, ValueError) as error:
            raise DiscoveryError(
                f"{path} cannot be unpacked ({error}): give a directory of a discovery, or a file of discover pack."
            ) from error
        yield Archive(Path(folder), path)


def _uncompressed(path: Path) -> bytes:
    content = io.BytesIO()
    pd.read_parquet(path).to_parquet(content, index=False, compression=None)
    return content.getvalue()


def _unpack(path: Path, folder: Path) -> None:
    if path.stat().st_size > MOST_BYTES:
        raise ValueError("it is too large")
    reader = lzma.LZMADecompressor(memlimit=_MEMORY)
    content = reader.decompress(path.read_bytes(), MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise ValueError("what it holds is too large")
    if not reader.eof:
        raise ValueError("its end is missing")
    with tarfile.open(fileobj=io.BytesIO(content), mode="r:") as tar:
        size = 0
        for count, entry in enumerate(tar, 1):
            size += entry.size
            if size > MOST_BYTES or count > MOST_FILES:
                raise ValueError("what it holds is too large")
            if not (entry.isfile() or entry.isdir()):
                raise ValueError("it holds more than files and directories")
            tar.extract(entry, folder, filter="data")
