"""Episodes of a candidate in plain Python, inside a jail: what it did, answered and noted."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tts_gym.agents.programs.program import Program
from tts_gym.agents.replay import branch_order
from tts_gym.datasets.store import ReplayStore
from tts_gym.episode import transitions
from tts_gym.episode.episode import Note, ReplayEpisode, episode_fields
from tts_gym.episode.loop import answer_class
from tts_gym.episode.recount import log_of, longest_log
from tts_gym.episode.rules import EpisodeRules
from tts_gym.episode.state import TOKENS
from tts_gym.sandbox.boundary import LONGEST_NOTE, MOST_NOTES, is_number, printable
from tts_gym.sandbox.child.runner import failure_of, plain_program
from tts_gym.sandbox.messages import outcome_message


def trace(request: Mapping[str, Any], stores: Sequence[ReplayStore], send: Callable[[bytes], None]) -> None:
    """Run the episodes of ``request``, each a place in ``stores``, a question, a seed and a value of the knob.

    Args:
        request: what is asked.
        stores: what is replayed.
        send: takes the outcome of each episode: ``answer``, the code that was returned, ``log``, see
            ``episode.actions``, and ``notes``, each a name, a value and the tokens spent by then; or ``failure``, a
            category and a reason.
    """
    rules = EpisodeRules(**request["rules"])
    for place, question, seed, beta in request["episodes"]:
        try:
            outcome = _episode(plain_program(request["source"]), stores[place], question, seed, beta, rules)
        except BaseException as error:
            outcome = {"failure": str(failure_of(error, request))}
        send(outcome_message(outcome))


def _episode(
    program: Program, store: ReplayStore, question: int, seed: int, beta: float, rules: EpisodeRules
) -> dict[str, Any]:
    longest = int(longest_log(store, rules)[question])
    episode = _NotingEpisode(episode_fields(store, rules, int(store.branch_counts.max()), longest))
    episode.order = branch_order(int(store.branch_counts[question]), seed).tolist()
    transitions.reset(episode, question)
    code = program.function(episode, *program.arguments({"beta": beta}))
    answer_class(episode, code)
    notes = [(note.name, note.value, note.tokens) for note in episode.notes]
    return {"answer": int(code), "log": log_of(episode), "notes": notes}


class _NotingEpisode(ReplayEpisode):
    """An episode that keeps the first ``MOST_NOTES`` notes whose values are finite and of bounded size."""

    order: list[int]
    count: list[int]

    def note(self, name: str, value: float) -> None:
        if len(self.notes) < MOST_NOTES and is_number(float(value)):
            self.notes.append(Note(printable(str(name), LONGEST_NOTE), float(value), int(self.count[TOKENS])))
