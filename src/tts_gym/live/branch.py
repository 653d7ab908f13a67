"""A branch that a model is writing, and the answers that it is made to give on the way.

What comes from the model is taken in by the engine's thread; whoever waits for it is notified.
"""

from __future__ import annotations

import threading
from array import array
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial

from tts_gym.collectors.growing_signals import GrowingSignals
from tts_gym.collectors.prompts import ProbePrompts
from tts_gym.errors import BackendError, LiveError
from tts_gym.live.engine import Conversation, Engine, Prompt, Ticket
from tts_gym.live.settings import LiveSettings
from tts_gym.llm.backend import Completion, Delta, Result, Sampling

TRIES = 3
"""How often a request is made before its episode fails."""


@dataclass
class Spent:
    """Tokens that an episode took, whatever its controller was charged.

    Attributes:
        generated: tokens of the branches, with those beyond the controller's reach.
        forced: tokens of the forced answers.
        prompt: tokens of the prompts and prefixes of all requests that finished, or were cancelled as they generated.
        told: those of them of which the backend told whether they were in the prefix cache.
        cached: those of them that were.
        requests: requests made.
    """

    generated: int = 0
    forced: int = 0
    prompt: int = 0
    told: int = 0
    cached: int = 0
    requests: int = 0

    def add_prompt(self, result: Result) -> None:
        """Count the prompt of a request that has finished."""
        self.prompt += result.prompt_tokens
        if result.cached_tokens is not None:
            self.told += result.prompt_tokens
            self.cached += result.cached_tokens


@dataclass(frozen=True)
class Source:
    """What the branches of an episode are drawn from.

    Attributes:
        engine: the model.
        settings: how they are drawn.
        prompts: makes the prompts of probes.
        prompt: what every branch continues; of a conversation, branches are drawn in one request each, without pauses.
        room: most tokens of a branch.
    """

    engine: Engine
    settings: LiveSettings
    prompts: ProbePrompts
    prompt: Prompt
    room: int

    @property
    def probes(self) -> bool:
        """Whether a branch can be gone on with from any token, so that answers can be forced on the way."""
        return not isinstance(self.prompt, Conversation)

    def prefix(self, tokens: Sequence[int]) -> tuple[int, ...]:
        """Token ids of the prompt with the first tokens of a branch."""
        assert not isinstance(self.prompt, Conversation)
        return (*self.prompt, *tokens)


