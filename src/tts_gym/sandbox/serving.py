"""Classes in a jail, served from here: their episodes are played, charged and graded on tables that no jail holds.

The jail sends lines of JSON, each a list. ``["begin"]`` comes first, then, for one episode after another, calls of the
published interface (``["probe_more", 3]``) and ``["answer", text or null]``; or ``["fail", reason]``. Each is replied
to with a line ``[null, value]`` or ``[name of an error, its text]``; "begin" and "answer" with the value of the knob
for the next episode. Which question and branch order an episode has is not said, and episodes come in random order.
Nothing else that a jail sends is believed.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Generator, Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import pandas as pd

from tts_gym.agents.controller import graded_rows
from tts_gym.agents.replay import branch_order
from tts_gym.agents.solve_adapter import PublishedQuestion
from tts_gym.datasets.store import INVALID, INVALID_TEXT, ReplayStore
from tts_gym.episode import transitions
from tts_gym.episode.episode import ReplayEpisode, episode_fields
from tts_gym.episode.loop import COLUMNS, COUNTED
from tts_gym.episode.rules import EpisodeRules
from tts_gym.episode.state import REVEALED
from tts_gym.sandbox.anonymise import MalformedError
from tts_gym.sandbox.boundary import printable
from tts_gym.sandbox.candidate import Candidate
from tts_gym.sandbox.isolation import described
from tts_gym.sandbox.jail_process import request_file, serve_jail
from tts_gym.sandbox.results import too_wide
from tts_gym.sandbox.runs import JailRun, Limits, weakness

MOST_TIMES = 10
"""Times the seconds that a candidate may use, which a class that waits for many replies may take."""

LONGEST_ANSWER = 64
"""Characters of an answer."""

LONGEST_REASON = 700
"""Characters of a reason."""

CALLS_A_STEP = 4
"""Calls of an episode for each interval that any branch might have."""

CALLS_BESIDE = 1000
"""Calls of an episode beyond these."""


def run_class(
    candidate: Candidate,
    stores: Sequence[ReplayStore],
    betas: Sequence[float],
    seeds: Sequence[int],
    rules: EpisodeRules,
    limits: Limits,
    max_width: int,
    schedule_betas: Sequence[float],
) -> JailRun:
    """Run a class in a jail and serve it; see ``jail.run_jailed``."""
    start = time.monotonic()
    serving = Serving(stores, betas, seeds, rules)
    most_seconds = MOST_TIMES * limits.seconds
    request = {
        "source": candidate.source,
        "audited": False,
        "limits": asdict(replace(limits, seconds=most_seconds)),
    }
    with request_file(request, []) as file:
        answers = serve_jail(file, serving.reply, limits.seconds, most_seconds)
    failure = weakness(answers.layers, candidate, limits) or serving.failure or answers.failure
    rows = None if failure else serving.rows()
    failure = failure or too_wide(rows or [], max_width)
    schedule = [] if failure else [{"beta": float(beta)} for beta in schedule_betas]
    seconds = time.monotonic() - start
    return JailRun(None if failure else rows, failure, described(answers.layers), seconds, False, schedule)


class Serving:
    """The episodes of a class, played as its jail asks.

    Attributes:
        failure: why they have come to an end before the last one, in one line; else None.
    """

    def __init__(
        self, stores: Sequence[ReplayStore], betas: Sequence[float], seeds: Sequence[int], rules: EpisodeRules
    ) -> None:
        """Have an episode ready for every store, value of the knob, question and seed, in random order."""
        self.failure: str | None = None
        self._stores, self._seeds, self._rules = stores, seeds, rules
        self._blocks = [(place, float(beta)) for place in range(len(stores)) for beta in betas]
        self._results = [
            np.empty((len(stores[place]), len(seeds), len(COLUMNS)), np.int64) for place, _ in self._blocks
        ]
        self._playing = self._play()
        next(self._playing)

    def reply(self, line: bytes) -> bytes | None:
        """The reply to a line, whatever it holds; None if there is nothing more to be said."""
        try:
            return json.dumps(self._playing.send(read_call(line))).encode() + b"\n"
        except StopIteration:
            return None
        except _GivenUpError as error:
            self.failure = printable(str(error), LONGEST_REASON)
        except Exception as error:
            self.failure = printable(f"crashed: {error}", LONGEST_REASON)
        return None

    def rows(self) -> list[pd.DataFrame]:
        """The tables of all episodes, by store and value of the knob, with the columns of ``JailRun.rows``."""
        return [
            graded_rows(self._stores[place], self._seeds, results.reshape(-1, len(COLUMNS))).assign(beta=beta)
            for (place, beta), results in zip(self._blocks, self._results, strict=True)
        ]

    def _play(self) -> Generator[Any, list[Any]]:
        """Given one call after another, what is replied to each."""
        if (yield) != ["begin"]:
            raise MalformedError(_NO_CALL)
        players = [_Player(store, self._rules) for store in self._stores]
        for block, question, seed in self._in_random_order():
            place, beta = self._blocks[block]
            player = players[place]
            player.begin(question, self._seeds[seed])
            call = yield [None, beta]
            for _ in range(player.most_calls):
                if call[0] == "answer":
                    break
                call = yield player.reply(call)
            else:
                raise _GivenUpError(f"timeout: it made {player.most_calls} calls in an episode and gave no answer")
            self._results[block][question, seed] = player.end(call)

    def _in_random_order(self) -> list[tuple[int, int, int]]:
        """The places of block, question and seed of every episode."""
        episodes = [
            (block, question, seed)
            for block, results in enumerate(self._results)
            for question, seed in np.ndindex(results.shape[:2])
        ]
        random.SystemRandom().shuffle(episodes)
        return episodes


class _Player:
    """Plays episodes of one store."""

    def __init__(self, store: ReplayStore, rules: EpisodeRules) -> None:
        self._branches = store.branch_counts
        self._episode: Any = ReplayEpisode(episode_fields(store, rules, int(store.branch_counts.max())))
        self._question = _AnonymousQuestion(self._episode, ())
        longest = int(np.diff(store.tables.answer_start).max())
        self.most_calls = CALLS_BESIDE + CALLS_A_STEP * longest * int(store.branch_counts.max())

    def begin(self, question: int, seed: int) -> None:
        self._episode.order = branch_order(int(self._branches[question]), seed)
        transitions.reset(self._episode, question)

    def reply(self, call: list[Any]) -> list[Any]:
        """What a call of the interface comes to."""
        try:
            match call:
                case ["probe_new"]:
                    return [None, self._question.probe_new()]
                case ["probe_more", index] if type(index) is int:
                    return [None, self._question.probe_more(index)]
                case ["get_new_branch_final_answer"]:
                    return [None, self._question.get_new_branch_final_answer()]
                case ["get_seq_and_total_tokens"]:
                    return [None, self._question.get_seq_and_total_tokens()]
        except IndexError as error:
            return [type(error).__name__, str(error)]
        raise MalformedError(_NO_CALL)

    def end(self, call: list[Any]) -> tuple[int, ...]:
        """The results of the episode, with the columns ``COLUMNS``, for the answer in ``call``."""
        match call:
            case ["answer", None]:
                answer = -1
            case ["answer", str() as text] if len(text) <= LONGEST_ANSWER:
                answer = self._question.class_of(text)
            case _:
                raise MalformedError(f"its answer is no text of at most {LONGEST_ANSWER} characters")
        return (answer, *(self._episode.count[place] for place in COUNTED.values()))


class _AnonymousQuestion(PublishedQuestion):
    """A question whose answers are told by the numbers in which they appear, so that none tells what it is."""

    def text_of(self, code: int) -> str:
        return INVALID_TEXT if self._episode.class_of[code] == INVALID else str(code)

    def class_of(self, text: str) -> int:
        """Class of an answer; -1 for what the episode has not shown."""
        if text == INVALID_TEXT:
            return INVALID
        for code in range(self._episode.count[REVEALED]):
            if self.text_of(code) == text:
                return int(self._episode.class_of[code])
        return -1


class _GivenUpError(Exception):
    """There will be no results: a category and a reason."""


_NO_CALL = "it sent what is no call of the interface"


def read_call(line: bytes) -> list[Any]:
    """The call in a line.

    Raises:
        MalformedError: there is none in it.
        _GivenUpError: the jail says why it has no results.
    """
    try:
        call: Any = json.loads(line)
    except (ValueError, RecursionError):
        raise MalformedError(_NO_CALL) from None
    match call:
        case ["fail", str() as reason]:
            raise _GivenUpError(reason or "failed")
        case [str() as name, *arguments]:
            return [name, *arguments]
    raise MalformedError(_NO_CALL)
