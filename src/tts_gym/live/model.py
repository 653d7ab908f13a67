"""A running model that questions are put to, many at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tts_gym.answers.equivalence import Equivalence
from tts_gym.answers.reader import AnswerReader, answer_reader
from tts_gym.collectors.prompts import ProbePrompts, conversation, lost_marks, prompt_tokens
from tts_gym.collectors.questions import Question
from tts_gym.collectors.signals import recordable_signals
from tts_gym.errors import LiveError
from tts_gym.live.branch import Source
from tts_gym.live.classes import GrowingClasses
from tts_gym.live.engine import Conversation, Engine, Prompt
from tts_gym.live.question import LiveQuestion
from tts_gym.live.reading import AnswersOf
from tts_gym.live.settings import LiveSettings
from tts_gym.llm.backend import Backend


@dataclass(frozen=True)
class LiveModel:
    """A model, how it is asked, and how its answers are read; see ``live_model``.

    Attributes:
        engine: the model.
        settings: how it is asked.
        prompts: makes the prompts of probes.
        reader: finds answers in texts.
        same: whether two answers are the same; the second one tells what kind is asked for.
        signals: names of the signals that episodes record.
    """

    engine: Engine
    settings: LiveSettings
    prompts: ProbePrompts
    reader: AnswerReader
    same: Callable[[str, str], bool]
    signals: tuple[str, ...]

    @property
    def name(self) -> str:
        """Name or path of the model."""
        return self.engine.backend.model

    @property
    def has_probes(self) -> bool:
        """Whether answers can be forced before a branch ends."""
        return self.engine.backend.signals.probes

    def put(self, question: Question, deadline: float | None = None) -> LiveQuestion:
        """Put a question to the model; nothing is drawn yet.

        Args:
            question: what is asked; its gold answer is not looked at.
            deadline: seconds from now on after which it ends; None for no limit.

        Raises:
            LiveError: the question leaves no room for an answer.
        """
        prompting, tokenizer = self.settings.drawn.prompting, self.engine.backend.tokenizer
        prompt: Prompt = Conversation(tuple(conversation(question, prompting)), prompting.arguments)
        if self.has_probes:
            prompt = prompt_tokens(question, prompting, tokenizer)
        return self.begin(question, prompt, deadline)

    def begin(self, question: Question, prompt: Prompt, deadline: float | None = None) -> LiveQuestion:
        """Have a prompt gone on with; nothing is drawn yet.

        Args:
            question: what is asked; its text tells what a forced answer may look like.
            prompt: what every branch continues.
            deadline: seconds from now on after which it ends; None for no limit.

        Raises:
            LiveError: the prompt leaves no room for an answer.
        """
        drawn, backend = self.settings.drawn, self.engine.backend
        room, in_reasoning = drawn.max_tokens, False
        if not isinstance(prompt, Conversation):
            in_reasoning = self.prompts.is_open(prompt)
            if backend.context is not None:
                room = min(room, backend.context - len(prompt) - self.prompts.longest - drawn.probing.max_tokens)
            if room < 1:
                raise LiveError(f"Question {question.id!r} has {len(prompt)} tokens and leaves no room in the context.")
        answers = AnswersOf(
            question.question, self.reader, backend.tokenizer, drawn.probing.suffix, self.signals, in_reasoning
        )
        source = Source(self.engine, self.settings, self.prompts, prompt, room)
        return LiveQuestion(question, source, answers, GrowingClasses(self.same), deadline)


@contextmanager
def live_model(backend: Backend, settings: LiveSettings, concurrency: int = 256) -> Iterator[LiveModel]:
    """Put a backend to work for live episodes.

    Args:
        backend: the model; it is not closed.
        settings: how it is asked.
        concurrency: most requests at a time.

    Raises:
        LiveError: the backend cannot give what the settings ask for.
        AnswerError: there is no such rule of answers.
    """
    drawn = settings.drawn
    if drawn.seed is not None and not backend.signals.seeds:
        raise LiveError(f"{backend.model} runs where draws cannot be seeded: leave the seed out.")
    prompts = ProbePrompts(drawn.probing, backend.tokenizer)
    if backend.signals.probes and (lost := lost_marks(prompts, backend)):
        raise LiveError(lost)
    with answer_reader(drawn.answers, drawn.probing.marks) as reader, Equivalence() as equivalence:
        engine = Engine(backend, concurrency)
        try:
            signals = recordable_signals(backend.signals, drawn.top_logprobs)
            yield LiveModel(engine, settings, prompts, reader, equivalence.same, signals)
        finally:
            engine.close()
