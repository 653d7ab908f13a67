"""The loop: write the prompt, have candidates proposed, score them, diagnose the best, and go round again."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import joblib
import pandas as pd

from tts_gym.discovery.archive import LAYOUT, Archive, write_table, write_text
from tts_gym.discovery.assess import assess
from tts_gym.discovery.diagnosis import Diagnosis, diagnose
from tts_gym.discovery.feedback import LESSONS_TOKENS, SOURCE_TOKENS, Findings, best_sources, lessons, sources_page
from tts_gym.discovery.finalists import run_leaders
from tts_gym.discovery.history import History, Place
from tts_gym.discovery.programs import source_of
from tts_gym.discovery.prompt import MAX_WIDTH, template, write_prompt
from tts_gym.discovery.proposers import make_proposer
from tts_gym.discovery.proposers.proposer import Proposal, Task, tokens_of
from tts_gym.discovery.records import Assessment, ProposalUsage, Scale, Tried, audited
from tts_gym.discovery.settings import DiscoverySettings, load_stores, store_digests
from tts_gym.discovery.traces import NoTrace, Trace, trace
from tts_gym.errors import DiscoveryError
from tts_gym.sandbox.candidate import read_candidate

Watch = Callable[[tuple[int, int]], None]
"""Is told how many candidates are assessed, of how many."""

DIAGNOSED_SEEDS = 1
"""Seeds of the diagnosed episodes; they run in plain Python, about a hundred times slower."""


@dataclass(frozen=True)
class Ending:
    """Why a run came to an end.

    Attributes:
        reason: "done", "waiting" (for candidate files) or "limit" (of tokens or dollars).
        rounds: rounds closed, that of the seed programs not counted.
        workspaces: where candidates are waited for.
    """

    reason: str
    rounds: int
    workspaces: tuple[Path, ...] = ()


class Discovery:
    """A discovery in a directory. What is on the disk is not done again."""

    def __init__(
        self,
        archive: Archive,
        settings: DiscoverySettings,
        jobs: int = 1,
        tell: Callable[[str], None] = print,
        fresh: bool = False,
    ) -> None:
        """Take up a discovery, a new one or one that has begun. Nothing is written before all is checked.

        Args:
            archive: its directory.
            settings: what it is told.
            jobs: candidates scored at the same time.
            tell: what to call with a line on the progress.
            fresh: throw away what the directory holds.

        Raises:
            DiscoveryError: a store stands twice or has changed, or the proposer cannot be made.
            StoreError: a store is missing or refused.
        """
        self._archive = archive
        self._settings = settings
        self._jobs = jobs
        self._tell = tell
        _check_apart(settings)
        template(settings)
        self._seeds = _seed_sources(settings)
        self._proposer = make_proposer(settings, self._seeds)
        self._stores = load_stores(settings.search)
        if fresh:
            archive.discard()
        archive.take_up(settings, store_digests(self._stores))

    def estimate(self) -> ProposalUsage:
        """What the rounds that are left may take at most."""
        left = self._settings.rounds - max(0, self._archive.closed_rounds() - 1)
        one = self._proposer.estimate(self._longest_prompt())
        times = max(0, left) * self._settings.candidates_per_round
        return ProposalUsage(
            one.input * times,
            one.cached * times,
            one.output * times,
            None if one.dollars is None else one.dollars * times,
        )

    def run(self, rounds: int | None = None, watch: Watch = lambda progress: None) -> Ending:
        """Go on until the rounds are done, candidates have to be waited for, or a limit is reached.

        Args:
            rounds: rounds to close at most now, that of the seed programs not counted; None for all that are left.
            watch: is told how many candidates are assessed, of how many in all rounds.
        """
        with self._archive.alone():
            history = self._archive.history()
            candidates = len(self._seeds) + self._settings.rounds * self._settings.candidates_per_round
            watch((len(history.assessed), candidates))
            number = self._archive.closed_rounds()
            last = self._settings.rounds
            if rounds is not None:
                last = min(last, max(0, number - 1) + rounds)
            while number <= last:
                reason = self._propose(number, history)
                if reason == "waiting":
                    return self._waiting(number, history)
                if reason == "limit" and (number, 1) not in history.proposals:
                    return Ending(reason, number - 1)
                for assessed in self._score(number, history):
                    watch((assessed, candidates))
                self._close(number, history)
                if reason == "limit":
                    return Ending(reason, number)
                number += 1
            if self._settings.proposer == "manual" and number <= self._settings.rounds:
                self._write_workspaces(number, history)
                return self._waiting(number, history)
            return Ending("done", number - 1)

    def _places(self, number: int) -> list[Place]:
        slots = self._settings.candidates_per_round if number else len(self._seeds)
        return [(number, slot) for slot in range(1, slots + 1)]

    def _missing(self, number: int, history: History) -> list[Place]:
        return [place for place in self._places(number) if place not in history.proposals]

    def _waiting(self, number: int, history: History) -> Ending:
        """A round waits for the candidates that are not there yet."""
        workspaces = tuple(self._archive.workspace(place) for place in self._missing(number, history))
        return Ending("waiting", number - 1, workspaces)

    def _propose(self, number: int, history: History) -> str:
        """Have the candidates of a round proposed, in round 0 the seed programs; say "done", "waiting" or "limit"."""
        if number == 0:
            sources = dict(zip(self._places(0), self._seeds.values(), strict=True))
            for place in self._missing(0, history):
                history.proposals[place] = self._archive.keep_proposal(place, Proposal(sources[place]))
            return "done"
        prompts = self._write_workspaces(number, history)
        earlier = history.before(number)
        scores = _scores(earlier, Scale.of(history.seeds))
        waiting = False
        for place in self._missing(number, history):
            if not self._affordable(prompts[place], history):
                return "limit"
            self._tell(f"Round {number}, candidate {place[1]}: asking {self._settings.proposer}.")
            task = Task(*place, prompts[place], self._archive.workspace(place), earlier, scores)
            proposal = self._proposer.propose(task)
            if proposal is None:
                waiting = True
            else:
                history.proposals[place] = self._archive.keep_proposal(place, proposal)
        return "waiting" if waiting else "done"

    def _affordable(self, prompt: str, history: History) -> bool:
        both = history.spent + self._proposer.estimate(tokens_of(prompt))
        tokens, dollars = self._settings.max_tokens, self._settings.max_usd
        return (tokens is None or both.tokens <= tokens) and (dollars is None or (both.dollars or 0.0) <= dollars)

    def _write_workspaces(self, number: int, history: History) -> dict[Place, str]:
        """Write the prompts of a round, and say what they are."""
        scale = Scale.of(history.seeds)
        known = (self._archive.round_path(number - 1) / "lessons.md").read_text(encoding="utf-8")
        best = sources_page(best_sources(history.before(number), scale))
        prompts = {
            place: write_prompt(self._settings, scale.low, scale.high, place[1], known, best)
            for place in self._places(number)
        }
        for place, prompt in prompts.items():
            write_text(self._archive.workspace(place) / "prompt.md", prompt)
        return prompts

    def _score(self, number: int, history: History) -> Iterator[int]:
        """Assess the candidates of a round that are not assessed yet, and tell after each how many are, of all."""
        rivals = _rivals(history.before(number))
        waiting = [each for each in self._places(number) if each in history.proposals and each not in history.assessed]
        calls = (joblib.delayed(self._assess)(place, history.proposals[place], rivals) for place in waiting)
        jobs = min(self._jobs, max(1, len(waiting)))
        # Threads, which wait for processes that end when this one does.
        assess_all = joblib.Parallel(jobs, "threading", return_as="generator_unordered", batch_size=1)
        for place, assessment in assess_all(calls):
            tried = history.put(place, self._name(place), assessment)
            self._archive.keep_tried(tried)
            self._tell(_told(tried))
            yield len(history.assessed)

    def _assess(self, place: Place, proposal: Proposal, rivals: pd.DataFrame | None) -> tuple[Place, Assessment]:
        if proposal.source is None:
            return place, Assessment("proposal", proposal.failure or "no candidate")
        return place, assess(proposal.source, self._stores, self._settings, rivals, place[0] == 0)

    def _name(self, place: Place) -> str:
        number, slot = place
        return f"r{number:02d}-{slot}" if number else list(self._seeds)[slot - 1]

    def _close(self, number: int, history: History) -> None:
        """Try the leader on the recordings, diagnose the best candidate of a round, write its lessons, and close it."""
        _check_seeds(history.seeds)
        scale = Scale.of(history.seeds)
        run_leaders(self._archive, history, scale, self._settings, self._stores)
        tried = history.before(number + 1)
        best = best_sources([each for each in tried if each.round == number], scale, 1)
        cases = self._diagnose(best[0]) if best and self._settings.traces else []
        here = self._archive.round_path(number)
        columns = [each.name for each in dataclasses.fields(Diagnosis)]
        write_table(
            here / "cases.parquet", pd.DataFrame([dataclasses.astuple(each) for each in cases], columns=columns)
        )
        shown = None if not self._settings.traces else cases
        write_text(here / "lessons.md", lessons(Findings(number, tried, scale, shown)))
        state = self._proposer.state(tried, _scores(tried, scale))
        self._archive.close_round(number, {"proposer": state, "spent": dataclasses.asdict(history.spent)})

    def _diagnose(self, best: Tried) -> list[Diagnosis]:
        assert best.source is not None and best.table is not None
        candidate = read_candidate(best.source)
        if not candidate.audited:
            return []
        betas = sorted(best.table["beta"].unique().tolist())
        chosen = sorted({betas[0], betas[len(betas) // 2], betas[-1]})
        rules, limits = self._settings.episode_rules, self._settings.limits
        traces = [
            (store, each)
            for store in self._stores
            for each in trace(candidate, store, chosen, range(DIAGNOSED_SEEDS), rules, MAX_WIDTH, limits)
        ]
        failed = [each.reason for _, each in traces if isinstance(each, NoTrace)]
        if failed:
            self._tell(f"{len(failed)} of {len(traces)} episodes of {best.name} are not diagnosed: {failed[0]}")
        return [diagnose(each, store, rules, MAX_WIDTH) for store, each in traces if isinstance(each, Trace)]

    def _longest_prompt(self) -> int:
        bare = tokens_of(write_prompt(self._settings, 1, 2, 1, "", ""))
        return bare + LESSONS_TOKENS + SOURCE_TOKENS


def begin(
    path: Path, settings: DiscoverySettings, jobs: int, tell: Callable[[str], None], fresh: bool = False
) -> Discovery:
    """Begin a discovery in a new directory.

    Args:
        path: the directory.
        settings: what the discovery is told.
        jobs: candidates scored at the same time.
        tell: what to call with a line on the progress.
        fresh: throw away the discovery that the directory holds.

    Raises:
        DiscoveryError: the directory is not empty, a store stands twice, or the proposer cannot be made.
        TTSGymError: a discovery is to be thrown away, and something else is beside it.
    """
    archive = Archive(path)
    if not (fresh and LAYOUT.is_begun(path)):
        archive.check_empty()
    return Discovery(archive, settings, jobs, tell, fresh)


def go_on(path: Path, told: Mapping[str, Any], jobs: int, tell: Callable[[str], None]) -> Discovery:
    """Take up a discovery again.

    Args:
        path: its directory.
        told: settings by name that are told now.
        jobs: candidates scored at the same time.
        tell: what to call with a line on the progress.

    Raises:
        DiscoveryError: it was begun with other settings than ``told``, or on other recordings.
    """
    archive = Archive(path)
    return Discovery(archive, archive.settings_with(told), jobs, tell)


def _check_apart(settings: DiscoverySettings) -> None:
    both = set(settings.search) & set(settings.held_out)
    if both:
        raise DiscoveryError(f"The store {sorted(both)[0]} is both searched and held out: it can be one of them.")


def _seed_sources(settings: DiscoverySettings) -> dict[str, str]:
    """Sources of the seed programs by name."""
    if not settings.seed_programs:
        raise DiscoveryError("A discovery begins with at least one program: name one with --from.")
    return dict(source_of(spec) for spec in settings.seed_programs)


def _check_seeds(seeds: Sequence[Tried]) -> None:
    for each in seeds:
        if each.assessment.failure is not None:
            raise DiscoveryError(
                f"The seed program {each.name} failed at {each.assessment.stage}: {each.assessment.failure}."
            )


def _scores(tried: Sequence[Tried], scale: Scale) -> list[float | None]:
    return [scale.score(each) for each in tried]


def _rivals(tried: Sequence[Tried]) -> pd.DataFrame | None:
    """Tables of questions of what is audited, a controller for each value of the knob."""
    tables = [
        each.table.assign(controller=each.name + ":beta=" + each.table["beta"].astype(str))
        for each in audited(tried)
        if each.table is not None
    ]
    return pd.concat(tables) if tables else None


def _told(tried: Tried) -> str:
    """A line on what became of a candidate."""
    if tried.assessment.failure:
        return f"{tried.name} failed at {tried.assessment.stage}: {tried.assessment.failure}"
    means = tried.points()
    return (
        f"{tried.name}: {means['accuracy'].min():.1f} to {means['accuracy'].max():.1f} % for "
        f"{means['tokens'].min():,.0f} to {means['tokens'].max():,.0f} tokens ({tried.assessment.seconds:.1f} s)"
    )
