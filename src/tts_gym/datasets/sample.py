"""Some of the questions and branches of a store as a store of their own.

What is taken depends on the seed, the text of the question and the number of the branch alone: a smaller sample is part
of a larger one, stores of several models on the same questions are sampled alike, and nothing that is added to a store
moves what was taken before.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from os import PathLike

from tts_gym.datasets.derived import LINEAGE, inherited, lineage, origin
from tts_gym.datasets.parquet import write_store
from tts_gym.datasets.recordings import Recordings
from tts_gym.datasets.records import Watch, watched
from tts_gym.datasets.schema import RecordedQuestion
from tts_gym.errors import StoreError


def sample_store(
    store: str | PathLike[str],
    out: str | PathLike[str],
    branches: int | None = None,
    questions: int | None = None,
    seed: int = 0,
    watch: Watch = lambda progress: None,
) -> None:
    """Write a sample of a store to a new directory; questions and branches keep their order, answers their classes.

    Args:
        store: directory of the store.
        out: where the sample goes; it must not exist yet.
        branches: most branches of a question, at least 1; all by default. A question with fewer keeps them all.
        questions: how many questions, at least 1; all by default.
        seed: another one gives another sample.
        watch: is told how many questions are done, of how many.

    Raises:
        StoreError: the store is refused, has fewer questions, or the directory exists or cannot be created.
    """
    recordings = Recordings(store)
    if questions is not None and questions > len(recordings.asked):
        raise StoreError(
            f"{store} has {len(recordings.asked)} questions, and {questions} are to be taken; take fewer, or leave it "
            "open to take all"
        )
    texts = {name: asked.question for name, asked in recordings.asked.items()}
    ids = list(texts)
    chosen = [ids[place] for place in _chosen(list(texts.values()), questions, seed)]
    taken = {name: _branches(texts[name], recordings.branch_count(name), branches, seed) for name in chosen}
    metadata = inherited(recordings.metadata) | {
        "name": f"{recordings.metadata['name']} (sample)",
        "sampled": {
            "from": origin(recordings),
            "questions": questions,
            "branches": branches,
            "seed": seed,
            "taken": {name: " ".join(map(str, numbers)) for name, numbers in taken.items()},
        },
        LINEAGE: sorted(lineage(recordings.metadata)),
    }
    write_store(out, watched(_records(recordings, taken), len(taken), watch), metadata)


def _records(recordings: Recordings, taken: Mapping[str, Sequence[int]]) -> Iterator[RecordedQuestion]:
    for name, numbers in taken.items():
        question = recordings.question(name)
        yield replace(question, branches=[question.branches[number] for number in numbers])


def _branches(question: str, count: int, wanted: int | None, seed: int) -> list[int]:
    return _chosen([f"{number}\n{question}" for number in range(count)], wanted, seed)


def _chosen(keys: Sequence[str], wanted: int | None, seed: int) -> list[int]:
    """Places of ``wanted`` of ``keys``, ascending; all of them where so many are not there, or None is given."""
    order = sorted(range(len(keys)), key=lambda place: hashlib.sha256(f"{seed}\n{keys[place]}".encode()).digest())
    return sorted(order[:wanted])
