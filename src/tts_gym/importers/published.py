"""The published format among the others: it has probes, so that ``datasets.published`` reads it, and not samples."""

from __future__ import annotations

from tts_gym.importers.source import Source

PUBLISHED = "published"
"""Its name beside those of ``FORMATS``."""


def is_published(source: Source) -> bool:
    """Whether ``source`` is a JSON list of questions with branches.

    Raises:
        SourceError: it cannot be read.
    """
    if source.path.suffix != ".json" or not isinstance(source.document, list):
        return False
    first = source.document[0] if source.document else None
    return isinstance(first, dict) and not {"each_branch", "probe_freq"}.isdisjoint(first)
