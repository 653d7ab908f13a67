"""The loop: write the prompt, have candidates proposed, score them, diagnose the best, and go round again."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import joblib
import pandas as pd

from tts_gym.discovery.archive import Archive, write_table, write_text
from tts_gym.discovery.assess import assess
from tts_gym.discovery.diagnosis import Case, diagnose
from tts_gym.discovery.feedback import DIGEST_TOKENS, SOURCE_TOKENS, Findings, best_sources, digest, sources_page
from tts_gym.discovery.finalists import run_leaders
from tts_gym.discovery.programs import source_of
from tts_gym.discovery.prompt import MAX_WIDTH, template, write_prompt
from tts_gym.discovery.proposers import make_proposer
from tts_gym.discovery.proposers.proposer import Proposal, Task, tokens_of
from tts_gym.discovery.records import Assessment, Scale, Tried, Usage, audited
from tts_gym.discovery.settings import Settings, load_stores
from tts_gym.discovery.traces import NoTrace, Trace, trace
from tts_gym.errors import DiscoveryError
from tts_gym.files import locked
from tts_gym.sandbox.candidate import read_candidate

DIAGNOSED_SEEDS = 1
"""Seeds of the diagnosed episodes; they run in plain Python, about a hundred times slower."""


@dataclass(frozen=True)
class Outcome:
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
        self, archive: Archive, settings: Settings, jobs: int = 1, tell: Callable[[str], None] = print
    ) -> None:
        """Take up a discovery that has begun.

        Args:
            archive: its directory.
            settings: what it is told.
            jobs: candidates scored at the same time.
            tell: what to call with a line on the progress.

        Raises:
            DiscoveryError: the proposer cannot be made, or a store has changed.
            StoreError: a store is missing or refused.
        """
        self._archive = archive
        self._settings = settings
        self._jobs = jobs
        self._tell = tell
        template(settings)
        self._seeds = _seed_sources(settings)
        self._proposer = make_proposer(settings, self._seeds)
        self._stores = load_stores(settings.search)
        archive.check_stores(self._stores)

    def estimate(self) -> Usage:
        """What the rounds that are left may take at most."""
        left = self._settings.rounds - max(0, self._archive.closed_rounds() - 1)
        one = self._proposer.estimate(self._longest_prompt())
        times = max(0, left) * self._settings.candidates_per_round
        return Usage(
            one.input * times,
            one.cached * times,
            one.output * times,
            None if one.dollars is None else one.dollars * times,
        )

    def run(self, rounds: int | None = None) -> Outcome:
        """Go on until the rounds are done, candidates have to be waited for, or a limit is reached.

        Args:
            rounds: rounds to close at most now; None for all that are left.
        """
        with _alone(self._archive.path):
            if self._archive.closed_rounds() == 0:
                self._begin()
            last = self._settings.rounds
            if rounds is not None:
                last = min(last, self._archive.closed_rounds() - 1 + rounds)
            while (number := self._archive.closed_rounds()) <= last:
                reason = self._propose(number)
                if reason == "waiting":
                    return self._waiting(number)
                if reason == "limit" and self._archive.proposal(number, 1) is None:
                    return Outcome(reason, number - 1)
                self._score(number)
                self._close(number)
                if reason == "limit":
                    return Outcome(reason, number)
            if self._settings.proposer == "manual" and number <= self._settings.rounds:
                self._write_workspaces(number)
                return self._waiting(number)
            return Outcome("done", number - 1)

    def _waiting(self, number: int) -> Outcome:
        """A round waits for the candidates that are not there yet."""
        slots = range(1, self._settings.candidates_per_round + 1)
        missing = [slot for slot in slots if self._archive.proposal(number, slot) is None]
        return Outcome("waiting", number - 1, tuple(self._archive.workspace(number, slot) for slot in missing))

    def _begin(self) -> None:
        """Round 0: the seed programs."""
        for slot, source in enumerate(self._seeds.values(), 1):
            if self._archive.proposal(0, slot) is None:
                self._archive.keep_proposal(0, slot, Proposal(source))
        self._score(0)
        failed = [each for each in self._archive.tried() if each.assessment.failure is not None]
        for each in failed:
            raise DiscoveryError(
                f"The seed program {each.name} failed at {each.assessment.stage}: {each.assessment.failure}."
            )
        self._close(0)

    def _propose(self, number: int) -> str:
        """Have the candidates of a round proposed; say "done", "waiting" or "limit"."""
        self._write_workspaces(number)
        history = [each for each in self._archive.tried() if each.round < number]
        scores = self._scores(history)
        waiting = False
        for slot in range(1, self._settings.candidates_per_round + 1):
            if self._archive.proposal(number, slot) is not None:
                continue
            workspace = self._archive.workspace(number, slot)
            prompt = (workspace / "prompt.md").read_text(encoding="utf-8")
            if not self._affordable(prompt):
                return "limit"
            self._tell(f"Round {number}, candidate {slot}: asking {self._settings.proposer}.")
            proposal = self._proposer.propose(Task(number, slot, prompt, workspace, history, scores))
            if proposal is None:
                waiting = True
            else:
                self._archive.keep_proposal(number, slot, proposal)
        return "waiting" if waiting else "done"

    def _affordable(self, prompt: str) -> bool:
        spent, next_one = self._archive.spent(), self._proposer.estimate(tokens_of(prompt))
        both = spent + next_one
        tokens, dollars = self._settings.max_tokens, self._settings.max_usd
        return (tokens is None or both.tokens <= tokens) and (dollars is None or (both.dollars or 0.0) <= dollars)

    def _write_workspaces(self, number: int) -> None:
        history = [each for each in self._archive.tried() if each.round < number]
        scale = self._scale(history)
        known = (self._archive.round_path(number - 1) / "digest.md").read_text(encoding="utf-8")
        best = sources_page(best_sources(history, scale))
        for slot in range(1, self._settings.candidates_per_round + 1):
            prompt = write_prompt(self._settings, scale.low, scale.high, slot, known, best)
            write_text(self._archive.workspace(number, slot) / "prompt.md", prompt)

    def _score(self, number: int) -> None:
        """Assess the candidates of a round that are not assessed yet."""
        earlier = [each for each in self._archive.tried() if each.round < number]
        tables = [
            each.table.assign(controller=each.name + ":beta=" + each.table["beta"].astype(str))
            for each in audited(earlier)
            if each.table is not None
        ]
        rivals = pd.concat(tables) if tables else None
        slots = range(1, (self._settings.candidates_per_round if number else len(self._seeds)) + 1)
        work: dict[int, str] = {}
        for slot in slots:
            proposal = self._archive.proposal(number, slot)
            if proposal is None or self._archive.assessed(number, slot):
                continue
            if proposal.source is None:
                self._keep(number, slot, proposal, Assessment("proposal", proposal.failure or "no candidate"))
            else:
                work[slot] = proposal.source
        calls = (
            joblib.delayed(_numbered)(slot, source, self._stores, self._settings, rivals, number == 0)
            for slot, source in work.items()
        )
        jobs = min(self._jobs, max(1, len(work)))
        # Threads, which wait for processes that end when this one does.
        assess_all = joblib.Parallel(jobs, "threading", return_as="generator_unordered", batch_size=1)
        for slot, assessment in assess_all(calls):
            proposal = self._archive.proposal(number, slot)
            assert proposal is not None
            self._keep(number, slot, proposal, assessment)

    def _keep(self, number: int, slot: int, proposal: Proposal, assessment: Assessment) -> None:
        name = f"r{number:02d}-{slot}" if number else list(self._seeds)[slot - 1]
        tried = Tried(number, slot, name, proposal.source, assessment)
        self._archive.keep_assessment(number, slot, name, assessment, tried.points())
        if assessment.failure:
            self._tell(f"{name} failed at {assessment.stage}: {assessment.failure}")
        else:
            means = tried.points()
            self._tell(
                f"{name}: {means['accuracy'].min():.1f} to {means['accuracy'].max():.1f} % for "
                f"{means['tokens'].min():,.0f} to {means['tokens'].max():,.0f} tokens ({assessment.seconds:.1f} s)"
            )

    def _close(self, number: int) -> None:
        """Try the leader on the recordings, diagnose the best candidate of a round, write its digest, and close it."""
        scale = self._scale(self._archive.tried())
        run_leaders(self._archive, scale, self._settings, self._stores)
        tried = [each for each in self._archive.tried() if each.round <= number]
        best = best_sources([each for each in tried if each.round == number], scale, 1)
        cases = self._diagnose(best[0]) if best and self._settings.traces else []
        here = self._archive.round_path(number)
        columns = [each.name for each in dataclasses.fields(Case)]
        write_table(
            here / "cases.parquet", pd.DataFrame([dataclasses.astuple(each) for each in cases], columns=columns)
        )
        shown = None if not self._settings.traces else cases
        write_text(here / "digest.md", digest(Findings(number, tried, scale, shown)))
        state = self._proposer.state(tried, self._scores(tried))
        self._archive.close_round(number, {"proposer": state, "spent": dataclasses.asdict(self._archive.spent())})

    def _diagnose(self, best: Tried) -> list[Case]:
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

    def _scale(self, tried: list[Tried]) -> Scale:
        return Scale.of([each for each in tried if each.round == 0])

    def _scores(self, tried: list[Tried]) -> list[float | None]:
        scale = self._scale(tried)
        return [scale.score(each) for each in tried]

    def _longest_prompt(self) -> int:
        bare = tokens_of(write_prompt(self._settings, 1, 2, 1, "", ""))
        return bare + DIGEST_TOKENS + SOURCE_TOKENS


def begin(path: Path, settings: Settings, jobs: int, tell: Callable[[str], None]) -> Discovery:
    """Begin a discovery in a new directory.

    Raises:
        DiscoveryError: the directory is not empty, a store stands twice, or the proposer cannot be made.
    """
    _check_apart(settings)
    stores = load_stores(settings.search)
    make_proposer(settings, _seed_sources(settings))
    template(settings)
    archive = Archive(path)
    archive.begin(settings, stores)
    return Discovery(archive, settings, jobs, tell)


def go_on(path: Path, told: Mapping[str, Any], jobs: int, tell: Callable[[str], None]) -> Discovery:
    """Take up a discovery again.

    Raises:
        DiscoveryError: it was begun with other settings than ``told``, or on other recordings.
    """
    archive = Archive(path)
    settings = archive.go_on(told)
    _check_apart(settings)
    discovery = Discovery(archive, settings, jobs, tell)
    archive.keep_settings(settings)
    return discovery


def _check_apart(settings: Settings) -> None:
    both = set(settings.search) & set(settings.held_out)
    if both:
        raise DiscoveryError(f"The store {sorted(both)[0]} is both searched and held out: it can be one of them.")


def _seed_sources(settings: Settings) -> dict[str, str]:
    """Sources of the seed programs by name."""
    if not settings.seed_programs:
        raise DiscoveryError("A discovery begins with at least one program: name one with --from.")
    return dict(source_of(spec) for spec in settings.seed_programs)


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Keep other processes out of the directory; the lock of a process that dies is gone."""
    with locked(path / ".lock", DiscoveryError(f"Another process works in {path}: wait until it ends.")):
        yield


def _numbered(slot: int, source: str, *arguments: Any) -> tuple[int, Assessment]:
    return slot, assess(source, *arguments)