@dataclass(eq=False)
class LiveBranch:
    """A branch and its probes.

    Attributes:
        source: what it is drawn from.
        number: its number in the episode.
        changed: guards it, and is notified when something has come.
        spent: what the episode took.
        tokens: its token ids so far.
        text: what they say, once it has ended.
        finish_reason: why it ended; None while it has not.
        forced: what it said when it was made to answer, by depth in intervals.
        error: why it cannot go on.
    """

    source: Source
    number: int
    changed: threading.Condition
    spent: Spent
    tokens: array[int] = field(default_factory=lambda: array("i"))
    text: str = ""
    finish_reason: str | None = None
    forced: dict[int, Completion] = field(default_factory=dict)
    error: str | None = None
    _wanted: int = 0
    _asked: set[int] = field(default_factory=set)
    _drawing: Ticket | None = None
    _probing: dict[int, Ticket] = field(default_factory=dict)
    _goes_on: bool = False
    _from: int = 0
    _tries: int = 0

    def __post_init__(self) -> None:
        """Begin without signals and probes."""
        self._signals = GrowingSignals(self.source.settings.drawn.interval)
        self._suffixes: list[tuple[int, ...]] = []
        if self.source.probes:
            self._prefix = self.source.prompts.begin(self.source.prefix(()))

    @property
    def signals(self) -> dict[str, list[float]]:
        """Of its whole intervals so far, by name."""
        return self._signals.values

    @property
    def ended(self) -> bool:
        """Whether the model has come to its end, or to the longest that a branch may be."""
        return self.finish_reason is not None

    @property
    def is_cut_off(self) -> bool:
        """Whether it was ended by its length."""
        return self.finish_reason == "length"

    @property
    def length(self) -> int:
        """Its tokens so far, at least 1 at the end: not every backend tells of the token that ended it."""
        return max(1, len(self.tokens)) if self.ended else len(self.tokens)

    @property
    def intervals(self) -> int:
        """Whole intervals so far after which it goes on."""
        interval = self.source.settings.drawn.interval
        return len(self.tokens) // interval if self._goes_on else max(0, self.length - 1) // interval

    @property
    def last_depth(self) -> int:
        """Advances that finish it; known once it has ended."""
        return self.intervals + 1

    def has_reached(self, depth: int) -> bool:
        """Whether it is written to ``depth``, or ended."""
        return self.ended or self.intervals >= depth

    def has_shown(self, depth: int) -> bool:
        """Whether the answer that replay would reveal at ``depth`` is known."""
        if not self.source.probes:
            return True
        if not self.ended or depth < self.last_depth:
            return depth in self.forced
        return not self.is_cut_off or self.last_depth in self.forced

    def want(self, depth: int, shown: bool) -> None:
        """Have it written further.

        Args:
            depth: how far, in intervals; or to its end, where that comes first.
            shown: whether its answer there is wanted, which is forced where the branch goes on.
        """
        with self.changed:
            self._wanted = max(self._wanted, depth)
            if shown:
                self._asked.add(depth)
            self._go_on()

    def stop(self) -> None:
        """Cancel what is still running."""
        with self.changed:
            running = [ticket for ticket in (self._drawing, *self._probing.values()) if ticket is not None]
            self._count_cancelled()
            self._drawing, self._probing = None, {}
            self._asked.clear()
            self._wanted = 0
        self.source.engine.cancel(*running)

    def _go_on(self) -> None:
        """Draw and probe what is wanted and not there."""
        try:
            if not self.has_reached(self._wanted) and self._drawing is None:
                self._draw()
            for depth in sorted(self._asked):
                if self.has_shown(depth):
                    self._asked.discard(depth)
                elif self.has_reached(depth):
                    self._probe(min(depth, self.last_depth) if self.ended else depth)
        except BackendError as error:
            self.error = str(error)

    def _draw(self) -> None:
        source, drawn = self.source, self.source.settings.drawn
        if self.tokens and not source.probes:
            self.error = "it was given up, and a conversation cannot be gone on with within an answer"
            return
        if len(self.tokens) >= source.room:
            self._finish("length", "", len(self.tokens))
            return
        ahead = source.settings.ahead
        streams = ahead > 0 or not source.probes
        end = source.room if streams else min(source.room, self._wanted * drawn.interval)
        sampling = Sampling(
            max_tokens=end - len(self.tokens),
            temperature=drawn.temperature,
            top_p=drawn.top_p,
            top_k=drawn.top_k,
            stop=drawn.stop,
            seed=None if drawn.seed is None else drawn.seed + (self.number << 20) + len(self.tokens),
            top_logprobs=min(drawn.top_logprobs, source.engine.backend.signals.top_logprobs),
        )
        self._from = len(self.tokens)
        prompt = source.prefix(self.tokens) if source.probes else source.prompt
        self._drawing = self._hand_in(prompt, sampling, self._drawn, streams)

    def _probe(self, depth: int) -> None:
        if depth in self._probing:
            return
        probing, interval = self.source.settings.drawn.probing, self.source.settings.drawn.interval
        for start in range(len(self._suffixes) * interval, depth * interval, interval):
            self._suffixes.append(self._prefix.read(self.tokens[start : start + interval]))
        prompt = (*self.source.prefix(self.tokens[: depth * interval]), *self._suffixes[depth - 1])
        sampling = Sampling(max_tokens=probing.max_tokens, temperature=0.0, stop=probing.stop)
        self._probing[depth] = self._hand_in(prompt, sampling, partial(self._answered, depth), stream=False, first=True)

    def _hand_in(
        self,
        prompt: Prompt,
        sampling: Sampling,
        listener: Callable[[Delta | Result], None],
        stream: bool,
        first: bool = False,
    ) -> Ticket:
        self.spent.requests += 1
        return self.source.engine.submit(prompt, sampling, listener, stream, first)

    @contextmanager
    def _taking_in(self, event: Delta | Result) -> Iterator[None]:
        """What comes of a request is taken in; where that fails the branch does.

        Whoever waits for it is told of whole intervals and results, not of every token.
        """
        with self.changed:
            intervals = self.intervals
            try:
                yield
            except Exception as error:
                self.error = f"what the model gave cannot be taken in: {type(error).__name__}: {error}"
                self.stop()
            if self.error is None:
                self._go_on()
            if self.error is not None or isinstance(event, Result) or self.intervals > intervals:
                self.changed.notify_all()

    def _drawn(self, event: Delta | Result) -> None:
        with self._taking_in(event):
            if self._drawing is None or self._drawing.request.key != event.key:
                return
            if isinstance(event, Delta):
                self._take(event)
                source = self.source
                has_room = source.probes and len(self.tokens) < source.room
                if has_room and self.intervals >= self._wanted + source.settings.ahead:
                    self.source.engine.cancel(self._drawing)
                    self._count_cancelled()
                    self._drawing = None
            else:
                self._drawing = None
                self._end(event)

    def _count_cancelled(self) -> None:
        """Count the prompt of what is being drawn, which is cancelled, if the model has come past it."""
        if self._drawing is not None and len(self.tokens) > self._from:
            request = self._drawing.request
            prompt = request.prompt or self.source.engine.backend.tokenizer.chat(request.messages)
            self.spent.prompt += len(prompt)

    def _end(self, result: Result) -> None:
        """Take what a request for tokens came to."""
        if result.error is not None:
            self._failed(result.error)
            return
        self.spent.add_prompt(result)
        (completion,) = result.completions
        self._tries = 0
        self._take(completion, len(self.tokens) - self._from)
        if completion.finish_reason == "stop" or len(self.tokens) >= self.source.room:
            self._finish(completion.finish_reason, completion.text, self._from)
        else:
            self._goes_on = True

    def _finish(self, reason: str, text: str, start: int) -> None:
        """End it; ``text`` is what it says from token ``start`` on."""
        before, tokenizer = self.tokens[:start], self.source.engine.backend.tokenizer
        self.text = (tokenizer.decode_after(self.source.prefix(()), before) if before else "") + text
        self.finish_reason = reason
        self._goes_on = False

    def _answered(self, depth: int, event: Delta | Result) -> None:
        assert isinstance(event, Result)
        with self._taking_in(event):
            ticket = self._probing.pop(depth, None)
            if ticket is None:
                return
            if event.error is not None:
                self._failed(event.error)
            else:
                self.spent.add_prompt(event)
                self._tries = 0
                (forced,) = event.completions
                self.spent.forced += len(forced.tokens)
                self.forced[depth] = forced

    def _failed(self, reason: str) -> None:
        self._tries += 1
        if not self.source.probes and self.tokens:
            self.error = f"it was broken off, and a conversation cannot be gone on with within an answer: {reason}"
        elif self._tries == TRIES:
            self.error = f"a request failed {TRIES} times, the last time because {reason}"

    def _take(self, new: Delta | Completion, start: int = 0) -> None:
        """Take the tokens that came, from ``start`` on, as far as there is room.

        Where tokens are read back from a text there may be more of them than the model was asked for.
        """
        end = min(len(new.tokens), start + self.source.room - len(self.tokens))
        if end > start:
            self.tokens.extend(new.tokens[start:end].tolist())
            self.spent.generated += end - start
            self._goes_on = False
            self._signals.take(new, start, end)

    def check(self) -> None:
        """Refuse to go on with a branch that cannot.

        Raises:
            LiveError: it failed; the message says why.
        """
        if self.error is not None:
            raise LiveError(f"Branch {self.number} cannot go on: {self.error}.")
