"""The JSON files that were published with AutoTTS (arXiv 2605.08083): one list per model and benchmark.

Each element is an object for one question, with the keys ``question``, ``gold_answer``, ``probe_freq`` (Δ in tokens)
and ``each_branch``, a list of ``[probe_answers, tokens, final_answer]``; ``final_answers_trace``, one final answer a
branch, is optional and not used. An invalid answer is written ``"ERR"``. Answers are of one class when their texts are
equal.
"""

from __future__ import annotations

from collections.abc import Iterator
from os import PathLike
from pathlib import Path
from reprlib import repr as short
from typing import Any

from tts_gym.datasets.build import build_store
from tts_gym.datasets.jsonfile import read_json
from tts_gym.datasets.metadata import tool_versions
from tts_gym.datasets.records import concatenate, record_tables
from tts_gym.datasets.schema import FORMAT_VERSION, RecordedBranch, RecordedQuestion, Sources
from tts_gym.datasets.store import INVALID_TEXT, ReplayStore
from tts_gym.errors import StoreError

QUESTION_KEYS = ("question", "gold_answer", "probe_freq", "each_branch")


def read_published(path: str | PathLike[str]) -> ReplayStore:
    """Read a published-format file into a replay store.

    The store is named after the file and its directory: ``Qwen3-4B/aime24.json`` becomes ``Qwen3-4B/aime24``. Question
    ids are positions in the list: "0", "1", ….

    Args:
        path: the ``.json`` file.

    Raises:
        StoreError: the file is missing, damaged, or not in the published format.
    """
    file = Path(path)
    document = read_json(file)
    tables = concatenate(list(record_tables(_questions(document, str(file)), str(file))))
    return build_store(tables, _metadata(document, file), Sources.single(str(file)))


def published_questions(path: str | PathLike[str]) -> Iterator[RecordedQuestion]:
    """Yield the records of a published-format file, in order.

    Args:
        path: the ``.json`` file.

    Raises:
        StoreError: the file is missing, damaged, or not in the published format.
    """
    return _questions(read_json(Path(path)), str(path))


def _metadata(document: list[dict[str, Any]], file: Path) -> dict[str, Any]:
    model = file.absolute().parent.name
    return {
        "format_version": FORMAT_VERSION,
        "name": f"{model}/{file.stem}",
        "model": model,
        "benchmark": file.stem,
        "interval": document[0]["probe_freq"],
        "synthetic": False,
        "license": "unknown",
        "sampling": {},
        "seeds": [],
        "tools": tool_versions(),
    }


def _questions(document: Any, source: str) -> Iterator[RecordedQuestion]:
    if not isinstance(document, list):
        raise StoreError(f"{source}: holds {short(document)} where a list of questions is expected; correct the file")
    for position, item in enumerate(document):
        place = f"{source}, question '{position}'"
        if not isinstance(item, dict):
            raise StoreError(f"{place} is {short(item)}; it must be an object with {', '.join(QUESTION_KEYS)}")
        for key in QUESTION_KEYS:
            if key not in item:
                raise StoreError(f"{place}: the key {key!r} is missing; add it")
        _check_interval(item["probe_freq"], document[0]["probe_freq"], place)
        branches = [
            _branch(entry, f"{place}, branch {number}")
            for number, entry in enumerate(_list(item["each_branch"], f"{place}: each_branch"))
        ]
        _check_trace(item.get("final_answers_trace", branches), len(branches), place)
        yield RecordedQuestion(str(position), item["question"], item["gold_answer"], branches)


def _check_interval(interval: Any, first: Any, place: str) -> None:
    if type(interval) is not int or interval <= 0:
        raise StoreError(f"{place}: probe_freq is {short(interval)}; it must be a positive number of tokens")
    if interval != first:
        raise StoreError(
            f"{place}: probe_freq is {short(interval)} where the first question has {short(first)}; split the file so "
            "that each has one interval"
        )


def _check_trace(trace: Any, branches: int, place: str) -> None:
    length = len(_list(trace, f"{place}: final_answers_trace"))
    if length != branches:
        raise StoreError(
            f"{place}: final_answers_trace has {length} answers for {branches} branches; "
            "make them agree or leave it out"
        )


def _branch(entry: Any, place: str) -> RecordedBranch:
    parts = _list(entry, place)
    if len(parts) != 3:
        raise StoreError(f"{place} has {len(parts)} parts; it must be [probe_answers, tokens, final_answer]")
    probes, tokens, final = parts
    return RecordedBranch(
        tokens=tokens,
        probe_answers=[
            _answer(answer, f"{place}: probe answer {index}")
            for index, answer in enumerate(_list(probes, f"{place}: probe_answers"))
        ],
        final_answer=_answer(final, f"{place}: final answer"),
    )


def _answer(value: Any, place: str) -> str | None:
    if not isinstance(value, str):
        raise StoreError(f'{place} is {short(value)}; it must be text, "{INVALID_TEXT}" where it is invalid')
    return None if value == INVALID_TEXT else value


def _list(value: Any, place: str) -> list[Any]:
    if not isinstance(value, list):
        raise StoreError(f"{place} is {short(value)}; it must be a list")
    return value
