"""The episode: what a controller program sees and does, and its interpreted replay.

``Episode`` is the interface; ``methods`` has the kernels behind it. ``ReplayEpisode`` runs them in plain Python and
keeps a trace; ``compiled`` runs them in compiled code.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tts_gym.datasets.store import ReplayStore
from tts_gym.episode.methods import METHODS, PROPERTIES
from tts_gym.episode.rules import EpisodeRules
from tts_gym.episode.state import (
    BUDGET,
    COUNT_SIZE,
    EAGER,
    FIELDS,
    INTERVAL,
    MAX_WIDTH,
    PROBE_COST,
    PUBLISHED,
    SETUP_SIZE,
    TOKENS,
)
from tts_gym.episode.votes import confidence_table


class Episode(Protocol):
    """One question being answered; the same on every substrate.

    Branches are numbered from 0 in the order of opening. Answers are integers numbered in the order in which this
    episode revealed them, -1 is "none". Calls that generate tokens are cut short by the budget and say how far they
    got: an interval begins if Δ tokens fit, however few the branch would need, and where the budget runs out in a
    finishing interval that was recorded as longer than Δ, its tokens are spent and the branch has not moved. The
    branches that advance in one call run in parallel, deepest first, ties by index, and enter ``FINISHED`` in that
    order.
    """

    def branch(self, n: int = 1) -> int:
        """Open ``n`` branches in parallel through their first interval; return the first one's index, -1 if none."""

    def read(self, n: int = 1) -> int:
        """Open ``n`` branches and generate each to its end, in parallel; return as ``branch`` does.

        Nothing is revealed on the way. The branches spend the budget one after another; one that it does not see to its
        end shows its answer where it stopped.
        """

    def advance(self, i: int, k: int = 1) -> int:
        """Generate up to ``k`` intervals of branch ``i`` and reveal its answer there; return the intervals it moved.

        A branch with K probes moves K + 1 times: the last one finishes it and reveals its final answer.

        Args:
            i: index of the branch.
            k: intervals, 1 or more.
        """

    def advance_all(self, k: int = 1) -> int:
        """Advance every active unfinished branch by ``k`` in parallel; return how many moved."""

    def advance_each(self, steps: Sequence[int] | NDArray[np.int64]) -> int:
        """Advance each branch ``i`` by ``steps[i]`` in parallel; return how many moved."""

    def finish(self, i: int) -> bool:
        """Generate branch ``i`` to its end without looking at its answers on the way; return whether it is finished."""

    def probe(self, i: int) -> int:
        """Reveal and return branch ``i``'s answer at its present depth; free where advancing has shown it already."""

    def prune(self, i: int) -> bool:
        """Deactivate branch ``i``, keeping its depth and answers; return whether it was active."""

    @property
    def width(self) -> int:
        """Branches opened so far."""

    @property
    def max_width(self) -> int:
        """Branches that can be opened at most."""

    @property
    def completed(self) -> int:
        """Branches finished so far."""

    @property
    def tokens(self) -> int:
        """Tokens spent over all branches."""

    @property
    def sequential_tokens(self) -> int:
        """Tokens on the critical path."""

    @property
    def budget(self) -> int:
        """Tokens that may be spent in all; ``NO_BUDGET`` (2^62) where there is no limit."""

    def depth(self, i: int) -> int:
        """Intervals generated on branch ``i``; the finishing one counts."""

    def length(self, i: int) -> int:
        """Tokens of branch ``i`` up to its present depth: the accounting rules do not change it."""

    def answer(self, i: int) -> int:
        """Latest revealed answer of branch ``i``, -1 before the first."""

    def is_active(self, i: int) -> bool:
        """Whether branch ``i`` is not pruned; a finished branch stays active."""

    def is_finished(self, i: int) -> bool:
        """Whether branch ``i`` has reached its end."""

    def is_valid(self, code: int) -> bool:
        """Whether ``code`` is a revealed answer that could be parsed."""

    def leader(self, pool: int) -> int:
        """Answer with most votes in ``pool``, -1 without votes; ties go to the one that entered the vote first."""

    def votes(self, pool: int) -> NDArray[np.int64]:
        """Votes in ``pool`` of each revealed answer, int64 [answers revealed]."""

    def confidence(self, pool: int) -> float:
        """Beta confidence P(p > 1/2), p ~ Beta(top1 + 1, top2 + 1), of the votes in ``pool``; 0 without votes."""

    def aggregate(self, aggregator: int, typical: float) -> int:
        """Answer as an aggregator does, -1 for none; while no branch is finished, by the vote of the un-pruned ones.

        Args:
            aggregator: ``WEIGHTED``, ``LEARNED`` or ``CONFIDENT``, which weigh the finished branches, or a pool; see
                ``aggregation``.
            typical: length of a typical branch, in intervals.

        Raises:
            ValueError: there is no such pool, or ``weighted_votes`` raises it.
        """

    def weighted_votes(self, aggregator: int, typical: float) -> NDArray[np.float64]:
        """Weight of the finished branches behind each revealed answer, float64 [answers revealed]; see ``aggregation``.

        Args:
            aggregator: ``WEIGHTED``, ``LEARNED`` or ``CONFIDENT``.
            typical: length of a typical branch, in intervals.

        Raises:
            ValueError: no such aggregator weighs, or the typical length is less than an interval.
        """

    def signal(self, name: str, i: int, k: int = 0) -> float:
        """Signal ``name`` recorded for interval ``k`` = 1, 2, … of branch ``i``; 0 stands for the last generated one.

        Signals are recorded for intervals that end in a probe, so the finishing one has none. NaN where there is
        nothing to see: for the last interval of a branch without probes, and for "answer_logprob" at any interval
        but that of the branch's latest revealed answer.

        Args:
            name: one of ``SIGNALS``.
            i: index of the branch.
            k: interval, from 1; 0 for the last generated one.

        Raises:
            KeyError: the store does not record the signal.
            IndexError: the branch has not generated that interval, or nothing is recorded for it.
        """

    def note(self, name: str, value: float) -> None:
        """Keep ``value`` in the trace of an interpreted episode; does nothing in a compiled one.

        Args:
            name: what it is called in the trace.
            value: kept as a float.
        """


