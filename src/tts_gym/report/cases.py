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

from tts_gym.agents.controller import Controller
from tts_gym.agents.replay import branch_order
from tts_gym.agents.specs import parse_spec
from tts_gym.datasets.store import ReplayStore
from tts_gym.discovery.diagnosis import why_wrong
from tts_gym.episode.rules import EpisodeRules
from tts_gym.errors import TTSGymError
from tts_gym.report.contents import Contents, Entry
from tts_gym.report.watching import Step, WatchedEpisode, watch

ALL, WORST = "all", "worst"
"""Ways to ask for cases, beside the id of a question."""


@dataclass(frozen=True)
class Case:
    """A question under a seed.

    Attributes:
        store: what the report calls the store.
        question: id of the question.
        seed: of the branch order.
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
        contents.rows.groupby(["store", "question_id", "seed"], sort=False)
        .agg(right=("correct", "mean"), tokens=("tokens", "mean"))
        .reset_index()
    )
    way, _, number = asked.partition(":")
    if asked in set(cases["question_id"]):
        cases = cases[cases["question_id"] == asked]
    elif way == WORST and number.isdecimal() and int(number) > 0:
        hopeless = {(name, each) for name, store in contents.stores.items() for each in _hopeless(store)}
        cases["hopeless"] = [each in hopeless for each in zip(cases["store"], cases["question_id"], strict=True)]
        cases = cases.sort_values(["right", "tokens"], ascending=[True, False], kind="stable")
        cases["turn"] = cases.groupby(["store", "question_id"]).cumcount()
        cases = cases.sort_values(["turn", "hopeless"], kind="stable").head(int(number))
    elif asked != ALL:
        raise TTSGymError(f"There is no question {asked!r}: ask for worst:N, all, or the id of a question.")
    return [Case(*each) for each in cases[["store", "question_id", "seed"]].itertuples(index=False)]


def _hopeless(store: ReplayStore) -> list[str]:
    """The ids of the questions that no branch ends with a right answer of."""
    tables = store.tables
    finals = tables.answers[tables.answer_start[1:] - 1]
    ends = [set(finals[slice(*tables.branch_start[place : place + 2])].tolist()) for place in range(len(store))]
    return [name for place, name in enumerate(store.question_ids) if store.right_classes(place).isdisjoint(ends[place])]


class Replays:
    """Replays the cases of a report.

    Attributes:
        left_out: why episodes of a controller are left out, by its name in the report.
    """

    def __init__(self, contents: Contents) -> None:
        """Load the controllers.

        Args:
            contents: what the report is about.
        """
        self.left_out: dict[str, str] = {}
        self._contents = contents
        self._rows = contents.rows.set_index(["store", "question_id", "seed"]).sort_index()
        self._controllers = {entry.controller: self._loaded(entry) for entry in contents.entries}

    def run(self, cases: Sequence[Case]) -> Iterator[dict[str, Any]]:
        """Replay cases.

        Args:
            cases: the cases.

        Yields:
            For each case "store", "question" and "seed"; "results", by controller [answer, whether it is right, tokens,
            why it is wrong]; and "data", the rest as a compressed text, see ``_packed``.
        """
        for case in cases:
            store = self._contents.stores[case.store]
            question = store.question_ids.index(case.question)
            rows = self._rows.loc[[(case.store, case.question, case.seed)]].to_dict("records")
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
            branches = _branches(store, question, case.seed)
            told = {"store": case.store, "question": case.question, "seed": int(case.seed), "results": results}
            yield told | {"data": _packed({**branches, "episodes": episodes})}

    def _loaded(self, entry: Entry) -> Controller | None:
        record = entry.record
        if record["isolation"]:
            self.left_out[entry.controller] = "it is a candidate, which runs only in a jail"
            return None
        try:
            found = parse_spec(record["spec"])
        except TTSGymError as error:
            self.left_out[entry.controller] = str(error)
            return None
        return next(each for each in found if each.name == record["controller"])

    def _played(
        self, row: Mapping[Hashable, Any], store: ReplayStore, question: int, seed: int
    ) -> dict[str, Any] | None:
        key = row["controller"]
        controller, record = self._controllers[key], self._contents.entries[row["entry"]].record
        if controller is None:
            return None
        rules = EpisodeRules(published=record["rules"] == "published")
        try:
            episode, answer = watch(controller, store, question, seed, rules)
        except TTSGymError as error:
            self.left_out[key], self._controllers[key] = str(error), None
            return None
        tokens = int(episode.tokens)  # type: ignore[attr-defined]
        if tokens != row["tokens"]:
            self.left_out[key] = "it does something else now than when it was evaluated; evaluate it again"
            self._controllers[key] = None
            return None
        wrong = None
        if not (row["correct"] or record["upper_bound"]):
            wrong = _why_wrong(answer, store, question, seed, episode, rules)
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


def _branches(store: ReplayStore, question: int, seed: int) -> dict[str, Any]:
    """The recorded branches in the order of the seed: answer classes, lengths, and the classes, right ones first."""
    tables, first = store.tables, int(store.tables.branch_start[question])
    order = first + branch_order(int(store.branch_counts[question]), seed)
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
