"""Episodes of a candidate run again in plain Python, with what it did and noted."""

from __future__ import annotations

import resource
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from joblib.externals.loky import ProcessPoolExecutor

from tts_gym.agents.programs.program import Program
from tts_gym.agents.replay import replay_episode
from tts_gym.agents.synthesis.boundary import printable
from tts_gym.agents.synthesis.candidate import Candidate
from tts_gym.agents.synthesis.trial import names_of
from tts_gym.datasets.store import ReplayStore
from tts_gym.envs.actions import atomic_actions
from tts_gym.envs.episode import EpisodeRules, Note
from tts_gym.envs.recount import log_of
from tts_gym.envs.state import TOKENS

SECONDS = 60
"""How long the episodes of a store may take. Python's numbers do not overflow: what ends compiled may not end."""

MEMORY = 8 * 2**30
"""Bytes of address space that they may take."""

MOST_NOTES = 500
"""Notes that are kept of an episode, the first."""

LONGEST_NAME = 32
"""Characters of the name of a note."""


@dataclass(frozen=True)
class Trace:
    """What a program did in one episode.

    Attributes:
        question: index of the question.
        seed: of the branch order.
        beta: the knob.
        answer: class of its answer, -1 for none.
        tokens: tokens spent.
        log: atomic actions, see ``envs.actions``.
        notes: what it noted.
    """

    question: int
    seed: int
    beta: float
    answer: int
    tokens: int
    log: tuple[int, ...]
    notes: tuple[Note, ...]


def trace(
    candidate: Candidate,
    store: ReplayStore,
    betas: Sequence[float],
    seeds: Sequence[int],
    rules: EpisodeRules,
    max_width: int,
) -> list[Trace]:
    """Run every question of ``store`` under each of ``betas`` and ``seeds``, in a process of its own.

    Args:
        candidate: an audited one that has come through the jail.
        store: what is replayed; the process is told neither texts nor what is right.
        betas: values of the knob.
        seeds: branch orders.
        rules: the accounting.
        max_width: branches that an episode may open.

    Returns:
        The traces; none where it took too long or too much memory, or failed as it does not when compiled.
    """
    blind = replace(store, questions=("",) * len(store), gold=np.zeros_like(store.gold), also_right=((),) * len(store))
    pool = ProcessPoolExecutor(max_workers=1)
    try:
        return list(pool.submit(_run, candidate, blind, betas, seeds, rules, max_width).result(SECONDS))
    except Exception:
        return []
    finally:
        pool.shutdown(kill_workers=True)


def _run(
    candidate: Candidate,
    store: ReplayStore,
    betas: Sequence[float],
    seeds: Sequence[int],
    rules: EpisodeRules,
    max_width: int,
) -> list[Trace]:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    names = names_of(candidate.source, candidate.audited)
    program = Program("candidate", names["program"], names["schedule"])
    traces = []
    for beta in betas:
        arguments = program.arguments({"beta": beta})
        for question in range(len(store)):
            for seed in seeds:
                episode, answer = replay_episode(program, arguments, store, question, seed, rules, max_width)
                tokens = episode.count[TOKENS]  # type: ignore[attr-defined]
                log = tuple(atomic_actions(log_of(episode)))
                traces.append(Trace(question, seed, beta, answer, tokens, log, _bounded(episode.notes)))
    return traces


def _bounded(notes: Sequence[Note]) -> tuple[Note, ...]:
    return tuple(replace(note, name=printable(str(note.name), LONGEST_NAME)) for note in notes[:MOST_NOTES])
