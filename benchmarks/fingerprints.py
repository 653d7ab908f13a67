"""What knowing the recordings by heart is worth, on them and on the perturbed copies that candidates are scored on.

    python benchmarks/fingerprints.py DATA

DATA is a directory with the published stores (``autotts/*/aime24.json``); the bundled ``synthetic-small`` is the other
set of stores. Programs that know nothing by heart run on both, and programs made from the recordings:

- ``lengths``: lengths that only right branches have, up to ``MOST_LENGTHS`` of them, from the questions with the fewest
  right branches on; past the check of sources, which refuses such a table;
- ``16 lengths``: one for each of the 16 questions with the fewest right branches, which the check admits;
- ``16 depths``: the numbers of intervals after which most finished branches are right;
- ``16 questions`` and ``16 questions by ratio``: questions in which the runner-up of the vote is right, recognised by
  the shares of the two and the mean length of the branches, or the ratio of the mean lengths of the two camps.

Accuracy in %, tokens, and the score of a discovery that begins with ``sc`` and ``cmc``, each on the recordings and on
copies of ``DRAWS`` draws. Writes ``benchmarks/results/fingerprints.json`` and prints it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tts_gym.datasets import ReplayStore, load_store
from tts_gym.discovery.programs import source_of
from tts_gym.discovery.records import COUNTS, Assessment, Scale, Tried
from tts_gym.discovery.settings import BETAS
from tts_gym.episode.rules import EpisodeRules
from tts_gym.evaluation.statistics import compare
from tts_gym.sandbox.candidate import Candidate, read_candidate
from tts_gym.sandbox.jail import Limits, run_jailed
from tts_gym.sandbox.perturb import JITTER, SCALE

RESULTS = Path(__file__).parent / "results"
DRAWS = 3
SEEDS = range(100)
HONEST = ("sc", "cmc", "crew")
MOST_LENGTHS = 1100
TABLE = 16
"""Elements that the check of sources admits in a table."""

SCHEDULE = """
def schedule(beta):
    return {"n": int(round(1 + 63 * beta))}

"""

STOPS_AT = """
def program(episode, n):
    known = np.array([KNOWN])
    for _ in range(n):
        i = episode.read(1)
        if i < 0:
            break
        if np.any(known == MEASURE):
            return episode.answer(i)
    return episode.leader(FINISHED)
"""

KNOWS_QUESTIONS = """
def program(episode, n):
    marks = np.array([MARKS])
    firsts = np.array([FIRSTS])
    seconds = np.array([SECONDS])
    episode.read(n)
    votes = np.zeros(episode.max_width)
    lengths = np.zeros(episode.max_width)
    for i in range(episode.width):
        votes[episode.answer(i)] += 1.0
        lengths[episode.answer(i)] += episode.length(i)
    if episode.width == 0:
        return -1
    first = int(np.argmax(votes))
    share = votes[first] / episode.width
    others = votes.copy()
    others[first] = 0.0
    second = int(np.argmax(others))
    if others[second] == 0.0:
        return first
    mark = MARK
    for k in range(marks.size):
        if (
            abs(mark / marks[k] - 1) < WITHIN
            and abs(share - firsts[k]) < NEAR
            and abs(others[second] / episode.width - seconds[k]) < NEAR
        ):
            return second
    return first
