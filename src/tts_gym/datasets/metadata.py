"""The provenance of a store: what ``metadata.json`` says, and the check that it says it.

=================  =======  ==========================================================================
key                type     meaning
=================  =======  ==========================================================================
``name``           text     short name shown in tables
``model``          text     the language model that generated the branches
``benchmark``      text     the set the questions come from
``interval``       integer  tokens between two probes (Δ), at least 1
``synthetic``      boolean  whether the data were drawn from a generative model, not from a language model
``license``        text     licence of the data
``sampling``       object   sampling parameters
``seeds``          array    random seeds
``format_version`` integer  version of the directory layout
``tools``          object   versions of the packages that wrote the store
``sha256``         object   for each table file, the SHA-256 of its bytes in hexadecimal
=================  =======  ==========================================================================

The last three describe the files, so a store that only lives in memory need not have them. ``probes`` is false where
nobody asked for answers on the way: the store has whole branches, whose probes are all invalid. Others lack the key.

A store whose branches were there before they were probed has ``probing_model``, who answered the probes, and ``given``,
what was recorded of the branches: name, interval and collection of their store, its SHA-256s, its ``tokens``, and
``branches_of_other_length`` by the tokenizer of the probing model.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from reprlib import repr as short
from typing import Any

from tts_gym.datasets.schema import FIRST_VERSION, FORMAT_VERSION, MOST_TOKENS
from tts_gym.errors import StoreError

PROVENANCE: dict[str, type] = {
    "name": str,
    "model": str,
    "benchmark": str,
    "interval": int,
    "synthetic": bool,
    "license": str,
    "sampling": dict,
    "seeds": list,
}
FILE_KEYS: dict[str, type] = {"format_version": int, "tools": dict, "sha256": dict}


def check_provenance(metadata: Mapping[str, Any], source: str) -> None:
    """Refuse metadata that lack a key of ``PROVENANCE``, mistype one, or have an impossible interval.

    Args:
        metadata: what is told of a store.
        source: where it comes from, for error messages.

    Raises:
        StoreError: it is refused.
    """
    _check_types(metadata, PROVENANCE, source)
    if type(metadata.get("probes", True)) is not bool:
        raise StoreError(f"{source}: probes is {short(metadata['probes'])}; it must be of type bool")
    interval = metadata["interval"]
    if not 0 < interval <= MOST_TOKENS:
        raise StoreError(f"{source}: interval is {short(interval)}; it must be a positive number of tokens")


def check_file_metadata(metadata: Any, source: str) -> None:
    """Refuse what ``metadata.json`` holds if it is not an object of a known format version with every key.

    Args:
        metadata: anything that JSON holds.
        source: the file, for error messages.

    Raises:
        StoreError: it is refused.
    """
    if not isinstance(metadata, dict):
        raise StoreError(f"{source}: holds {short(metadata)} where an object is expected; write the store again")
    found = metadata.get("format_version")
    if type(found) is int and not FIRST_VERSION <= found <= FORMAT_VERSION:
        raise StoreError(
            f"{source}: format_version is {short(found)} and this tts-gym reads versions {FIRST_VERSION} to "
            f"{FORMAT_VERSION}; " + ("install a newer tts-gym" if found > FORMAT_VERSION else "write the store again")
        )
    _check_types(metadata, FILE_KEYS | PROVENANCE, source)


def tool_versions() -> dict[str, str]:
    """Versions of the packages that write a store."""
    return {package: _version(package) for package in ("tts-gym", "pyarrow")}


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _check_types(metadata: Mapping[str, Any], types: Mapping[str, type], source: str) -> None:
    for key, expected in types.items():
        if key not in metadata:
            raise StoreError(f"{source}: the key {key!r} is missing; add it")
        if type(metadata[key]) is not expected:
            raise StoreError(f"{source}: {key} is {short(metadata[key])}; it must be of type {expected.__name__}")
