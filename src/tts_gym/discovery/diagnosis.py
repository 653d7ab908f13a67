"""Why an episode went as it did: retraced action by action with what the program could not see, the right answers."""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from enum import StrEnum
from itertools import takewhile
from typing import Any

from tts_gym.agents.replay import branch_order
from tts_gym.datasets.store import INVALID, ReplayStore
from tts_gym.discovery.traces import Trace
from tts_gym.episode import transitions, votes
from tts_gym.episode.actions import atomic_actions, decode_action
from tts_gym.episode.episode import ReplayEpisode, episode_fields
from tts_gym.episode.rules import EpisodeRules
from tts_gym.episode.state import COMPLETED, REVEALED, TOKENS, WIDTH

WASTEFUL = 0.25
"""Share of an episode's tokens, spent after the right answer was settled, from which on it counts as wasteful."""

TIMELINE_LINES = 7
"""Lines of a timeline at most."""

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
"""Names of the answers in order of appearance; AA, BA, CA and so on follow."""


class Kind(StrEnum):
    """What an episode is an example of."""

    STOPPED = "stopped while wrong; reading on would have flipped the vote"
    PRUNED = "pruned or starved the branches that were right"
    HOPELESS = "no branch right"
    TIE = "a tie or invalid answers decided"
    OUTVOTED = "the right branches are outvoted even when all is read"
    WENT_ON = "went on after the right answer was settled"
    RIGHT = "right, in time"


@dataclass(frozen=True)
class Diagnosis:
    """A diagnosed episode.

    Attributes:
        store: label of the store.
        question_id: the question.
        seed: of the branch order.
        beta: the knob.
        kind: what it is an example of.
        tokens: what it spent.
        wasted: tokens after the right answer was settled; all of them where no branch is right; else 0.
        width: branches opened.
        timeline: what happened, a line a moment.
    """

    store: str
    question_id: str
    seed: int
    beta: float
    kind: Kind
    tokens: int
    wasted: int
    width: int
    timeline: tuple[str, ...]


def diagnose(trace: Trace, store: ReplayStore, rules: EpisodeRules, max_width: int) -> Diagnosis:
    """Classify the episode of ``trace``.

    An answer is settled from the moment on from which right ones lead the latest answers of the branches not pruned
    until the end. What reading on would give is the vote of final answers: of the branches opened and not pruned, else
    of all that may be opened.

    Args:
        trace: what the program did.
        store: what was replayed.
        rules: the accounting.
        max_width: branches that the episode could open.
    """
    moments, episode = _retrace(trace, store, rules, max_width)
    right = store.right_classes(trace.question)
    settled = trace.tokens
    for each in takewhile(lambda moment: moment.leader in right, reversed(moments)):
        settled = each.tokens
    kind = why_wrong(trace.answer, trace.question, trace.seed, store, episode, rules, max_width)
    wasted = trace.tokens if kind == Kind.HOPELESS else 0
    if trace.answer in right:
        wasted = max(0, trace.tokens - settled)
        kind = Kind.WENT_ON if wasted > WASTEFUL * trace.tokens else Kind.RIGHT
    return Diagnosis(
        store.label,
        store.question_ids[trace.question],
        trace.seed,
        trace.beta,
        kind,
        trace.tokens,
        wasted,
        episode.width,
        tuple(_timeline(moments, trace, episode, right)),
    )


def why_wrong(
    answer: int, question: int, seed: int, store: ReplayStore, episode: Any, rules: EpisodeRules, max_width: int
) -> Kind:
    """What an episode with a wrong answer is an example of.

    Args:
        answer: class of its answer, -1 for none.
        question: index of the question.
        seed: of the branch order.
        store: what was replayed.
        episode: the episode as it ended.
        rules: the accounting.
        max_width: branches that the episode could open.
    """
    right = store.right_classes(question)
    ends = _final_classes(store, question, seed)[:max_width]
    opened = range(episode.count[WIDTH])
    kept = [ends[i] for i in opened if not episode.pruned[i]]
    if right.isdisjoint(ends):
        return Kind.HOPELESS
    if answer in (-1, INVALID) or _tied(episode, answer, right):
        return Kind.TIE
    if _vote(kept, rules) in right:
        return Kind.STOPPED
    if _vote([ends[i] for i in opened], rules) in right:
        return Kind.PRUNED
    if _vote(ends, rules) in right:
        return Kind.STOPPED
    lost = any(ends[i] in right and not episode.finished[i] for i in opened)
    return Kind.PRUNED if lost else Kind.OUTVOTED


@dataclass(frozen=True)
class _Moment:
    """The episode after an action, where its leader or its branches changed."""

    tokens: int
    leader: int
    votes: tuple[int, ...]
    width: int
    running: int
    completed: int
    pruned: int
    depths: tuple[int, int]
    intervals: int