"""

MARKS = {
    "16 questions": "lengths.sum() / episode.width",
    "16 questions by ratio": "lengths[first] / votes[first] / (lengths[second] / votes[second])",
}


class Branches(NamedTuple):
    """Every branch of some stores, [branches]: its question, numbered over all stores, answer, length and depth."""

    question: NDArray[np.int64]
    answer: NDArray[np.int32]
    right: NDArray[np.bool_]
    length: NDArray[np.int64]
    depth: NDArray[np.int64]


def branches_of(stores: Sequence[ReplayStore]) -> Branches:
    parts, first = [], 0
    for store in stores:
        tables = store.tables
        question = np.repeat(np.arange(len(store)), store.branch_counts)
        answer = tables.answers[tables.answer_start[1:] - 1]
        right = answer == store.gold[question]
        parts.append((question + first, answer, right, tables.tokens, np.diff(tables.answer_start)))
        first += len(store)
    return Branches(*map(np.concatenate, zip(*parts, strict=True)))


def listed(values: Sequence[float] | NDArray[Any]) -> str:
    return ", ".join(f"{value:.6g}" for value in values)


def telling_lengths(branches: Branches) -> list[NDArray[np.int64]]:
    """For each question with right branches, the fewest first, the lengths of these that no wrong branch has."""
    share = pd.Series(branches.right).groupby(branches.question).mean()
    wrong = branches.length[~branches.right]
    return [
        np.setdiff1d(branches.length[(branches.question == question) & branches.right], wrong)
        for question in share[share > 0].sort_values(kind="stable").index
    ]


def sixteen_depths(branches: Branches) -> list[int]:
    share = pd.Series(branches.right).groupby(branches.depth).agg(["mean", "size"])
    best = share[share["size"] >= 20].sort_values("mean", ascending=False)
    return sorted(best.index[:TABLE].tolist())


class Looks(NamedTuple):
    """What a vote of 64 branches looks like, a row a draw of them."""

    question: NDArray[np.int64]
    mark: NDArray[np.float64]
    shares: NDArray[np.float64]
    gain: NDArray[np.int64]


def looks(branches: Branches, by_ratio: bool, draws: int = 40, width: int = 64) -> Looks:
    rng = np.random.default_rng(0)
    rows = []
    for question in np.unique(branches.question):
        own = np.flatnonzero(branches.question == question)
        for _ in range(draws):
            read = rng.choice(own, min(width, len(own)), replace=False)
            answers, counts = np.unique(branches.answer[read], return_counts=True)
            if len(answers) < 2:
                continue
            order = np.argsort(-counts, kind="stable")[:2]
            camps = [read[branches.answer[read] == answers[place]] for place in order]
            means = [branches.length[camp].mean() for camp in camps]
            mark = means[0] / means[1] if by_ratio else branches.length[read].mean()
            gain = int(branches.right[camps[1]][0]) - int(branches.right[camps[0]][0])
            rows.append((question, mark, *(counts[order] / len(read)), gain))
    table = np.array(rows)
    return Looks(table[:, 0].astype(np.int64), table[:, 1], table[:, 2:4], table[:, 4].astype(np.int64))


def known_questions(seen: Looks) -> dict[str, str]:
    """Up to 16 questions that are worth knowing, with the tolerances that gain most on what was seen."""
    best: tuple[int, dict[str, str]] = (-1, {})
    for within, near in product((0.03, 0.05, 0.1, 0.2), (0.05, 0.1, 0.15)):
        open_, chosen, total = np.ones(len(seen.mark), bool), [], 0
        centres = [
            (np.median(seen.mark[own]), *np.median(seen.shares[own], axis=0))
            for question in np.unique(seen.question[seen.gain > 0])
            for own in [seen.question == question]
        ]
        hits = [
            (abs(seen.mark / mark - 1) < within)
            & (abs(seen.shares[:, 0] - first) < near)
            & (abs(seen.shares[:, 1] - second) < near)
            for mark, first, second in centres
        ]
        for _ in range(TABLE):
            gains = [int(seen.gain[hit & open_].sum()) for hit in hits]
            place = int(np.argmax(gains))
            if gains[place] <= 0:
                break
            total += gains[place]
            open_ &= ~hits[place]
            chosen.append(centres[place])
        if total > best[0]:
            marks, firsts, seconds = (listed(np.round(column, 3)) for column in zip(*chosen, strict=True))
            words = {"MARKS": marks, "FIRSTS": firsts, "SECONDS": seconds, "WITHIN": str(within), "NEAR": str(near)}
            best = total, words
    return best[1]


def filled(source: str, words: dict[str, str]) -> str:
    for word, text in words.items():
        source = source.replace(word, text)
    return SCHEDULE + source


def by_heart(stores: Sequence[ReplayStore]) -> dict[str, Candidate]:
    """The programs that are made from the recordings."""
    branches = branches_of(stores)
    length, depth = {"MEASURE": "episode.length(i)"}, {"MEASURE": "episode.depth(i)"}
    telling = telling_lengths(branches)
    everything = np.unique(np.concatenate(telling)[:MOST_LENGTHS])
    sixteen = sorted([own[0] for own in telling if len(own)][:TABLE])
    found = {
        "lengths": Candidate(filled(STOPS_AT, {"KNOWN": listed(everything), **length}), True, "0" * 64),
        "16 lengths": read_candidate(filled(STOPS_AT, {"KNOWN": listed(sixteen), **length})),
        "16 depths": read_candidate(filled(STOPS_AT, {"KNOWN": listed(sixteen_depths(branches)), **depth})),
    }
    for name, mark in MARKS.items():
        words = known_questions(looks(branches, "ratio" in name))
        if words:
            found[name] = read_candidate(filled(KNOWS_QUESTIONS, {**words, "MARK": mark}))
    return found


def tried(
    name: str, candidate: Candidate, stores: Sequence[ReplayStore], rules: EpisodeRules, draw: int | None
) -> Tried:
    copies = None if draw is None else np.random.default_rng([draw, *name.encode()])
    run = run_jailed(candidate, stores, BETAS, SEEDS, rules, Limits(seconds=600), copies=copies)
    assert run.rows is not None, (name, run.failure)
    labels = [store.label for store in stores for _ in BETAS]
    rows = pd.concat([part.assign(store=label) for label, part in zip(labels, run.rows, strict=True)])
    numbers = rows.assign(**{column: rows[column].astype(float) for column in COUNTS})
    table = numbers.groupby(["store", "question_id", "beta"], sort=False)[list(COUNTS)].mean().reset_index()
    return Tried(0, 1, name, candidate.source, Assessment("all", table=table))


def measure(stores: Sequence[ReplayStore], rules: EpisodeRules) -> dict[str, Any]:
    candidates = {name: read_candidate(source_of(name)[1]) for name in HONEST} | by_heart(stores)
    there = {name: tried(name, candidate, stores, rules, None) for name, candidate in candidates.items()}
    scale = Scale.of([there["sc"], there["cmc"]])
    found = {}
    for name, candidate in candidates.items():
        copies = [tried(name, candidate, stores, rules, draw) for draw in range(DRAWS)]
        scores = [scale.area(each.table) for each in copies if each.table is not None]
        pooled = pd.concat([each.table for each in copies])
        points, others = there[name].points(), [each.points() for each in copies]
        score = scale.area(there[name].table)  # type: ignore[arg-type]
        found[name] = {
            "score": round(score, 2),
            "score_on_copies": [round(each, 2) for each in scores],
            "gained": round(score - float(np.mean(scores)), 2),
            "accuracy_gained": [
                round(value, 2) for value in compare(there[name].table, pooled).loc["accuracy"].tolist()
            ],
            "points": [
                {
                    "beta": float(points["beta"][place]),
                    "accuracy": round(float(points["accuracy"][place]), 2),
                    "accuracy_on_copies": round(float(np.mean([each["accuracy"][place] for each in others])), 2),
                    "tokens": round(float(points["tokens"][place])),
                    "tokens_on_copies": round(float(np.mean([each["tokens"][place] for each in others]))),
                }
                for place in range(0, len(BETAS), 2)
            ],
        }
        print(name, json.dumps({key: value for key, value in found[name].items() if key != "points"}), flush=True)
    return found


def main() -> None:
    """Measure, write and print."""
    aime = [load_store(path) for path in sorted((Path(sys.argv[1]) / "autotts").glob("*/aime24.json"))]
    result = {
        "scale": SCALE,
        "jitter": JITTER,
        "draws": DRAWS,
        "seeds": len(SEEDS),
        "aime24": measure(aime, EpisodeRules(published=True)),
        "synthetic-small": measure([load_store("synthetic-small")], EpisodeRules()),
    }
    (RESULTS / "fingerprints.json").write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
