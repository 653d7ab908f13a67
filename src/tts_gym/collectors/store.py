"""From the shards of a finished collection to the store."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from itertools import groupby
from pathlib import Path
from typing import Any

from tts_gym.collectors.given_store import GivenStore
from tts_gym.collectors.questions import Question
from tts_gym.collectors.settings import CollectionSettings, completed, digest
from tts_gym.collectors.shards import Shards
from tts_gym.collectors.tasks import TaskScorer
from tts_gym.collectors.units import WorkUnit
from tts_gym.datasets.parquet import METADATA_FILE, write_store
from tts_gym.datasets.records import Grouping
from tts_gym.datasets.schema import RecordedQuestion
from tts_gym.files import move


def make_store(
    shards: Shards,
    units: Sequence[WorkUnit],
    questions: Sequence[Question],
    settings: CollectionSettings,
    benchmark: str,
    license_name: str,
    grouping: Grouping,
    tasks: TaskScorer,
    name: str | None = None,
    given: GivenStore | None = None,
) -> None:
    """Put the store of a finished collection into its directory.

    The tables come before ``metadata.json``, without which there is no store, so that the store is there at once or not
    at all.

    Args:
        shards: the collection, all of it finished.
        units: its units.
        questions: its questions.
        settings: what was drawn.
        benchmark: name of the questions.
        license_name: licence of the data.
        grouping: which answers of a question are the same.
        tasks: decides what is right where a question has a scorer.
        name: name of the store; those of the model and of the questions by default.
        given: the store whose branches were probed, where none were drawn.

    Raises:
        StoreError: the records do not make a store.
        OSError: it cannot be written.
    """
    shards.draft.mkdir()
    draft = shards.draft / "store"
    if given is None:
        provenance, records = _drawn(settings), _records(shards, units)
    else:
        lengths = [branch.tokens for unit in units for branch in shards.branches(unit)]
        provenance, records = given.provenance(questions, settings, lengths), map(given.graded, _records(shards, units))
    metadata = provenance | {
        "interval": settings.interval,
        "collection": {
            "settings": settings.as_dict(),
            "sessions": shards.sessions(),
            "questions_sha256": _digest(questions),
        },
        "markers": shards.markers(units),
        "name": name or f"{Path(settings.model).name}/{benchmark}",
        "benchmark": benchmark,
        "license": license_name,
    }
    write_store(draft, map(tasks.decide, records), metadata, grouping)
    files = sorted(draft.iterdir(), key=lambda file: file.name == METADATA_FILE)
    (shards.directory / METADATA_FILE).unlink(missing_ok=True)
    for file in files:
        move(file, shards.directory / file.name)
    shutil.rmtree(shards.draft)


def recorded(shards: Shards, units: Sequence[WorkUnit]) -> RecordedQuestion:
    """What the finished units of one question recorded.

    Args:
        shards: where they are kept.
        units: all units of the question, in order of branches.
    """
    asked = units[0].question
    branches = [branch for unit in units for branch in shards.branches(unit)]
    return RecordedQuestion(asked.id, asked.question, asked.gold, branches, scorer=asked.scorer)


def holds_store(directory: Path, questions: Sequence[Question], settings: CollectionSettings) -> bool:
    """Whether the store of a collection is there.

    Args:
        directory: directory of the collection.
        questions: its questions, in order.
        settings: what was drawn.
    """
    try:
        metadata = json.loads((directory / METADATA_FILE).read_text(encoding="utf-8"))
        made_of = metadata["collection"]
        asked = made_of["questions_sha256"] == _digest(questions)
        return bool(asked and completed(made_of["settings"]) == settings.as_dict())
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False


def _drawn(settings: CollectionSettings) -> dict[str, Any]:
    """What the metadata say of the drawing of the branches."""
    plain = settings.as_dict()
    return {
        "model": settings.model,
        "synthetic": False,
        "sampling": {name: plain[name] for name in ("temperature", "top_p", "top_k", "max_tokens", "stop")},
        "seeds": [] if settings.seed is None else [settings.seed],
    }


def _digest(questions: Sequence[Question]) -> str:
    return digest([asdict(question) for question in questions])


def _records(shards: Shards, units: Sequence[WorkUnit]) -> Iterator[RecordedQuestion]:
    for _, own in groupby(units, lambda unit: unit.question):
        yield recorded(shards, list(own))