def _retrace(trace: Trace, store: ReplayStore, rules: EpisodeRules, max_width: int) -> tuple[list[_Moment], Any]:
    episode: Any = ReplayEpisode(episode_fields(store, rules, max_width))
    episode.order = branch_order(int(store.branch_counts[trace.question]), trace.seed).tolist()
    transitions.reset(episode, trace.question)
    moments: list[_Moment] = []
    intervals = 0
    for action in atomic_actions(trace.log):
        kind, i = decode_action(action)
        before = (-1, False) if i is None else (episode.codes[i], episode.finished[i])
        if i is None:
            transitions.branch(episode)
        elif kind == "continue":
            intervals += transitions.advance(episode, i)
        elif kind == "probe":
            transitions.probe(episode, i)
        else:
            transitions.prune(episode, i)
        if i is None or kind == "prune" or (episode.codes[i], episode.finished[i]) != before:
            moments.append(_moment(episode, intervals))
    if moments:
        moments.append(_moment(episode, intervals))
    return moments, episode


def _moment(episode: Any, intervals: int) -> _Moment:
    width = episode.count[WIDTH]
    running = [i for i in range(width) if not (episode.pruned[i] or episode.finished[i])]
    depths = [episode.depths[i] for i in running] or [0]
    leader = votes.leader(episode, votes.ACTIVE)
    return _Moment(
        episode.count[TOKENS],
        episode.class_of[leader] if leader >= 0 else -1,
        tuple(votes.votes(episode, votes.ACTIVE).tolist()),
        width,
        len(running),
        episode.count[COMPLETED],
        sum(episode.pruned[:width]),
        (min(depths), max(depths)),
        intervals,
    )


def _runs(moments: Sequence[_Moment]) -> list[_Moment]:
    """The first moment of each reign of a leader."""
    return [each for k, each in enumerate(moments) if k == 0 or moments[k - 1].leader != each.leader]


def _final_classes(store: ReplayStore, question: int, seed: int) -> list[int]:
    """Class of the final answer of each branch of a question, in the order of ``seed``."""
    first, end = store.tables.branch_start[question : question + 2]
    finals = store.tables.answers[store.tables.answer_start[first + 1 : end + 1] - 1]
    return [int(value) for value in finals[branch_order(int(end - first), seed)]]


def _vote(classes: Sequence[int], rules: EpisodeRules) -> int:
    """The class with most votes, the earliest of equals; -1 without votes."""
    ballots = [each for each in classes if rules.published or each != INVALID]
    return max(ballots, key=ballots.count, default=-1)


def _tied(episode: Any, answer: int, right: AbstractSet[int]) -> bool:
    """Whether a right answer had as many votes as the one given, among the finished or the active branches."""
    codes = {episode.class_of[code]: code for code in range(episode.count[REVEALED])}
    if answer not in codes:
        return False
    for pool in (votes.FINISHED, votes.ACTIVE):
        counts = votes.votes(episode, pool)
        if any(counts[codes[each]] == counts[codes[answer]] > 0 for each in right & codes.keys()):
            return True
    return False


def _timeline(moments: Sequence[_Moment], trace: Trace, episode: Any, right: AbstractSet[int]) -> list[str]:
    """The changes of leader, first and last among them, with what was done in between."""
    if not moments:
        return [f"nothing was opened; answered {_letter(trace.answer, episode, right)}"]
    shown = _runs(moments)
    if len(shown) >= TIMELINE_LINES:
        shown = [*shown[: TIMELINE_LINES // 2], *shown[-(TIMELINE_LINES - TIMELINE_LINES // 2 - 1) :]]
    else:
        places = [len(moments) * k // TIMELINE_LINES for k in range(TIMELINE_LINES - len(shown))]
        kept = {id(each) for each in shown} | {id(moments[place]) for place in places}
        shown = [each for each in moments if id(each) in kept]
    if shown[-1] is not moments[-1]:
        shown.append(moments[-1])
    lines, last = [], None
    for each in shown:
        lines.append(_described(each, last, trace, episode, right))
        last = each
    lines[-1] += f" -> answered {_letter(trace.answer, episode, right)}"
    return lines


def _described(now: _Moment, last: _Moment | None, trace: Trace, episode: Any, right: AbstractSet[int]) -> str:
    opened = now.width - (last.width if last else 0)
    read = now.intervals - (last.intervals if last else 0)
    done = ", ".join(filter(None, [f"+{opened} branches" * bool(opened), f"+{read} intervals" * bool(read)])) or "-"
    tally = sorted(((count, code) for code, count in enumerate(now.votes) if count), key=lambda pair: -pair[0])
    counted = " ".join(f"{_letter(episode.class_of[code], episode, right)}:{count}" for count, code in tally[:4])
    notes = {note.name: note.value for note in trace.notes if note.tokens <= now.tokens}
    noted = " ".join(f"{name[:16]}={value:.3g}" for name, value in list(notes.items())[:3])
    return (
        f"{now.tokens:,} tokens: {done}; {now.width} open, {now.running} running at depths {now.depths[0]}-"
        f"{now.depths[1]}, {now.completed} finished, {now.pruned} pruned; votes {counted or 'none'}"
        + (f"; {noted}" if noted else "")
    )


def _letter(answer: int, episode: Any, right: AbstractSet[int]) -> str:
    """An answer class as a letter in the order of appearance; ``*`` marks a right one, ``?`` an invalid one."""
    if answer == -1:
        return "nothing"
    if answer == INVALID:
        return "?"
    again, code = divmod(episode.code_of[answer], len(LETTERS))
    return LETTERS[code] + (LETTERS[(again - 1) % len(LETTERS)] if again else "") + ("*" if answer in right else "")
