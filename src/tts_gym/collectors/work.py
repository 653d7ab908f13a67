"""What a collector has at work: units, branches of theirs that were drawn, and the requests that are made for them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

from tts_gym.collectors.forced import ForcedAnswer
from tts_gym.collectors.growing_signals import GrowingSignals
from tts_gym.collectors.prompts import Prefix
from tts_gym.collectors.units import TokenUsage, UnitResult, WorkUnit
from tts_gym.datasets.schema import RecordedBranch
from tts_gym.llm.backend import Completion, Delta


@dataclass(eq=False)
class DrawnBranch:
    """A branch that was drawn, until the answers on its way are known.

    Attributes:
        number: its number.
        ids: token ids of the prompt and the branch, which the prompts of all probes share.
        length: its tokens.
        text: what they say.
        finish_reason: why it ended.
        signals: the signals of its intervals, those that it has no interval for left out.
        in_reasoning: whether it begins within the reasoning.
        prefixes: length in tokens, digest and suffix of each prefix that is probed, shortest first.
        awaited: digests of those that were not answered yet.
    """

    number: int
    ids: tuple[int, ...]
    length: int
    text: str
    finish_reason: str
    signals: dict[str, list[float]]
    in_reasoning: bool
    prefixes: list[tuple[int, bytes, tuple[int, ...]]]
    awaited: set[bytes]

    @classmethod
    def of(
        cls,
        number: int,
        prompt: Sequence[int],
        drawn: Completion,
        signals: GrowingSignals,
        interval: int,
        prefix: Prefix,
    ) -> DrawnBranch:
        """A branch that has just ended.

        Args:
            number: its number.
            prompt: token ids that it continues.
            drawn: the branch.
            signals: what was found out of its intervals.
            interval: tokens between two probes (Δ).
            prefix: that of a branch without tokens.
        """
        in_reasoning = prefix.is_open
        length = len(drawn.tokens)
        ends = list(range(interval, length, interval))
        known = {name: values[: len(ends)] for name, values in signals.values.items()}
        if drawn.finish_reason == "length":
            ends.append(length)
        hashed, start, prefixes = hashlib.blake2b(digest_size=16), 0, []
        for end in ends:
            hashed.update(drawn.tokens[start:end].tobytes())
            prefixes.append((end, hashed.digest(), prefix.read(drawn.tokens[start:end])))
            start = end
        ids = (*prompt, *drawn.tokens.tolist())
        awaited = {digest for _, digest, _ in prefixes}
        return cls(number, ids, length, drawn.text, drawn.finish_reason, known, in_reasoning, prefixes, awaited)

    @property
    def is_cut_off(self) -> bool:
        """Whether it ran into the limit; then the last prefix is all of it."""
        return self.finish_reason == "length"

    def prefix(self, tokens: int) -> tuple[int, ...]:
        """Token ids of the prompt and the first tokens of the branch."""
        return self.ids[: len(self.ids) - self.length + tokens]


@dataclass(eq=False)
class OpenUnit:
    """A unit at work.

    Attributes:
        unit: the unit.
        prompt: token ids that its branches continue.
        waiting: branches that were drawn and wait for answers.
        asked: digests of the prefixes that were lined up to be probed.
        answers: what was answered after each prefix, by digest.
        usage: tokens spent since its last result.
        error: why it failed.
    """

    unit: WorkUnit
    prompt: tuple[int, ...]
    waiting: list[DrawnBranch] = field(default_factory=list)
    asked: set[bytes] = field(default_factory=set)
    answers: dict[bytes, ForcedAnswer] = field(default_factory=dict)
    usage: TokenUsage = field(default_factory=TokenUsage)
    error: str | None = None

    def take(self, branch: DrawnBranch) -> list[Probe]:
        """Have a branch wait; returns the probes that nobody has lined up, the longest prefix first."""
        branch.awaited -= self.answers.keys()
        self.waiting.append(branch)
        new = [prefix for prefix in reversed(branch.prefixes) if prefix[1] not in self.asked]
        self.asked.update(digest for _, digest, _ in new)
        return [Probe(self, branch, tokens, digest, suffix) for tokens, digest, suffix in new]

    def answered(self, digest: bytes, answer: ForcedAnswer) -> None:
        """Take what was answered after a prefix.

        Args:
            digest: of the prefix.
            answer: what was answered.
        """
        self.answers[digest] = answer
        for branch in self.waiting:
            branch.awaited.discard(digest)

    def pop_finished(self) -> list[DrawnBranch]:
        """The branches that wait for nothing any more, which are no longer waiting."""
        finished = [branch for branch in self.waiting if not branch.awaited]
        self.waiting = [branch for branch in self.waiting if branch.awaited]
        return finished

    def result(self, branches: dict[int, RecordedBranch]) -> UnitResult:
        """What has come of it since its last result.

        Args:
            branches: finished branches by number.
        """
        usage, self.usage = self.usage, TokenUsage()
        return UnitResult(self.unit, branches, usage, self.error)


@dataclass(eq=False)
class Draw:
    """The request for a branch.

    Attributes:
        work: its unit.
        number: its number.
        interval: tokens between two probes (Δ).
        tries: how often it was made, this time included.
        signals: of the branch so far.
        taken: tokens of it that have come.
    """

    work: OpenUnit
    number: int
    interval: int
    tries: int = 1
    signals: GrowingSignals = field(init=False)
    taken: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        """Begin without tokens."""
        self.signals = GrowingSignals(self.interval)

    def __str__(self) -> str:
        """What it is, for messages."""
        return f"branch {self.number}"

    def take(self, new: Delta | Completion) -> None:
        """Take the tokens that have come since the last call."""
        start, end = self.taken if isinstance(new, Completion) else 0, len(new.tokens)
        if end > start:
            self.taken += end - start
            self.signals.take(new, start, end)


@dataclass(eq=False)
class Score:
    """The request for the log-probabilities of the tokens of a branch that is given.

    Attributes:
        work: the unit of the branch.
        branch: the branch.
        interval: tokens between two probes (Δ).
        tries: how often it was made, this time included.
    """

    work: OpenUnit
    branch: DrawnBranch
    interval: int
    tries: int = 1

    def __str__(self) -> str:
        """What it is, for messages."""
        return f"the scores of branch {self.branch.number}"

    @property
    def tokens(self) -> int:
        """Tokens that are scored, those of whole intervals before a probe."""
        return self.interval * (len(self.branch.prefixes) - self.branch.is_cut_off)

    def take(self, scored: Completion) -> None:
        """Take the tokens as they are scored."""
        signals = GrowingSignals(self.interval)
        signals.take(scored, 0, self.tokens)
        self.branch.signals = signals.values


@dataclass(eq=False)
class Probe:
    """The request for an answer on the way.

    Attributes:
        work: the unit of the branch.
        branch: the branch.
        tokens: tokens of it before the answer.
        digest: of these tokens.
        suffix: what forces the answer.
        tries: how often it was made, this time included.
    """

    work: OpenUnit
    branch: DrawnBranch
    tokens: int
    digest: bytes
    suffix: tuple[int, ...]
    tries: int = 1

    def __str__(self) -> str:
        """What it is, for messages."""
        return f"the probe after {self.tokens} tokens of branch {self.branch.number}"
