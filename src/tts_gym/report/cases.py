"""The cases of a report: a question under a seed, with the episode of every controller, replayed and watched."""

from __future__ import annotations

import base64
import gzip
import json
from collections import Counter
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from tts_gym.datasets.store import ReplayStore
from tts_gym.discovery.diagnosis import why_wrong
from tts_gym.episode.rules import EpisodeRules
from tts_gym.errors import TTSGymError
from tts_gym.report.contents import Contents, Entry
from tts_gym.report.playing import Play, order_of, player, rules_of
from tts_gym.report.watching import Step, WatchedEpisode

ALL, WORST = "all", "worst"
"""Ways to ask for cases, beside the id of a question."""


@dataclass(frozen=True)
class Case:
    """A question under a seed.

    Attributes:
        store: what the report calls the store.
        question: id of the question.
        seed: of the branch order; of a live episode, the place of its run.
    """

    store: str
    question: str
    seed: int


def choose(contents: Contents, asked: str) -> list[Case]:
    """The cases that are asked for.

    Args:
        contents: what the report is about.
        asked: "all"; "worst:N", the N cases that most controllers get wrong, one seed of each question before a second
            one, questions of which some branch is right before others; or the id of a question, all of whose cases are
            meant.

    Raises:
        TTSGymError: there is no such way to ask, and no such question.
    """
    cases = (
        contents.recorded_rows.groupby(["store", "question_id", "seed"], sort=False)
        .agg(right=("correct", "mean"), tokens=("tokens", "mean"), entry=("entry", "first"))
        .reset_index()
    )
    way, _, number = asked.partition(":")
    if asked in set(cases["question_id"]):
        cases = cases[cases["question_id"] == asked]
    elif way == WORST and number.isdecimal() and int(number) > 0:
        hopeless = {place: _hopeless(contents.entries[place]) for place in set(cases["entry"])}
        pairs = zip(cases["entry"], cases["question_id"], strict=True)
        cases["hopeless"] = [question in hopeless[place] for place, question in pairs]
        cases = cases.sort_values(["right", "tokens"], ascending=[True, False], kind="stable")
        cases["turn"] = cases.groupby(["store", "question_id"]).cumcount()
        cases = cases.sort_values(["turn", "hopeless"], kind="stable").head(int(number))
    elif asked != ALL:
        raise TTSGymError(f"There is no question {asked!r}: ask for worst:N, all, or the id of a question.")
    return [Case(*each) for each in cases[["store", "question_id", "seed"]].itertuples(index=False)]


def _hopeless(entry: Entry) -> set[str]:
    """The ids of the questions that no branch ends with a right answer of."""
    store = entry.recorded
    assert store is not None
    tables = store.tables
    finals = tables.answers[tables.answer_start[1:] - 1]
    ends = [set(finals[slice(*tables.branch_start[place : place + 2])].tolist()) for place in range(len(store))]
    return {name for place, name in enumerate(store.question_ids) if store.right_classes(place).isdisjoint(ends[place])}


