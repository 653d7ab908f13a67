"""Sampling and probing: units of work in, recorded branches out, over one backend that is never left idle.

Each branch is a request of its own, and finished by itself: while it is drawn, log-probabilities are reduced to signals
as they come; as soon as it has ended, its prefixes are probed, the longest first, so that the others find theirs in the
prefix cache, and before further branches are drawn. Prefixes that branches of a unit share are probed once.

Branches may be given in place of drawn ones (``given``); then they are scored, where that is asked for, and probed.

A request that fails is tried again when nothing else runs, so that one that takes the engine down harms no other.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import replace

from tts_gym.answers.reader import AnswerReader
from tts_gym.collectors.errors import CollectionError
from tts_gym.collectors.forced import read_forced
from tts_gym.collectors.given import as_given, given_completion, given_prompt, given_signals
from tts_gym.collectors.growing_signals import GrowingSignals
from tts_gym.collectors.prompts import THINK, ProbePrompts, lost_marks, prompt_tokens
from tts_gym.collectors.settings import CollectionSettings
from tts_gym.collectors.signals import recordable_signals
from tts_gym.collectors.units import UnitResult, WorkUnit
from tts_gym.collectors.work import Draw, DrawnBranch, OpenUnit, Probe, Score
from tts_gym.datasets.schema import MOST_TOKENS, RecordedBranch
from tts_gym.llm.backend import Backend, Delta, Request, Result, Sampling

FORCED = "forced"
"""The mark of a final answer that a branch did not give before it was cut off, and was made to give then."""

TRIES = 3
"""How often a request is made before its unit fails: once beside others, then alone."""

PIECE = 32
"""Tokens of a branch that should come together: log-probabilities of so few are soon reduced, and cheaply."""

Job = Draw | Probe | Score


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
        given = settings.given
        self._scores = given is not None and given.confidences
        if self._scores and not backend.signals.scores:
            raise CollectionError(
                f"{backend.model} gives no log-probabilities of tokens that it did not generate: probe without "
                "confidences, or with the backend vllm or transformers."
            )
        self._backend, self._settings, self._reader, self._concurrency = backend, settings, reader, concurrency
        self._probes = ProbePrompts(settings.probing, backend.tokenizer)
        if lost := lost_marks(self._probes, backend):
            raise CollectionError(lost)
        self._top_logprobs = min(settings.top_logprobs, backend.signals.top_logprobs)
        self._running: dict[int, Job] = {}
        self._next_key = 0
        self._to_draw: deque[Job] = deque()
        self._to_probe: deque[Job] = deque()
        self._suspects: deque[Job] = deque()
        self.signals = (
            recordable_signals(backend.signals, settings.top_logprobs)
            if given is None
            else given_signals(backend.signals, settings.top_logprobs, self._scores)
        )

    def run(self, units: Iterable[WorkUnit]) -> Iterator[UnitResult]:
        """Work on ``units``, taken one by one as there is room; yield each branch when it is finished.

        A unit of which a request fails for good has failed: the rest of it is given up.
        """
        waiting = iter(units)
        while True:
            yield from self._fill(waiting)
            if not self._running:
                return
            for event in self._backend.arrived():
                yield from self._take(event)

    def _fill(self, waiting: Iterator[WorkUnit]) -> Iterator[UnitResult]:
        """Give the backend what there is room for; yield units that cannot even begin."""
        if self._suspects:
            if not self._running and (suspect := _next(self._suspects)):
                self._submit(suspect)
            if self._running:
                return
        while len(self._running) < self._concurrency:
            if job := _next(self._to_probe) or _next(self._to_draw):
                self._submit(job)
                continue
            unit = next(waiting, None)
            if unit is None:
                return
            work = OpenUnit(unit, prompt_tokens(unit.question, self._settings.prompting, self._backend.tokenizer))
            if unit.given:
                yield from self._give(work)
            elif self._room(work.prompt) < 1:
                reason = f"its prompt of {len(work.prompt)} tokens leaves no room in the context of the model"
                yield UnitResult(unit, {}, work.usage, reason, is_hopeless=True)
            else:
                self._to_draw += [Draw(work, number, self._settings.interval) for number in unit.missing]

    def _take(self, event: Delta | Result) -> Iterator[UnitResult]:
        """Take what has come of a request; yield what is finished by it, or has failed."""
        if isinstance(event, Delta):
            if isinstance(draw := self._running.get(event.key), Draw):
                draw.take(event)
            return
        job = self._running.pop(event.key, None)
        if job is None:
            return  # It was cancelled.
        if event.error is not None:
            yield from self._failed(job, event.error)
            return
        if isinstance(job, Draw):
            self._drawn(job, event)
        elif isinstance(job, Score):
            self._scored(job, event)
        else:
            self._probed(job, event)
        yield from self._finished(job.work)

    def _finished(self, work: OpenUnit) -> Iterator[UnitResult]:
        for branch in work.pop_finished():
            yield work.result({branch.number: self._recorded(work, branch)})

    def _give(self, work: OpenUnit) -> Iterator[UnitResult]:
        """Take the branches that are given for a unit; yield those without probes, or the unit if one is too long."""
        unit, tokenizer, interval = work.unit, self._backend.tokenizer, self._settings.interval
        work.prompt = given_prompt(work.prompt, unit.given, self._probes, tokenizer)
        branches = []
        for number in unit.missing:
            completion = given_completion(unit.given[number - unit.first], work.prompt, tokenizer)
            signals, prefix = GrowingSignals(interval), self._probes.begin(work.prompt)
            branches.append(DrawnBranch.of(number, work.prompt, completion, signals, interval, prefix))
        longest = max((end for branch in branches for end, *_ in branch.prefixes), default=0)
        if longest > self._left(work.prompt):
            reason = (
                f"with its prompt of {len(work.prompt)} tokens and a probe, a branch of {longest} tokens exceeds the "
                f"context of {self._backend.context}"
            )
            yield UnitResult(unit, {}, work.usage, reason, is_hopeless=True)
            return
        for branch in branches:
            score = Score(work, branch, interval)
            self._to_probe += [score] if self._scores and score.tokens else work.take(branch)
        yield from self._finished(work)

    def _scored(self, score: Score, result: Result) -> None:
        """A branch is scored, and so in the prefix cache: line up its probes."""
        (completion,) = result.completions
        score.take(completion)
        score.work.usage.prompt += result.prompt_tokens
        self._to_probe += score.work.take(score.branch)

    def _room(self, prompt: tuple[int, ...]) -> int:
        """Most tokens of a branch that is drawn."""
        return min(self._settings.max_tokens, self._left(prompt))

    def _left(self, prompt: tuple[int, ...]) -> int:
        """Tokens of a branch that fit into the context with its prompt and its probe."""
        if self._backend.context is None:
            return MOST_TOKENS
        return self._backend.context - len(prompt) - self._probes.longest - self._settings.probing.max_tokens

    def _submit(self, job: Job) -> None:
        key = self._next_key
        self._next_key += 1
        self._running[key] = job
        self._backend.submit([self._request(key, job)])

    def _request(self, key: int, job: Job) -> Request:
        if isinstance(job, Draw):
            return self._draw(key, job)
        if isinstance(job, Probe):
            return self._probe(key, job)
        ids = job.branch.prefix(job.tokens)
        return Request(key, ids, Sampling(1, 0.0, top_logprobs=self._top_logprobs), scored=job.tokens)

    def _draw(self, key: int, draw: Draw) -> Request:
        settings = self._settings
        sampling = Sampling(
            max_tokens=self._room(draw.work.prompt),
            temperature=settings.temperature,
            top_p=settings.top_p,
            top_k=settings.top_k,
            stop=settings.stop,
            seed=None if settings.seed is None else branch_seed(settings.seed, draw.work.unit.key, draw.number),
            top_logprobs=self._top_logprobs,
        )
        return Request(key, draw.work.prompt, sampling, stream=bool(self.signals), piece=PIECE)

    def _probe(self, key: int, probe: Probe) -> Request:
        probing = self._settings.probing
        sampling = Sampling(max_tokens=probing.max_tokens, temperature=0.0, stop=probing.stop)
        return Request(key, (*probe.branch.prefix(probe.tokens), *probe.suffix), sampling)

    def _drawn(self, draw: Draw, result: Result) -> None:
        """A branch has ended: line up its probes."""
        (completion,) = result.completions
        work = draw.work
        draw.take(completion)
        work.usage.prompt += result.prompt_tokens
        work.usage.generated += len(completion.tokens)
        prefix, interval = self._probes.begin(work.prompt), self._settings.interval
        branch = DrawnBranch.of(draw.number, work.prompt, completion, draw.signals, interval, prefix)
        self._to_probe += work.take(branch)

    def _probed(self, probe: Probe, result: Result) -> None:
        (completion,) = result.completions
        work = probe.work
        work.usage.prefix += result.prompt_tokens
        if result.cached_tokens is not None:
            work.usage.told += result.prompt_tokens
            work.usage.cached += result.cached_tokens
        work.usage.probe += len(completion.tokens)
        suffix, question = self._settings.probing.suffix, work.unit.question.question
        work.answered(probe.digest, read_forced(completion, question, suffix, self._reader, self._backend.tokenizer))

    def _failed(self, job: Job, reason: str) -> Iterator[UnitResult]:
        if job.tries < TRIES:
            self._suspects.appendleft(replace(job, tries=job.tries + 1))
            return
        job.work.error = f"{job} failed {TRIES} times, the last time because {reason}"
        useless = [key for key, other in self._running.items() if other.work is job.work]
        for key in useless:
            del self._running[key]
        self._backend.cancel(useless)
        yield job.work.result({})

    def _recorded(self, work: OpenUnit, branch: DrawnBranch) -> RecordedBranch:
        given = work.unit.given[branch.number - work.unit.first] if work.unit.given else None
        in_reasoning = given.in_reasoning if given else branch.in_reasoning
        probes = [work.answers[digest] for _, digest, _ in branch.prefixes]
        found = self._reader.branch(THINK * in_reasoning + branch.text)
        final, marker = found.answer, found.marker
        if branch.is_cut_off:
            forced = probes.pop()
            if final is None and forced.answer is not None:
                final, marker = forced.answer, FORCED
        signals = branch.signals | {"answer_logprob": [probe.logprob for probe in probes]}
        recorded = RecordedBranch(
            tokens=max(1, branch.length),  # Not every backend tells of the token that ended the branch.
            probe_answers=[probe.answer for probe in probes],
            final_answer=final,
            marker=marker,
            finish_reason=branch.finish_reason,
            signals={name: signals.get(name, []) for name in self.signals},
            probe_text=[probe.text for probe in probes],
            probe_tokens=[probe.tokens for probe in probes],
            text=branch.text if self._settings.keep_text else None,
            in_reasoning=in_reasoning,
        )
        return as_given(recorded, given) if given else recorded


def _next(jobs: deque[Job]) -> Job | None:
    """The first of ``jobs`` whose unit has not failed meanwhile."""
    while jobs:
        job = jobs.popleft()
        if job.work.error is None:
            return job
    return None


def branch_seed(seed: int, key: str, number: int) -> int:
    """A seed of its own for each branch.

    Args:
        seed: that of the collection.
        key: of the question, see ``WorkUnit``.
        number: of the branch.
    """
    return int.from_bytes(hashlib.sha256(f"{seed} {key}-{number:05d}".encode()).digest()[:4], "big")