def episode_fields(store: ReplayStore, rules: EpisodeRules, max_width: int, log_size: int = 0) -> dict[str, Any]:
    """A value for each of ``FIELDS``, big enough for every question of ``store``.

    Args:
        store: what is replayed.
        rules: spending and accounting.
        max_width: branches that an episode may open.
        log_size: words of the log to keep.
    """
    classes = store.most_classes
    setup = np.zeros(SETUP_SIZE, np.int64)
    setup[MAX_WIDTH] = max_width
    setup[INTERVAL] = store.interval
    setup[BUDGET] = rules.budget
    setup[PROBE_COST] = rules.probe_cost
    setup[PUBLISHED] = rules.published
    setup[EAGER] = rules.eager
    return {
        "tables": store.tables,
        "confidences": confidence_table(max_width),
        "setup": setup,
        "order": np.arange(store.branch_counts.max()),
        "count": np.zeros(COUNT_SIZE, np.int64),
        "depths": np.zeros(max_width, np.int32),
        "codes": np.full(max_width, -1, np.int32),
        "shown": np.zeros(max_width, np.int32),
        "streaks": np.zeros(max_width, np.int32),
        "invalids": np.zeros(max_width, np.int32),
        "finished": np.zeros(max_width, np.bool_),
        "pruned": np.zeros(max_width, np.bool_),
        "completions": np.zeros(max_width, np.int32),
        "code_of": np.full(classes, -1, np.int32),
        "class_of": np.zeros(classes, np.int32),
        "tally": np.zeros(classes, np.int32),
        "scratch": np.zeros(max_width, np.int32),
        "log": np.zeros(log_size, np.int32),
    }


@dataclass
class Note:
    """A value that a program noted: its name, the value, and the tokens spent by then."""

    name: str
    value: float
    tokens: int


class ReplayEpisode:
    """The interpreted substrate: the kernels over plain Python lists, with a trace.

    Attributes:
        notes: what the program noted, in order.
    """

    def __init__(self, fields: Mapping[str, Any]) -> None:
        """Hold ``fields``, one value for each name in ``FIELDS``, integer and boolean arrays as lists.

        Args:
            fields: as made by ``episode_fields``.
        """
        for name in FIELDS:
            value = fields[name]
            setattr(self, name, value if name in ("tables", "confidences") else value.tolist())
        self.notes: list[Note] = []

    def take(self, kernel: Callable[..., Any], *arguments: Any) -> Any:
        """Run a kernel on the episode as a call of its own; on a live one it needs what the model has yet to give.

        Args:
            kernel: a kernel that takes an episode first.
            *arguments: its further arguments.

        Returns:
            What the kernel returns.
        """
        return kernel(self, *arguments)

    def note(self, name: str, value: float) -> None:
        """See ``Episode.note``."""
        self.notes.append(Note(name, float(value), self.count[TOKENS]))  # type: ignore[attr-defined]


for _name, _function in METHODS.items():
    if _name != "note":
        setattr(ReplayEpisode, _name, _function)
for _name, _function in PROPERTIES.items():
    setattr(ReplayEpisode, _name, property(_function))
