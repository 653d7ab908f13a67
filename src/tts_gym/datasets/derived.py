"""Where a store that was made from others comes from, as its metadata say it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tts_gym.datasets.parquet import BRANCHES_FILE
from tts_gym.datasets.recordings import Recordings

LINEAGE = "lineage"
"""The key under which metadata list the SHA-256 of ``branches.parquet`` of every store that branches come from."""

OF_THE_WHOLE = frozenset({"format_version", "tools", "sha256", "markers", "merged", "sampled", LINEAGE})
"""What metadata say of a store as it is, with all of its branches; a store made from it has its own."""

TOLD = ("name", "benchmark", "seeds", "tools", "sha256", "import", "merged", "sampled")
"""What is kept of the metadata of a store from which another was made."""


def origin(recordings: Recordings) -> dict[str, Any]:
    """What the metadata of a store tell of one that it was made from."""
    told = {key: recordings.metadata[key] for key in TOLD if key in recordings.metadata}
    return told | {"questions": recordings.summary.questions, "branches": recordings.summary.branches}


def lineage(metadata: Mapping[str, Any]) -> set[str]:
    """The SHA-256 of ``branches.parquet`` of a store with these metadata, and of all that it was made from."""
    before = metadata.get(LINEAGE, [])
    return {metadata["sha256"][BRANCHES_FILE], *(map(str, before) if isinstance(before, list) else ())}


def inherited(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """What the metadata of a store say that is true of some of its branches too."""
    kept = {key: value for key, value in metadata.items() if key not in OF_THE_WHOLE}
    collection = kept.get("collection")
    if isinstance(collection, dict):
        settings = {name: value for name, value in collection.get("settings", {}).items() if name != "branches"}
        kept["collection"] = collection | {"settings": settings}
        kept["collection"].pop("questions_sha256", None)
    return kept
