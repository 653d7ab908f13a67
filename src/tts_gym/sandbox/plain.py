"""Episodes of a candidate in plain Python in a jail, as the parent asks for them and reads what comes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, NamedTuple, TypeGuard

import numpy as np

from tts_gym.agents.replay import branch_order
from tts_gym.datasets.folds import select_questions
from tts_gym.datasets.store import ReplayStore, Tables
from tts_gym.episode import transitions
from tts_gym.episode.episode import Note, ReplayEpisode, episode_fields
from tts_gym.episode.loop import COLUMNS, class_of_code, tell
from tts_gym.episode.recount import MOST_WRITTEN, recount
from tts_gym.episode.rules import EpisodeRules
from tts_gym.sandbox.anonymise import AnonymisedStore, MalformedError, describe
from tts_gym.sandbox.boundary import LARGEST, LONGEST_FAILURE, LONGEST_NOTE, MOST_NOTES, is_number, printable
from tts_gym.sandbox.candidate import Candidate
from tts_gym.sandbox.jail_process import request_file, run_jail
from tts_gym.sandbox.messages import Read, read_message
from tts_gym.sandbox.runs import Limits, weakness


class Asked(NamedTuple):
    """An episode: the place of its store, the question, the seed of the branch order, the knob."""

    store: int
    question: int
    seed: int
    beta: float


@dataclass(frozen=True)
class PlainEpisode:
    """What a jail said of an episode; whether it is true, recounting the log tells.

    Attributes:
        answer: code of the answer.
        log: int32 words, see ``episode.actions``.
        notes: what it noted.
    """

    answer: int
    log: tuple[int, ...]
    notes: tuple[Note, ...]


def run_plain(
    candidate: Candidate,
    stores: Sequence[ReplayStore],
    anonymised: Sequence[AnonymisedStore],
    episodes: Sequence[Asked],
    rules: EpisodeRules,
    limits: Limits,
) -> list[PlainEpisode | str]:
    """Run ``episodes`` in plain Python, in a jail that is given the branches of their questions and of no other.

    Args:
        candidate: an audited one.
        stores: what is replayed.
        anonymised: the same as the jail may see it.
        episodes: at least one.
        rules: spending and accounting.
        limits: what they may use together.

    Returns:
        For each episode what it came to, or why it came to nothing, in one line.

    Raises:
        TTSGymError: if no jail starts on this machine, or only a weak one, which ``limits`` do not allow.
    """
    tables: list[Tables] = []
    asked = list(episodes)
    for place, (store, one) in enumerate(zip(stores, anonymised, strict=True)):
        wanted = [each.question for each in episodes if each.store == place]
        kept = np.isin(np.arange(len(store)), wanted)
        tables.append(select_questions(replace(store, tables=one.tables), kept).tables)
        asked = [
            each._replace(question=int(kept[: each.question].sum())) if each.store == place else each for each in asked
        ]
    request = {
        "source": candidate.source,
        "audited": candidate.audited,
        "episodes": asked,
        "rules": asdict(rules),
        "limits": asdict(limits),
        "stores": [describe(each, store.interval) for each, store in zip(tables, stores, strict=True)],
    }
    told: list[PlainEpisode | str] = []

    def hear(read: Read) -> None:
        while len(told) < len(episodes):
            told.append(read_episode(read))

    with request_file(request, tables) as file:
        answers = run_jail(file, hear, limits.seconds)
    failure = weakness(answers.layers, candidate, limits) or answers.failure
    return told + [failure or "failed"] * (len(episodes) - len(told))


def read_episode(read: Read) -> PlainEpisode | str:
    """Take what a jail sends of an episode, which may be anything: what it came to, or why to nothing, in one line.

    Raises:
        MalformedError: it is neither.
    """
    message = read_message(read, 0, 0)
    try:
        outcome: Any = json.loads(bytes(message))
    except (ValueError, RecursionError):
        raise MalformedError("an episode is no JSON") from None
    if not isinstance(outcome, dict):
        raise MalformedError("an episode is no object")
    failure = outcome.get("failure")
    if isinstance(failure, str):
        return printable(failure, LONGEST_FAILURE) or "failed"
    answer, log, notes = outcome.get("answer"), outcome.get("log"), outcome.get("notes")
    if not _is_word(answer) or not isinstance(log, list) or not all(map(_is_word, log)):
        raise MalformedError("an episode has no answer or no log")
    if not isinstance(notes, list) or len(notes) > MOST_NOTES or not all(map(_is_note, notes)):
        raise MalformedError("an episode has notes that nobody makes")
    return PlainEpisode(answer, tuple(log), tuple(Note(name, float(value), tokens) for name, value, tokens in notes))


def recounted(
    told: PlainEpisode, asked: Asked, store: ReplayStore, rules: EpisodeRules, max_width: int
) -> tuple[int, ...]:
    """What an episode came to by its log: the class of its answer and the counts of ``episode.loop.COLUMNS``.

    Args:
        told: what a jail said.
        asked: which episode it was.
        store: what it was replayed on.
        rules: spending and accounting.
        max_width: branches that it may have opened.

    Raises:
        MalformedError: no episode has that log, or that answer.
    """
    episode: Any = ReplayEpisode(episode_fields(store, rules, max_width, MOST_WRITTEN))
    episode.order = branch_order(int(store.branch_counts[asked.question]), asked.seed).tolist()
    transitions.reset(episode, asked.question)
    result = [0] * len(COLUMNS)
    try:
        recount(episode, np.array(told.log, np.int32))
        tell(episode, class_of_code(episode, told.answer), result)
    except (ValueError, IndexError) as error:
        raise MalformedError(str(error)) from None
    return tuple(result)


def _is_word(value: Any) -> TypeGuard[int]:
    return type(value) is int and abs(value) < 2**31


def _is_note(value: Any) -> bool:
    if not isinstance(value, list) or len(value) != 3:
        return False
    name, number, tokens = value
    named = isinstance(name, str) and name == printable(name, LONGEST_NOTE)
    return named and is_number(number) and type(tokens) is int and 0 <= tokens < LARGEST
