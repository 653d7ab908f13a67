"""An episode replayed in plain Python and watched: what each call of the controller did, and how the votes stood."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tts_gym.agents.controller import Controller
from tts_gym.agents.replay import branch_order
from tts_gym.datasets.store import ReplayStore
from tts_gym.episode import transitions, votes
from tts_gym.episode.episode import ReplayEpisode, episode_fields
from tts_gym.episode.methods import METHODS
from tts_gym.episode.recount import MOST_WRITTEN
from tts_gym.episode.rules import EpisodeRules
from tts_gym.episode.state import SEQUENTIAL, TOKENS, WIDTH

DECISIONS = ("branch", "read", "advance", "advance_all", "advance_each", "finish", "probe", "prune")
"""The methods that may change an episode."""

POOLS = {"finished": votes.FINISHED, "active": votes.ACTIVE}
"""Whose votes are shown, by their names in a report."""


@dataclass(frozen=True)
class Poll:
    """How a pool votes.

    Attributes:
        votes: votes by answer class.
        leader: class of the leader, -1 without votes.
        confidence: Beta confidence of the leader.
    """

    votes: Mapping[int, int]
    leader: int
    confidence: float


@dataclass(frozen=True)
class Step:
    """A call that changed the episode, and how it stood afterwards.

    Attributes:
        call: the call, as the program wrote it.
        moves: branches that moved or showed an answer: branch, depth (intervals), depth of its latest shown answer.
        pruned: branches given up by it.
        finished: branches that ended in it.
        tokens: spent so far.
        sequential: tokens on the critical path so far.
        polls: how the pools of ``POOLS`` vote.
        notes: what the program noted since the step before.
    """

    call: str
    moves: tuple[tuple[int, int, int], ...]
    pruned: tuple[int, ...]
    finished: tuple[int, ...]
    tokens: int
    sequential: int
    polls: Mapping[str, Poll]
    notes: Mapping[str, float | None]


@dataclass
class _Seen:
    """What was last seen of an episode, branch by branch."""

    places: dict[int, tuple[int, int]] = field(default_factory=dict)
    pruned: set[int] = field(default_factory=set)
    finished: set[int] = field(default_factory=set)
    notes: int = 0


class WatchedEpisode(ReplayEpisode):
    """An interpreted episode that keeps a step for each call that changed it.

    Attributes:
        steps: the steps, in order.
        last_notes: what was noted after the last of them.
    """

    def __init__(self, fields: Mapping[str, Any]) -> None:
        """Hold ``fields``.

        Args:
            fields: as made by ``episode_fields``.
        """
        super().__init__(fields)
        self.steps: list[Step] = []
        self._seen = _Seen()

    def take(self, kernel: Callable[..., Any], *arguments: Any) -> Any:
        """See ``ReplayEpisode.take``."""
        result = super().take(kernel, *arguments)
        self.watch(kernel.__name__, arguments)
        return result

    @property
    def last_notes(self) -> dict[str, float | None]:
        """What the program noted after the last step."""
        return {note.name: _finite(note.value) for note in self.notes[self._seen.notes :]}

    def watch(self, name: str, arguments: tuple[Any, ...]) -> None:
        """Keep a step if the episode has changed.

        Args:
            name: of the method that was called.
            arguments: what it was called with.
        """
        told = ", ".join(str(each) for each in arguments if isinstance(each, int))
        self.keep_step(f"{name}({told})")

    def keep_step(self, call: str) -> None:
        """Keep a step if the episode has changed.

        Args:
            call: what changed it.
        """
        e: Any = self
        seen, opened = self._seen, range(e.count[WIDTH])
        moves = tuple((i, e.depths[i], e.shown[i]) for i in opened if seen.places.get(i) != (e.depths[i], e.shown[i]))
        pruned = tuple(i for i in opened if e.pruned[i] and i not in seen.pruned)
        if not moves and not pruned:
            return
        finished = tuple(i for i in opened if e.finished[i] and i not in seen.finished)
        self.steps.append(
            Step(
                call=call,
                moves=moves,
                pruned=pruned,
                finished=finished,
                tokens=e.count[TOKENS],
                sequential=e.count[SEQUENTIAL],
                polls={pool: _poll(e, number) for pool, number in POOLS.items()},
                notes=self.last_notes,
            )
        )
        seen.places.update((i, (depth, shown)) for i, depth, shown in moves)
        seen.pruned.update(pruned)
        seen.finished.update(finished)
        seen.notes = len(self.notes)


def _watched(name: str) -> Callable[..., Any]:
    method = METHODS[name]

    def call(self: WatchedEpisode, *arguments: Any) -> Any:
        result = method(self, *arguments)
        self.watch(name, arguments)
        return result

    return call


for _name in DECISIONS:
    setattr(WatchedEpisode, _name, _watched(_name))


def watch(
    controller: Controller, store: ReplayStore, question: int, seed: int, rules: EpisodeRules
) -> tuple[WatchedEpisode, str | None]:
    """Run one episode of a controller in plain Python.

    Args:
        controller: what decides.
        store: what is replayed.
        question: index of the question.
        seed: its branch order.
        rules: spending and accounting.

    Returns:
        The episode with its steps, and the text of the answer, None for none.

    Raises:
        ControllerError: the controller fails, or does not run in this process.
    """
    order = branch_order(int(store.branch_counts[question]), seed).tolist()
    episode = begun(store, question, order, rules)
    return episode, controller.answer(episode, store.class_texts[question])


def begun(store: ReplayStore, question: int, order: Sequence[int], rules: EpisodeRules) -> WatchedEpisode:
    """An episode in which nothing is done yet; ``episode.recount.recount`` takes it too.

    Args:
        store: what is replayed.
        question: index of the question.
        order: its branches in the order in which they are opened.
        rules: spending and accounting.
    """
    episode: Any = WatchedEpisode(episode_fields(store, rules, int(store.branch_counts.max()), MOST_WRITTEN))
    episode.order = list(order)
    transitions.reset(episode, question)
    return episode  # type: ignore[no-any-return]


def _poll(e: Any, pool: int) -> Poll:
    leader = votes.leader(e, pool)
    counts = {e.class_of[code]: count for code, count in enumerate(votes.votes(e, pool).tolist()) if count}
    return Poll(counts, e.class_of[leader] if leader >= 0 else -1, round(votes.confidence(e, pool), 4))


def _finite(value: float) -> float | None:
    """``value`` as JSON can hold it."""
    return value if math.isfinite(value) else None
