"""Who may win: a candidate that was scored on all seeds and knows nothing of the recordings by heart.

Scores are taken on perturbed copies of the stores, where knowing branches by heart is of no use. Whoever leads runs
once more, on the recordings themselves. A candidate that does much better there has its answers from them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import pandas as pd

from tts_gym.datasets.store import ReplayStore
from tts_gym.discovery.archive import Archive
from tts_gym.discovery.assess import last_stage, recordings
from tts_gym.discovery.feedback import ranking
from tts_gym.discovery.history import History
from tts_gym.discovery.records import OnRecordings, Scale, Tried, audited
from tts_gym.discovery.settings import DiscoverySettings
from tts_gym.evaluation.statistics import compare

MOST_GAINED = 1.0
"""Points of the score by which a candidate may do better on the recordings than on perturbed copies of them.

With 100 seeds the scores of ``sc``, ``cmc`` and ``crew`` differ by up to 0.18 points on AIME24, and by up to 0.54 on
the 40 questions of ``synthetic-small``; 16 lengths known by heart gain 1.3 and 5.2 there
(``benchmarks/results/fingerprints.json``).
"""

_ERRORS = 3
"""Standard errors up to which a difference may be chance, which is more than a point where there are few episodes."""


def finalists(tried: Sequence[Tried], settings: DiscoverySettings, allow_unaudited: bool = False) -> list[Tried]:
    """The candidates that were scored on all seeds.

    Args:
        tried: everything so far.
        settings: how it was scored.
        allow_unaudited: whether classes are among them.
    """
    return [
        each
        for each in (tried if allow_unaudited else audited(tried))
        if each.round > 0 and each.table is not None and each.assessment.stage == last_stage(settings)
    ]


def run_leaders(
    archive: Archive,
    history: History,
    scale: Scale,
    settings: DiscoverySettings,
    stores: Sequence[ReplayStore],
    allow_unaudited: bool = False,
) -> None:
    """Run the finalist with the best score on the recordings; if it knows them by heart, the next one too, and so on.

    Args:
        archive: keeps what comes of it, so that it is not done again.
        history: what is in the archive, and takes in what comes of it.
        scale: what scores are measured by.
        settings: how candidates run.
        stores: the recordings.
        allow_unaudited: whether classes run too.
    """
    for leader, score in ranking(finalists(history.tried, settings, allow_unaudited), scale):
        if leader.recorded is None:
            recorded = _on_recordings(leader, score, scale, settings, stores)
            leader = history.put(leader.place, leader.name, leader.assessment, recorded)
            archive.keep_recorded(leader)
        if not leader.by_heart:
            return


def _on_recordings(
    tried: Tried, score: float, scale: Scale, settings: DiscoverySettings, stores: Sequence[ReplayStore]
) -> OnRecordings:
    assert tried.source is not None and tried.table is not None
    again = recordings(tried.source, stores, settings)
    if again.table is None:
        return OnRecordings(failure=again.failure, by_heart=True)
    there = scale.score(replace(tried, assessment=again))
    assert there is not None
    chance = by_chance(tried.table, again.table, settings.seeds)
    accuracy = compare(again.table, tried.table).to_dict("index")["accuracy"]
    return OnRecordings(
        score=there,
        gained=there - score,
        chance=chance,
        accuracy=list(accuracy.values()),
        by_heart=there - score > max(MOST_GAINED, chance),
    )


def by_chance(one: pd.DataFrame, other: pd.DataFrame, seeds: int) -> float:
    """By how many points the scores of two tables of the same candidate may differ by the luck of the draw.

    A score is a mean of accuracies; the luck of each is that of ``seeds`` draws a question, with a draw more that is
    right and one that is wrong, as a few draws tell little. An interval over questions would say less: whoever knows a
    few questions by heart differs on these alone.

    Args:
        one: per question and beta the share of draws that were right, in columns ``beta`` and ``correct``.
        other: the same of other draws.
        seeds: draws a question.
    """
    errors = []
    for table in (one, other):
        share = (table["correct"] * seeds + 1) / (seeds + 2)
        of_means = (share * (1 - share) / seeds).groupby(table["beta"]).agg(lambda each: each.mean() / len(each))
        errors.append(float(of_means.max()))
    return 100 * _ERRORS * math.sqrt(sum(errors))
