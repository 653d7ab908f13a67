"""Whether compiled code does what its source does in plain Python, on episodes that are drawn when both are fixed."""

from __future__ import annotations

import random
import secrets
from collections.abc import Sequence
from dataclasses import replace

from tts_gym.datasets.store import ReplayStore
from tts_gym.episode.loop import Logs
from tts_gym.episode.rules import EpisodeRules
from tts_gym.sandbox.anonymise import AnonymisedStore
from tts_gym.sandbox.candidate import Candidate
from tts_gym.sandbox.plain import Asked, PlainEpisode, run_plain
from tts_gym.sandbox.results import Block
from tts_gym.sandbox.runs import Limits

SAMPLE = 32
"""Episodes that are run again. A candidate that goes another way in one of ten passes in 3 cases of 100."""

SECONDS = 20.0
"""How long they may take together, most of them under 20 ms; what ends compiled may not end in plain Python."""

UNFORESEEN = 2
"""Branch orders that are added to a run for it."""


def unforeseen_seeds() -> list[int]:
    """Seeds of branch orders that nobody can know of before."""
    return [secrets.randbits(63) for _ in range(UNFORESEEN)]


class Sample:
    """Episodes of compiled runs, half of them of the last ``UNFORESEEN`` seeds, with what was done in them."""

    def __init__(
        self,
        stores: Sequence[ReplayStore],
        anonymised: Sequence[AnonymisedStore],
        blocks: Sequence[Block],
        seeds: Sequence[int],
        size: int,
    ) -> None:
        """Draw them.

        Args:
            stores: what is replayed.
            anonymised: the same as the jail sees it.
            blocks: the runs, equally many over each store in turn.
            seeds: branch orders, the unforeseen ones last.
            size: how many.
        """
        self._stores, self._anonymised = stores, anonymised
        self._wanted: list[dict[int, Asked]] = [{} for _ in blocks]
        self._first = [0] * len(blocks)
        self._done: list[tuple[Asked, PlainEpisode]] = []
        chance = random.SystemRandom()
        known = len(seeds) - UNFORESEEN
        for number in range(size):
            run = chance.randrange(len(blocks))
            question = chance.randrange(len(blocks[run].store))
            order = chance.randrange(known) if number % 2 else known + chance.randrange(UNFORESEEN)
            asked = Asked(run * len(stores) // len(blocks), question, seeds[order], blocks[run].beta)
            self._wanted[run][blocks[run].recounter.place_of(question, order)] = asked

    def note(self, run: int, logs: Logs) -> None:
        """Keep what is of the sample among the logs of the next episodes of a run.

        Args:
            run: its number among the blocks.
            logs: they follow on the episodes that were noted of it before.
        """
        first, ends = self._first[run], [0, *logs.ends.tolist()]
        self._first[run] += len(logs.ends)
        for place in self._wanted[run].keys() & range(first, self._first[run]):
            begin, end = ends[place - first : place - first + 2]
            log = tuple(logs.words[begin:end].tolist())
            self._done.append((self._wanted[run][place], PlainEpisode(int(logs.codes[place - first]), log, ())))

    def disagreement(self, candidate: Candidate, rules: EpisodeRules, limits: Limits) -> str | None:
        """Run the sample again in plain Python, in a jail of its own; one line if something else is done in one.

        Args:
            candidate: an audited one.
            rules: spending and accounting.
            limits: what it may use.
        """
        if not self._done:
            return None
        limits = replace(limits, seconds=min(limits.seconds, SECONDS))
        episodes = [asked for asked, _ in self._done]
        plain = run_plain(candidate, self._stores, self._anonymised, episodes, rules, limits)
        for (asked, compiled), told in zip(self._done, plain, strict=True):
            difference = _difference(compiled, told)
            if difference:
                question = self._stores[asked.store].question_ids[asked.question]
                where = f"question {question}, seed {asked.seed}, beta {asked.beta:g}"
                return f"refused: compiled and in plain Python it differs ({where}): {difference}"
        return None


def _difference(compiled: PlainEpisode, told: PlainEpisode | str) -> str | None:
    if isinstance(told, str):
        return told
    if (compiled.answer, compiled.log) == (told.answer, told.log):
        return None
    return "it takes other decisions; integers that do not fit 64 bits, for one, are not the same"
