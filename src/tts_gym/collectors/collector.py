"""Sampling and probing: units of work in, recorded branches out, over one backend that is never left idle.

Branches of a unit are drawn as one request. As soon as it has finished, the prefixes of each branch are probed, the
longest first, so that the others find theirs in the prefix cache, and before branches of further units are drawn.
Prefixes that branches of a unit share are probed once.

A request that fails is tried again when nothing else runs, so that one that takes the engine down harms no other.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from tts_gym.answers.reader import AnswerReader
from tts_gym.collectors.errors import CollectionError
from tts_gym.collectors.forced import ForcedAnswer, read_forced
from tts_gym.collectors.prompts import THINK, Prefix, ProbePrompts, prompt_tokens
from tts_gym.collectors.settings import CollectionSettings
from tts_gym.collectors.signals import interval_signals, recordable_signals
from tts_gym.collectors.units import TokenUsage, UnitResult, WorkUnit
from tts_gym.datasets.schema import RecordedBranch
from tts_gym.llm.backend import Backend, Completion, Request, Result, Sampling

FORCED = "forced"
"""The mark of a final answer that a branch did not give before it was cut off, and was made to give then."""

TRIES = 3
"""How often a request is made before its unit fails: once beside others, then alone."""


@dataclass(frozen=True)
class _Branch:
    """A branch that was drawn.

    Attributes:
        tokens: int32 [length], its token ids.
        text: what they say.
        finish_reason: why it ended.
        prefixes: length in tokens, digest and suffix of each prefix that is probed, shortest first.
        signals: the signals of its intervals.
        in_reasoning: whether it begins within the reasoning.
    """

    tokens: NDArray[np.int32]
    text: str
    finish_reason: str
    prefixes: list[tuple[int, bytes, tuple[int, ...]]]
    signals: dict[str, list[float]]
    in_reasoning: bool

    @property
    def is_cut_off(self) -> bool:
        """Whether it ran into the limit; then the last prefix is all of it."""
        return self.finish_reason == "length"


@dataclass
class _OpenUnit:
    """A unit at work.

    Attributes:
        unit: the unit.
        prompt: token ids that its branches continue.
        branches: its branches, once they are drawn.
        awaited: digests of the prefixes whose answers are awaited.
        answers: what was answered after each prefix, by digest.
        usage: tokens spent.
        error: why it failed.
    """

    unit: WorkUnit
    prompt: tuple[int, ...]
    branches: list[_Branch] = field(default_factory=list)
    awaited: set[bytes] = field(default_factory=set)
    answers: dict[bytes, ForcedAnswer] = field(default_factory=dict)
    usage: TokenUsage = field(default_factory=TokenUsage)
    error: str | None = None

    @property
    def is_done(self) -> bool:
        return self.error is not None or (bool(self.branches) and not self.awaited)


@dataclass(frozen=True)
class _Job:
    """A request: the branches of a unit, or the probe after ``tokens`` tokens of branch ``branch``."""

    work: _OpenUnit
    branch: int = -1
    tokens: int = 0
    digest: bytes = b""
    suffix: tuple[int, ...] = ()
    tries: int = 1

    @property
    def draws(self) -> bool:
        return self.branch < 0

    @property
    def sequences(self) -> int:
        return self.work.unit.count if self.draws else 1


class Collector:
    """Draws and probes the branches of units over a backend.

    Attributes:
        signals: names of the signals that are recorded.
    """

    def __init__(
        self, backend: Backend, settings: CollectionSettings, reader: AnswerReader, concurrency: int = 256
    ) -> None:
        """Check what the backend can give.

        Args:
            backend: the model.
            settings: what is drawn.
            reader: finds answers in texts.
            concurrency: sequences that the backend is given at a time.

        Raises:
            CollectionError: the backend cannot give what the settings ask for.
        """
        if not backend.signals.probes:
            raise CollectionError(
                f"{backend.model} has conversations only, so that no answer can be forced within a branch: collect "
                "from a model that continues token ids."
            )
        if settings.seed is not None and not backend.signals.seeds:
            raise CollectionError(f"{backend.model} runs where draws cannot be seeded: leave the seed out.")
        self._backend, self._settings, self._reader, self._concurrency = backend, settings, reader, concurrency
        self._probes = ProbePrompts(settings.probing, backend.tokenizer)
        if self._probes.marks_special and not backend.signals.token_ids:
            raise CollectionError(
                f"{backend.model} marks its reasoning by special tokens, which a server that tells no token ids leaves "
                "out: collect from one that tells them, such as vLLM."
            )
        self._top_logprobs = min(settings.top_logprobs, backend.signals.top_logprobs)
        self._running: dict[int, _Job] = {}
        self._sequences = 0
        self._next_key = 0
        self._to_probe: deque[_Job] = deque()
        self._suspects: deque[_Job] = deque()
        self.signals = recordable_signals(backend.signals, settings.top_logprobs)

    def run(self, units: Iterable[WorkUnit]) -> Iterator[UnitResult]:
        """Work on ``units``, taken one by one as there is room; yield each when it is done or has failed."""
        waiting = iter(units)
        while True:
            yield from self._fill(waiting)
            if not self._running:
                return
            for result in self._backend.finished():
                job = self._running.pop(result.key)
                self._sequences -= job.sequences
                if job.work.error is not None:
                    continue
                if result.error is not None:
                    self._failed(job, result.error)
                elif job.draws:
                    self._drawn(job.work, result)
                else:
                    self._probed(job, result)
                if job.work.is_done:
                    yield self._closed(job.work)

    def _fill(self, waiting: Iterator[WorkUnit]) -> Iterator[UnitResult]:
        """Give the backend what there is room for; yield units that cannot even begin."""
        if self._suspects:
            if not self._running and (suspect := _next(self._suspects)):
                self._submit(suspect)
            if self._running:
                return
        while self._sequences < self._concurrency:
            if probe := _next(self._to_probe):
                self._submit(probe)
                continue
            unit = next(waiting, None)
            if unit is None:
                return
            work = _OpenUnit(unit, prompt_tokens(unit.question, self._settings.prompting, self._backend.tokenizer))
            room = self._room(work.prompt)
            if room < 1:
                reason = f"its prompt of {len(work.prompt)} tokens leaves no room in the context of the model"
                yield UnitResult(unit, (), work.usage, reason, is_hopeless=True)
            else:
                self._submit(_Job(work))

    def _room(self, prompt: tuple[int, ...]) -> int:
        """Most tokens of a branch."""
        if self._backend.context is None:
            return self._settings.max_tokens
        taken = len(prompt) + self._probes.longest + self._settings.probing.max_tokens
        return min(self._settings.max_tokens, self._backend.context - taken)

    def _submit(self, job: _Job) -> None:
        key = self._next_key
        self._next_key += 1
        self._running[key] = job
        self._sequences += job.sequences
        self._backend.submit([self._draw(key, job.work) if job.draws else self._probe(key, job)])

    def _draw(self, key: int, work: _OpenUnit) -> Request:
        settings = self._settings
        sampling = Sampling(
            max_tokens=self._room(work.prompt),
            temperature=settings.temperature,
            top_p=settings.top_p,
            top_k=settings.top_k,
            stop=settings.stop,
            seed=None if settings.seed is None else _seed(settings.seed, work.unit),
            top_logprobs=self._top_logprobs,
        )
        return Request(key, work.prompt, sampling, work.unit.count)

    def _probe(self, key: int, job: _Job) -> Request:
        probing = self._settings.probing
        tokens = job.work.branches[job.branch].tokens[: job.tokens].tolist()
        sampling = Sampling(max_tokens=probing.max_tokens, temperature=0.0, stop=probing.stop)
        return Request(key, (*job.work.prompt, *tokens, *job.suffix), sampling)

    def _drawn(self, work: _OpenUnit, result: Result) -> None:
        """The branches of a unit are there: line up their probes."""
        work.usage.prompt += result.prompt_tokens * len(result.completions)
        for number, completion in enumerate(result.completions):
            work.usage.generated += len(completion.tokens)
            branch = self._branch(completion, self._probes.begin(work.prompt))
            work.branches.append(branch)
            for tokens, digest, suffix in reversed(branch.prefixes):
                if digest not in work.awaited:
                    work.awaited.add(digest)
                    self._to_probe.append(_Job(work, number, tokens, digest, suffix))

    def _branch(self, completion: Completion, prefix: Prefix) -> _Branch:
        length, interval = len(completion.tokens), self._settings.interval
        in_reasoning = prefix.is_open
        ends = list(range(interval, length, interval))
        signals = interval_signals(completion, len(ends), interval)
        if completion.finish_reason == "length":
            ends.append(length)
        hashed, start, prefixes = hashlib.blake2b(digest_size=16), 0, []
        for end in ends:
            hashed.update(completion.tokens[start:end].tobytes())
            prefixes.append((end, hashed.digest(), prefix.read(completion.tokens[start:end])))
            start = end
        return _Branch(completion.tokens, completion.text, completion.finish_reason, prefixes, signals, in_reasoning)

    def _probed(self, job: _Job, result: Result) -> None:
        (completion,) = result.completions
        usage = job.work.usage
        usage.prefix += result.prompt_tokens
        if result.cached_tokens is not None:
            usage.told += result.prompt_tokens
            usage.cached += result.cached_tokens
        usage.probe += len(completion.tokens)
        suffix, question = self._settings.probing.suffix, job.work.unit.question.question
        forced = read_forced(completion, question, suffix, self._reader, self._backend.tokenizer)
        job.work.answers[job.digest] = forced
        job.work.awaited.remove(job.digest)

    def _failed(self, job: _Job, reason: str) -> None:
        if job.tries < TRIES:
            self._suspects.append(replace(job, tries=job.tries + 1))
        else:
            what = "its branches" if job.draws else f"the probe after {job.tokens} tokens of a branch"
            job.work.error = f"{what} failed {TRIES} times, the last time because {reason}"

    def _closed(self, work: _OpenUnit) -> UnitResult:
        branches = () if work.error else tuple(self._recorded(work, branch) for branch in work.branches)
        return UnitResult(work.unit, branches, work.usage, work.error)

    def _recorded(self, work: _OpenUnit, branch: _Branch) -> RecordedBranch:
        probes = [work.answers[digest] for _, digest, _ in branch.prefixes]
        found = self._reader.branch(THINK * branch.in_reasoning + branch.text)
        final, marker = found.answer, found.marker
        if branch.is_cut_off:
            forced = probes.pop()
            if final is None and forced.answer is not None:
                final, marker = forced.answer, FORCED
        signals = branch.signals | {"answer_logprob": [probe.logprob for probe in probes]}
        return RecordedBranch(
            tokens=max(1, len(branch.tokens)),  # Not every backend tells of the token that ended the branch.
            probe_answers=[probe.answer for probe in probes],
            final_answer=final,
            marker=marker,
            finish_reason=branch.finish_reason,
            signals={name: signals[name] for name in self.signals},
            probe_text=[probe.text for probe in probes],
            probe_tokens=[probe.tokens for probe in probes],
            text=branch.text if self._settings.keep_text else None,
            in_reasoning=branch.in_reasoning,
        )


def _next(jobs: deque[_Job]) -> _Job | None:
    """The first of ``jobs`` whose unit has not failed meanwhile."""
    while jobs:
        job = jobs.popleft()
        if job.work.error is None:
            return job
    return None


def _seed(seed: int, unit: WorkUnit) -> int:
    """A seed of its own for each unit."""
    return int.from_bytes(hashlib.sha256(f"{seed} {unit.name}".encode()).digest()[:4], "big")
