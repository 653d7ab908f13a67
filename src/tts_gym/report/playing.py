"""Playing the episodes of a controller again: by itself, in its jail, or by what it decided when it was live."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from tts_gym.agents.controller import Controller
from tts_gym.agents.replay import branch_order
from tts_gym.agents.specs import LEARNED, parse_spec
from tts_gym.datasets.store import ReplayStore
from tts_gym.discovery.traces import NoTrace, trace_asked
from tts_gym.episode.rules import EpisodeRules
from tts_gym.errors import TTSGymError
from tts_gym.report.contents import Entry
from tts_gym.report.retracing import retrace
from tts_gym.report.solved import Solved
from tts_gym.report.watching import WatchedEpisode, watch
from tts_gym.sandbox.jailed_controller import LIMITS, JailedController
from tts_gym.sandbox.plain import Asked

Play = Callable[[int, int], tuple[WatchedEpisode, str | None]]
"""From the index of a question and a seed to the episode and the text of its answer."""


def order_of(entry: Entry, store: ReplayStore, question: int, seed: int) -> list[int]:
    """The branches of a question in the order in which an episode opens them.

    Args:
        entry: the controller.
        store: what it runs over.
        question: index of the question.
        seed: of the episode; a live one has the order of its recording.
    """
    count = int(store.branch_counts[question])
    return list(range(count)) if entry.solved else branch_order(count, seed).tolist()


def rules_of(entry: Entry) -> EpisodeRules:
    """The rules that the episodes of a controller had."""
    return entry.solved.rules if entry.solved else EpisodeRules(published=entry.record["rules"] == "published")


def player(entry: Entry, allow_weak: bool) -> Play:
    """What plays the episodes of a controller.

    Args:
        entry: the controller; its episodes are recorded.
        allow_weak: whether a candidate may run where its jail lacks a layer.

    Raises:
        TTSGymError: the controller is not there any more.
    """
    assert entry.recorded is not None
    if entry.solved is not None:
        return partial(_decided, entry, entry.solved, entry.recorded)
    controller = _loaded(entry, allow_weak)
    if isinstance(controller, JailedController):
        return partial(_in_jail, controller, entry, entry.recorded)
    return lambda question, seed: watch(controller, entry.recorded, question, seed, rules_of(entry))  # type: ignore[arg-type]


def _loaded(entry: Entry, allow_weak: bool) -> Controller:
    spec, name = entry.record["spec"], entry.record["controller"]
    found = [each for each in parse_spec(spec, limits=replace(LIMITS, allow_weak=allow_weak)) if each.name == name]
    if not found:
        raise TTSGymError(f"{spec} is no longer the controller {name}")
    (controller,) = found
    if name == LEARNED and "like" not in controller.parameters:
        policy: Any = controller  # Lengths are measured by the store that is replayed, as where it was evaluated.
        return replace(policy, parameters={**policy.parameters, "like": entry.found})  # type: ignore[no-any-return]
    return controller


def _in_jail(
    controller: JailedController, entry: Entry, store: ReplayStore, question: int, seed: int
) -> tuple[WatchedEpisode, str | None]:
    if not controller.candidate.audited:
        raise TTSGymError("it is a class, whose decisions a jail does not tell")
    asked, rules = [Asked(0, question, seed, controller.beta)], rules_of(entry)
    width = int(store.branch_counts.max())
    (traced,) = trace_asked(controller.candidate, store, asked, rules, width, controller.limits)
    if isinstance(traced, NoTrace):
        raise TTSGymError(f"in its jail it came to nothing ({traced.reason})")
    episode = retrace(traced.log, traced.notes, store, question, order_of(entry, store, question, seed), rules)
    return episode, store.class_texts[question][traced.answer] if traced.answer >= 0 else None


def _decided(
    entry: Entry, solved: Solved, store: ReplayStore, question: int, seed: int
) -> tuple[WatchedEpisode, str | None]:
    log, order = solved.decisions[store.question_ids[question]], order_of(entry, store, question, seed)
    return retrace(log, (), store, question, order, solved.rules), None
