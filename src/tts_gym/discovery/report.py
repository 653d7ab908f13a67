"""The winner, chosen on the search stores, and what can be said of it honestly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from tts_gym.datasets.folds import fold_numbers
from tts_gym.datasets.store import ReplayStore
from tts_gym.discovery.archive import Archive, write_json, write_text
from tts_gym.discovery.assess import assess
from tts_gym.discovery.feedback import ranking
from tts_gym.discovery.finalists import MOST_GAINED, finalists, run_leaders
from tts_gym.discovery.packed import opened
from tts_gym.discovery.records import LONGEST_FAILURE, Scale, Tried
from tts_gym.discovery.settings import DiscoverySettings, load_stores, store_digests
from tts_gym.errors import DiscoveryError
from tts_gym.evaluation.statistics import compare
from tts_gym.sandbox.boundary import printable, quoted
from tts_gym.sandbox.jailed_controller import runnable

FOLDS = 5
"""Folds of the questions in the nested validation."""

UNAUDITED = (
    "It is a class, which may hold any code. Its parent counted its tokens and graded its answers; nobody has looked "
    "for questions that it knows by heart, for what it keeps from one episode for another, or for chance."
)
"""What is said of a winner that is not audited."""


def status_text(path: Path) -> str:
    """What was tried so far in the discovery at ``path``, a directory or a packed file; a line a candidate."""
    with opened(path) as archive:
        settings, history = archive.settings(), archive.history()
        closed = max(0, archive.closed_rounds() - 1)
    tried, spent = history.tried, history.spent
    dollars = "" if spent.dollars is None else f", ${spent.dollars:,.2f}"
    lines = [
        f"{closed} of {settings.rounds} rounds, {sum(each.round > 0 for each in tried)} candidates, proposer "
        f"{settings.proposer}; {spent.input:,} tokens read, {spent.output:,} written{dollars}."
    ]
    seeds = [each for each in history.seeds if each.table is not None]
    scale = Scale.of(seeds) if seeds else None
    for each in tried:
        score = scale.score(each) if scale else None
        if score is None:
            lines.append(f"{each.name:<20} failed at {each.assessment.stage}: {_told(each)}")
        else:
            dominated = ", clearly dominated" if each.assessment.dominated else ""
            lines.append(f"{each.title:<20} score {score:.2f} ({each.assessment.stage}{dominated})")
    return "\n".join(lines)


def _told(tried: Tried) -> str:
    """Why a candidate failed, whatever an archive holds."""
    return printable(tried.assessment.failure or "", LONGEST_FAILURE)


def write_report(path: Path, held_out: Sequence[str] = (), allow_unaudited: bool = False) -> str:
    """Choose the winner, evaluate it on held-out stores, and write ``report.md`` and ``report.json``.

    What is packed stays as it is: its report is returned alone.

    Args:
        path: directory of the discovery, or a file that ``packed.pack`` wrote.
        held_out: stores that nothing was searched on; those that the discovery was told by default.
        allow_unaudited: whether a class, which nothing is known of, may be the winner.

    Returns:
        The report in Markdown.

    Raises:
        DiscoveryError: nothing was scored, or a held-out store was searched on.
    """
    with opened(path) as archive:
        return _write_report(archive, held_out, allow_unaudited)


def _write_report(archive: Archive, held_out: Sequence[str], allow_unaudited: bool) -> str:
    settings, history = archive.settings(), archive.history()
    tried, seeds, spent = history.tried, history.seeds, history.spent
    candidates = tried[len(seeds) :]
    if not finalists(tried, settings, allow_unaudited=True):
        raise DiscoveryError(f"No candidate in {archive.name} was scored on all seeds: there is nothing to report yet.")
    if not finalists(tried, settings, allow_unaudited):
        raise DiscoveryError(
            f"Only classes in {archive.name} were scored on all seeds: they win with --allow-unaudited, as nothing is "
            "known of their code."
        )
    stores = load_stores(settings.search)
    searched = store_digests(stores)
    archive.check_stores(searched)
    unseen = load_stores(held_out or settings.held_out)
    unseen_digests = store_digests(unseen)
    for store in unseen:
        if unseen_digests[store.label] in searched.values():
            raise DiscoveryError(f"The store {store.label} was searched on: it cannot be held out.")

    scale = Scale.of(seeds)
    run_leaders(archive, history, scale, settings, stores, allow_unaudited)
    ranked = ranking(finalists(history.tried, settings, allow_unaudited), scale)
    by_heart = [(each, score) for each, score in ranked if each.by_heart]
    able = [(each, score) for each, score in ranked if not each.by_heart]
    if not able:
        raise DiscoveryError(
            f"Every candidate in {archive.name} that was scored on all seeds knows the recordings by heart, or fails "
            "on them: go on with more rounds."
        )
    winner, score = able[0]
    nested = nested_validation([each for each, _ in able], stores, scale)
    document: dict[str, Any] = {
        "winner": winner.name,
        "audited": winner.assessment.audited,
        "score": score,
        "on_recordings": asdict(winner.recorded) if winner.recorded else None,
        "by_heart": {
            each.name: {"score": score, "on_recordings": asdict(each.recorded)}
            for each, score in by_heart
            if each.recorded
        },
        "range": [scale.low, scale.high],
        "nested_score": nested["score"],
        "nested_choices": nested["choices"],
        "candidates": len(candidates),
        "failed": sum(each.table is None for each in candidates),
        "input_tokens": spent.input,
        "output_tokens": spent.output,
        "dollars": spent.dollars,
        "isolation": winner.assessment.isolation,
        "points": winner.points()[["beta", "tokens", "accuracy"]].to_dict("records"),
        "seed_scores": {each.name: scale.score(each) for each in seeds},
        "search": _comparisons(winner, seeds),
        "held_out": {},
    }
    for store in unseen:
        archive.note_held_out(
            {
                "store": store.label,
                "digest": unseen_digests[store.label],
                "winner": winner.name,
                "time": datetime.now(UTC).isoformat(timespec="seconds"),
            }
        )
        again = [_again(each, store, settings) for each in (winner, *seeds)]
        own, *others = again
        if own.table is None:
            document["held_out"][store.label] = {"failure": own.assessment.failure}
            continue
        document["held_out"][store.label] = {
            "points": own.points()[["beta", "tokens", "accuracy"]].to_dict("records"),
            "comparisons": _comparisons(own, [each for each in others if each.table is not None]),
        }
    page = _page(document, settings, winner)
    write_json(archive.path / "report.json", document)
    write_text(archive.path / "report.md", page)
    source = winner.source or ""
    write_text(archive.path / "winner.py", runnable(source) if winner.assessment.audited else source)
    return page


def nested_validation(tried: Sequence[Tried], stores: Sequence[ReplayStore], scale: Scale) -> dict[str, Any]:
    """The score that choosing by score earns on questions that the choice did not see.

    Folds of the questions are split by their texts, the same for stores of several models on the same questions. For
    each, the candidate with the best score on the other folds is scored on it.

    Args:
        tried: candidates that may win, all of them scored.
        stores: what they were scored on.
        scale: what scores are measured by.

    Returns:
        ``score``, the mean over the folds weighted by questions, and ``choices``, how often each candidate was chosen.
    """
    keys = [(store.label, question_id) for store in stores for question_id in store.question_ids]
    texts = [text for store in stores for text in store.questions]
    fold = dict(zip(keys, fold_numbers(texts, FOLDS).tolist(), strict=True))
    scores, weights = [], []
    choices: dict[str, int] = {}
    for number in range(1, FOLDS + 1):
        inside = {key for key, value in fold.items() if value == number}
        outside = set(fold) - inside
        if not inside or not outside:
            continue
        rated = [(scale.area(each.table, outside), each) for each in tried if each.table is not None]
        chosen = max(rated, key=lambda pair: pair[0])[1]
        assert chosen.table is not None
        choices[chosen.name] = choices.get(chosen.name, 0) + 1
        scores.append(scale.area(chosen.table, inside))
        weights.append(len(inside))
    mean = float(np.average(scores, weights=weights)) if scores else None
    return {"score": mean, "choices": choices}


def _again(tried: Tried, store: ReplayStore, settings: DiscoverySettings) -> Tried:
    assert tried.source is not None
    assessment = assess(tried.source, [store], settings, None, tried.round == 0)
    return Tried(tried.round, tried.slot, tried.name, tried.source, assessment)


def _comparisons(winner: Tried, references: Sequence[Tried]) -> list[dict[str, Any]]:
    """The winner against each point of the references.

    For each reference point the winner's cheapest point that is as accurate, or its most accurate one if none is; with
    paired differences and their 95 % intervals over questions.
    """
    assert winner.table is not None
    own = winner.points().sort_values("tokens")
    found = []
    for reference in references:
        assert reference.table is not None
        for point in reference.points().to_dict("records"):
            reaching = own[own["accuracy"] >= point["accuracy"]]
            match = (reaching if len(reaching) else own.sort_values("accuracy").tail(1)).to_dict("records")[0]
            a = winner.table[winner.table["beta"] == match["beta"]]
            b = reference.table[reference.table["beta"] == point["beta"]]
            paired = compare(a, b).to_dict("index")
            found.append(
                {
                    "reference": point["controller"],
                    "reference_tokens": point["tokens"],
                    "reference_accuracy": point["accuracy"],
                    "beta": match["beta"],
                    "tokens_ratio": match["tokens"] / point["tokens"],
                    "accuracy_difference": list(paired["accuracy"].values()),
                    "tokens_difference": list(paired["tokens"].values()),
                }
            )
    return found


def _page(document: Mapping[str, Any], settings: DiscoverySettings, winner: Tried) -> str:
    dollars = "" if document["dollars"] is None else f", ${document['dollars']:,.2f}"
    chosen = ", ".join(f"{name} {times}" for name, times in document["nested_choices"].items())
    nested = "there are too few questions to say how much."
    if document["nested_score"] is not None:
        nested = (
            f"on questions that the choice did not see, in {FOLDS} folds, choosing by score earns "
            f"{document['nested_score']:.2f} (chosen: {chosen})."
        )
    lines = [
        f"# The winner: {winner.title}",
        "",
        *([] if winner.assessment.audited else [UNAUDITED, ""]),
        f"Chosen among {document['candidates']} candidates ({document['failed']} failed) on "
        f"{', '.join(settings.search)} with {settings.seeds} seeds, {settings.rules} rules, "
        f"proposer {settings.proposer}; {document['input_tokens']:,} tokens read and "
        f"{document['output_tokens']:,} written{dollars}. Isolation: {document['isolation']}.",
        "",
        f"Score {document['score']:.2f}: the mean accuracy (%) for a budget log-uniform between "
        f"{document['range'][0]:,.0f} and {document['range'][1]:,.0f} tokens. It is that of the best of "
        f"{document['candidates']}, and so too good; {nested}",
        "",
        *_recordings(winner, document["by_heart"]),
        "",
        "Scores of the programs it began with: "
        + ", ".join(f"{name} {score:.2f}" for name, score in document["seed_scores"].items())
        + ".",
        "",
        "| beta | tokens | accuracy % |",
        "|---|---|---|",
        *(f"| {each['beta']:g} | {each['tokens']:,.0f} | {each['accuracy']:.2f} |" for each in document["points"]),
        "",
        "## On the search stores",
        "",
        *_table(document["search"]),
    ]
    for store, result in document["held_out"].items():
        lines += ["", f"## Held out: {store}", ""]
        if "failure" in result:
            lines.append(f"The winner failed there: {quoted(result['failure'], LONGEST_FAILURE)}.")
            continue
        lines += ["| beta | tokens | accuracy % |", "|---|---|---|"]
        lines += [f"| {each['beta']:g} | {each['tokens']:,.0f} | {each['accuracy']:.2f} |" for each in result["points"]]
        lines += ["", *_table(result["comparisons"])]
    return "\n".join(lines) + "\n"


def _recordings(winner: Tried, by_heart: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """What is known by heart: by the winner, and by who cannot win for it."""
    there = winner.recorded
    assert there is not None and there.score is not None and there.accuracy is not None
    mean, low, high = there.accuracy
    lines = [
        "Scores are taken on perturbed copies of the recordings. On the recordings themselves the winner's is "
        f"{there.score:.2f} ({there.gained:+z.2f}; up to {there.chance:.2f} is chance), its accuracy over all values "
        f"of beta {mean:+z.2f} points ({low:+.2f} to {high:+.2f}, paired by question). More than {MOST_GAINED:g} and "
        "more than chance would say that it knows them by heart."
    ]
    for name, each in by_heart.items():
        found = each["on_recordings"]
        told = f"{found['score']:.2f}" if found["failure"] is None else quoted(found["failure"], LONGEST_FAILURE)
        lines += ["", f"{name} cannot win for that: score {each['score']:.2f}, on the recordings {told}."]
    return lines


def _table(comparisons: Sequence[Mapping[str, Any]]) -> list[str]:
    lines = [
        "The winner's cheapest point that is as accurate as each point of the others, or its most accurate one; paired "
        "differences with 95 % intervals over questions.",
        "",
        "| reference | tokens | accuracy % | beta | tokens, share | accuracy, difference |",
        "|---|---|---|---|---|---|",
    ]
    for each in comparisons:
        mean, low, high = each["accuracy_difference"]
        lines.append(
            f"| {each['reference']} | {each['reference_tokens']:,.0f} | {each['reference_accuracy']:.2f} | "
            f"{each['beta']:g} | {each['tokens_ratio']:.2f} | {mean:+z.2f} ({low:+.2f} to {high:+.2f}) |"
        )
    return lines
