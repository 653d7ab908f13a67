"""Several stores of one model and the same settings as one: more branches of the same questions, or more questions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain, combinations
from os import PathLike
from reprlib import repr as short
from typing import Any

from tts_gym.datasets.derived import LINEAGE, inherited, lineage, origin
from tts_gym.datasets.parquet import BRANCHES_FILE, write_store
from tts_gym.datasets.recordings import Recordings
from tts_gym.datasets.records import Grouping, Watch, exact_classes, watched
from tts_gym.datasets.schema import RecordedQuestion
from tts_gym.errors import StoreError

OF_A_RUN = frozenset({"backend", "block", "branches", "given", "keep_text", "seed"})
"""Settings of a collection that may differ: the branches are drawn from the same distribution all the same."""

MOST_TOLD = 3
"""Differences of two stores that a message names."""

EQUATED = ("collection", "live", "import", "regraded")
"""Keys of metadata which tell that equal answers were joined, and not equal texts alone."""


class Merge:
    """Stores that can be merged.

    Attributes:
        joins_answers: whether answers to some question have to be grouped anew: stores that joined equal answers have
            it in common. The answers to all other questions keep their classes, or are joined by their texts.
    """

    def __init__(self, stores: Sequence[str | PathLike[str]]) -> None:
        """Read the stores and find out whether they fit together.

        Args:
            stores: their directories, at least two.

        Raises:
            StoreError: a store is refused, or two of them do not fit; the message says what differs.
        """
        if len(stores) < 2:
            raise StoreError("there is nothing to merge; give at least two stores")
        self._sources = [Recordings(store) for store in stores]
        for other in self._sources[1:]:
            _check_settings(self._sources[0], other)
        for one, other in combinations(self._sources, 2):
            _check_questions(one, other)
        asked = Counter(chain.from_iterable(source.asked for source in self._sources))
        shared = {name for name, count in asked.items() if count > 1}
        self.joins_answers = any(
            _equates(source) and any(name in shared and each.scorer is None for name, each in source.asked.items())
            for source in self._sources
        )

    def write(
        self,
        out: str | PathLike[str],
        grouping: Grouping = exact_classes,
        watch: Watch = lambda progress: None,
    ) -> int:
        """Write the merged store to a new directory, a question at a time.

        The questions of the first store come first, then what each further one adds, in its order; the branches of a
        question come in the order of the stores.

        Args:
            out: where it goes; it must not exist yet.
            grouping: which answers are the same, to questions that several stores have.
            watch: is told how many questions are done, of how many.

        Returns:
            How many branches equal a branch of the same question in an earlier store.

        Raises:
            StoreError: the directory exists or cannot be created.
        """
        repeated: list[int] = []
        names = list(dict.fromkeys(chain.from_iterable(source.asked for source in self._sources)))
        questions = watched(self._questions(names, repeated), len(names), watch)
        write_store(out, questions, self._metadata(), grouping)
        return sum(repeated)

    def _questions(self, names: Sequence[str], repeated: list[int]) -> Iterator[RecordedQuestion]:
        for name in names:
            parts = [source.question(name) for source in self._sources if name in source.asked]
            repeated.append(_repeated(parts))
            yield parts[0] if len(parts) == 1 else _joined(parts)

    def _metadata(self) -> dict[str, Any]:
        every = [source.metadata for source in self._sources]
        merged = _common([inherited(metadata) for metadata in every])
        for key in ("name", "benchmark"):
            merged[key] = " + ".join(dict.fromkeys(metadata[key] for metadata in every))
        merged["seeds"] = [*dict.fromkeys(chain.from_iterable(metadata["seeds"] for metadata in every))]
        if all("collection" in metadata for metadata in every):
            merged["collection"].setdefault("settings", {})["answers"] = _rule(every[0])
            sessions = chain.from_iterable(metadata["collection"].get("sessions", []) for metadata in every)
            merged["collection"]["sessions"] = list(sessions)
        if all("import" in metadata for metadata in every):
            merged["import"]["token_counts"] = _summed(metadata["import"].get("token_counts", {}) for metadata in every)
        if all("markers" in metadata for metadata in every):
            merged["markers"] = _summed(metadata["markers"] for metadata in every)
        merged["merged"] = [origin(source) for source in self._sources]
        merged[LINEAGE] = sorted(set().union(*map(lineage, every)))
        return merged


def _check_settings(one: Recordings, other: Recordings) -> None:
    found = list(_differences(_matters(one), _matters(other)))
    if found:
        told = "; ".join(f"{what} is {own} and {others}" for what, own, others in found[:MOST_TOLD])
        told += f"; and {len(found) - MOST_TOLD} more differ" * (len(found) > MOST_TOLD)
        raise StoreError(
            f"{one.directory} and {other.directory} cannot be merged, as {told}; merge what was recorded alike"
        )


def _matters(source: Recordings) -> dict[str, Any]:
    """What must be the same in stores that are merged."""
    metadata = source.metadata
    settings = metadata.get("collection", metadata.get("live", {})).get("settings", {})
    told_above = OF_A_RUN.union(metadata, metadata["sampling"], ["answers"])
    return {
        **{key: metadata[key] for key in ("model", "interval", "synthetic", "license", "sampling")},
        "probing_model": metadata.get("probing_model"),
        "probes": metadata.get("probes", True),
        "settings": {name: value for name, value in settings.items() if name not in told_above},
        "the rule of answers": _rule(metadata),
        "what counts tokens": sorted(metadata.get("import", {}).get("token_counts", {})),
        "what is recorded of a branch": sorted(source.recorded),
    }


def _rule(metadata: Mapping[str, Any]) -> Any:
    """How answers were recognised, None where that is not known."""
    settings = metadata.get("collection", metadata.get("live", {})).get("settings", metadata.get("import", {}))
    return metadata.get("regraded", {}).get("answers") or settings.get("answers")


def _check_questions(one: Recordings, other: Recordings) -> None:
    kin = lineage(one.metadata) & lineage(other.metadata)
    names = {asked.question: name for name, asked in one.asked.items()}
    for name, asked in other.asked.items():
        known = one.asked.get(name)
        place = f"question {name!r} of {other.directory}"
        if known is None and asked.question in names:
            raise StoreError(
                f"{place} is question {names[asked.question]!r} of {one.directory}; give it the same id in both stores"
            )
        if known is None:
            continue
        for what in ("question", "gold", "scorer", *["right"] * (known.scorer is None)):
            if getattr(asked, what) != getattr(known, what):
                raise StoreError(
                    f"{place} is another one in {one.directory}: {what} is {short(getattr(asked, what))} and there "
                    f"{short(getattr(known, what))}; give different questions different ids"
                )
        if kin:
            raise StoreError(
                f"{place} is in {one.directory} too, and both have branches of the store whose {BRANCHES_FILE} has the "
                f"SHA-256 {min(kin)}, so that these would count twice; merge stores that were drawn apart"
            )


def _equates(source: Recordings) -> bool:
    return source.joins_texts or any(key in source.metadata for key in EQUATED)


def _repeated(parts: Sequence[RecordedQuestion]) -> int:
    """How many branches equal one of an earlier part."""
    seen: set[str] = set()
    repeated = 0
    for part in parts:
        branches = [repr(branch) for branch in part.branches]
        repeated += sum(branch in seen for branch in branches)
        seen.update(branches)
    return repeated


def _joined(parts: Sequence[RecordedQuestion]) -> RecordedQuestion:
    """One question with the branches of all parts; its answers are to be grouped anew."""
    branches = [branch for part in parts for branch in part.branches]
    right = [*dict.fromkeys(text for part in parts for text in part.right)]
    return replace(parts[0], branches=branches, right=right, classes=None)


def _common(documents: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What all documents say alike."""
    found: dict[str, Any] = {}
    for key, value in documents[0].items():
        values: list[Any] = [document.get(key) for document in documents]
        if all(isinstance(each, dict) for each in values):
            found[key] = _common(values)
        elif all(each == value for each in values):
            found[key] = value
    return found


def _differences(one: Any, other: Any, path: str = "") -> Iterator[tuple[str, str, str]]:
    """Where two documents differ: the place, and what each has there."""
    if isinstance(one, dict) and isinstance(other, dict):
        for key in one | other:
            yield from _differences(one.get(key), other.get(key), f"{path}.{key}".strip("."))
    elif one != other:
        yield path, short(one), short(other)


def _summed(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    return dict(sum(map(Counter, counts), Counter()))
