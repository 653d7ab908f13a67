"""A discovery as plain data: what was tried round by round, how it scored, its source, and what was learned of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from difflib import SequenceMatcher, unified_diff
from pathlib import Path
from typing import Any

from tts_gym.discovery.archive import LAYOUT
from tts_gym.discovery.packed import opened
from tts_gym.discovery.records import Scale, Tried

TOLD = ("proposer", "search", "rounds", "candidates_per_round", "seeds", "seed", "rules", "model")
"""Settings that a report shows."""


def is_discovery(path: Path) -> bool:
    """Whether ``path`` is that of a discovery: its directory, or a packed file."""
    return path.is_file() or LAYOUT.is_begun(path)


def read_discovery(path: Path) -> dict[str, Any]:
    """What a report shows of a discovery.

    Args:
        path: its directory, or a packed file.

    Returns:
        "directory"; "settings"; "lessons", the text that each round taught, by its number; and "candidates", in order,
        with "round", "slot", "name", "score" (None if it failed), "stage", "failure", "dominated", "isolation",
        "points" ([beta, tokens, accuracy]), "source", and what it changed: "like", the name of the earlier candidate
        that its source resembles most, and "changes", the lines of the difference.

    Raises:
        DiscoveryError: it cannot be read.
    """
    with opened(path) as archive:
        settings, history = asdict(archive.settings()), archive.history()
        rounds = {number: archive.round_path(number) / "lessons.md" for number in range(archive.closed_rounds())}
        lessons = {number: file.read_text(encoding="utf-8") for number, file in rounds.items() if file.exists()}
    tried = history.tried
    seeds = [each for each in history.seeds if each.table is not None]
    scale = Scale.of(seeds) if seeds else None
    return {
        "directory": str(path),
        "settings": {name: settings[name] for name in TOLD if settings[name] not in (None, ())},
        "lessons": lessons,
        "candidates": [_candidate(each, tried[:place], scale) for place, each in enumerate(tried)],
    }


def _candidate(tried: Tried, before: Sequence[Tried], scale: Scale | None) -> dict[str, Any]:
    assessment, score = tried.assessment, scale.score(tried) if scale else None
    like, changes = _changes(tried, before)
    return {
        "round": tried.round,
        "slot": tried.slot,
        "name": tried.title,
        "score": None if score is None else round(score, 4),
        "stage": assessment.stage,
        "failure": assessment.failure,
        "dominated": assessment.dominated,
        "isolation": assessment.isolation,
        "points": tried.points()[["beta", "tokens", "accuracy"]].round(4).to_numpy().tolist(),
        "source": tried.source,
        "like": like,
        "changes": changes,
    }


def _changes(tried: Tried, before: Sequence[Tried]) -> tuple[str | None, list[str]]:
    """The earlier candidate that the source of ``tried`` resembles most, and the lines that differ."""
    lines = (tried.source or "").splitlines()
    sources = {each.name: each.source.splitlines() for each in before if each.source}
    if not lines or not sources:
        return None, []
    like = max(sources, key=lambda name: SequenceMatcher(None, sources[name], lines, autojunk=False).ratio())
    return like, list(unified_diff(sources[like], lines, like, tried.name, lineterm=""))