class Replays:
    """Replays the cases of a report.

    Attributes:
        left_out: why episodes of a controller are left out, by its name in the report.
    """

    def __init__(self, contents: Contents, allow_weak: bool = False) -> None:
        """Load the controllers.

        Args:
            contents: what the report is about.
            allow_weak: whether candidates may run where their jail lacks a layer.
        """
        self.left_out: dict[str, str] = {}
        self._entries = contents.entries
        self._rows = contents.recorded_rows.set_index(["store", "question_id", "seed"]).sort_index()
        self._players: dict[int, Play] = {}
        for place, entry in enumerate(contents.entries):
            if entry.recorded is None:
                self.left_out[entry.controller] = "the run was not recorded (solve --record)"
                continue
            try:
                self._players[place] = player(entry, allow_weak)
            except TTSGymError as error:
                self.left_out[entry.controller] = str(error)

    def run(self, cases: Sequence[Case]) -> Iterator[dict[str, Any]]:
        """Replay cases.

        Args:
            cases: the cases.

        Yields:
            For each case "store", "question" and "seed"; "under", what the seed stands for; "results", by controller
            [answer, whether it is right, tokens, why it is wrong]; and "data", the rest as a compressed text, see
            ``_packed``.
        """
        for case in cases:
            rows = self._rows.loc[[(case.store, case.question, case.seed)]].to_dict("records")
            entry = self._entries[rows[0]["entry"]]
            store = entry.recorded
            assert store is not None
            question = store.question_ids.index(case.question)
            played = {row["controller"]: self._played(row, store, question, case.seed) for row in rows}
            episodes = {key: episode for key, episode in played.items() if episode is not None}
            results = {
                row["controller"]: [
                    None if pd.isna(row["answer"]) else row["answer"],
                    bool(row["correct"]),
                    int(row["tokens"]),
                    episodes.get(row["controller"], {}).get("wrong"),
                ]
                for row in rows
            }
            told = {
                "store": case.store,
                "question": case.question,
                "seed": int(case.seed),
                "under": f"live, {entry.solved.path.name}" if entry.solved else f"seed {case.seed}",
                "results": results,
            }
            branches = _branches(store, question, order_of(entry, store, question, case.seed))
            yield told | {"data": _packed({**branches, "episodes": episodes})}

    def _played(
        self, row: Mapping[Hashable, Any], store: ReplayStore, question: int, seed: int
    ) -> dict[str, Any] | None:
        key, place = row["controller"], row["entry"]
        if place not in self._players:
            return None
        try:
            episode, answer = self._players[place](question, seed)
            if int(episode.tokens) != row["tokens"]:  # type: ignore[attr-defined]
                raise TTSGymError("it does something else now than when it was evaluated; evaluate it again")
        except TTSGymError as error:
            self.left_out[key] = str(error)
            del self._players[place]
            return None
        entry, wrong = self._entries[place], None
        # Of branches that a live run gave up nobody knows how they would have ended.
        if not (row["correct"] or entry.record["upper_bound"] or entry.solved):
            wrong = _why_wrong(answer, store, question, seed, episode, rules_of(entry))
        return _told(episode, row, wrong)


def _why_wrong(
    answer: str | None, store: ReplayStore, question: int, seed: int, episode: WatchedEpisode, rules: EpisodeRules
) -> str:
    texts = store.class_texts[question]
    found = texts.index(answer) if answer in texts else -1
    return why_wrong(found, question, seed, store, episode, rules, int(store.branch_counts.max())).value


def _told(episode: WatchedEpisode, row: Mapping[Hashable, Any], wrong: str | None) -> dict[str, Any]:
    return {
        "answer": None if pd.isna(row["answer"]) else row["answer"],
        "correct": bool(row["correct"]),
        "tokens": int(row["tokens"]),
        "sequential": int(row["sequential_tokens"]),
        "width": int(row["width"]),
        "wrong": wrong,
        "steps": [_step(each) for each in episode.steps],
        "last_notes": episode.last_notes,
    }


def _step(step: Step) -> dict[str, Any]:
    return {
        "call": step.call,
        "moves": step.moves,
        "pruned": step.pruned,
        "finished": step.finished,
        "tokens": step.tokens,
        "sequential": step.sequential,
        "notes": step.notes,
        "polls": {
            pool: {"votes": list(poll.votes.items()), "leader": poll.leader, "confidence": poll.confidence}
            for pool, poll in step.polls.items()
        },
    }


def _branches(store: ReplayStore, question: int, opened: Sequence[int]) -> dict[str, Any]:
    """The recorded branches in the order of opening: answer classes, lengths, and the classes, right ones first."""
    tables = store.tables
    order = int(tables.branch_start[question]) + np.array(opened)
    answers = [tables.answers[tables.answer_start[b] : tables.answer_start[b + 1]].tolist() for b in order]
    finals = Counter(each[-1] for each in answers)
    seen, right = Counter(answer for each in answers for answer in each), store.right_classes(question)
    return {
        "interval": store.interval,
        "branches": answers,
        "lengths": tables.tokens[order].tolist(),
        "ranked": sorted(seen.keys() | right, key=lambda each: (each not in right, -finals[each], -seen[each], each)),
        "texts": {answer: store.class_texts[question][answer] for answer in seen.keys() | right},
        "right": sorted(right),
    }


def _packed(data: Mapping[str, Any]) -> str:
    """``data`` as JSON, compressed, in base64."""
    text = json.dumps(data, separators=(",", ":"), default=_plain)
    return base64.b64encode(gzip.compress(text.encode(), 9, mtime=0)).decode()


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{type(value).__name__} is not plain")
