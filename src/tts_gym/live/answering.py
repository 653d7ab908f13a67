"""Answering questions with a controller on a running model, many at once."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import Any

from tts_gym.agents.controller import Controller
from tts_gym.collectors.questions import Question
from tts_gym.datasets.schema import RecordedQuestion
from tts_gym.datasets.store import INVALID_TEXT
from tts_gym.episode.recount import log_of
from tts_gym.episode.rules import EpisodeRules
from tts_gym.episode.state import COMPLETED, NO_BUDGET, PROBE_COST, PROBES, SEQUENTIAL, TOKENS, WIDTH
from tts_gym.episode.votes import ACTIVE, ALL, FINISHED
from tts_gym.errors import LiveError, TTSGymError
from tts_gym.live.episode import LiveEpisode
from tts_gym.live.model import LiveModel
from tts_gym.live.question import EpisodeEnded, LiveQuestion
from tts_gym.live.record import recorded_question


@dataclass(frozen=True)
class Answer:
    """What a question came to. Tokens are of three kinds, which are counted apart (design, 10).

    Attributes:
        id: that of the question.
        answer: text of the answer; None for none.
        text: what the branch says that was the first to end with the answer; None where none did.
        tokens: tokens charged: what a replay of the same branches would have cost.
        sequential_tokens: tokens on the critical path.
        width: branches opened.
        probes: answers looked at on the way.
        generated: tokens of the branches, with those beyond the controller's reach.
        overrun: those of them that were not charged.
        forced: tokens of the forced answers.
        prompt: tokens of the prompts and prefixes of all requests that finished, or were cancelled as they generated.
        cached: those of them that were found in the prefix cache; None where the backend does not tell.
        requests: requests made.
        seconds: from the question to its answer.
        decisions: the log of the episode, see ``episode.actions``.
        ended: "deadline" where that came first, and the answer is the best so far.
        error: why there is no answer.
    """

    id: str
    answer: str | None = None
    text: str | None = None
    tokens: int = 0
    sequential_tokens: int = 0
    width: int = 0
    probes: int = 0
    generated: int = 0
    overrun: int = 0
    forced: int = 0
    prompt: int = 0
    cached: int | None = None
    requests: int = 0
    seconds: float = 0.0
    decisions: tuple[int, ...] = ()
    ended: str | None = None
    error: str | None = None


@dataclass(frozen=True)
class Solving:
    """How questions are answered.

    Attributes:
        controller: decides.
        budget: tokens that a question may spend.
        deadline: seconds after which the best answer so far is given; None for no limit.
        shadow: decides as well once the answer is out, over the same branches, so that more is recorded of them.
        keep_text: whether a record keeps the texts of branches.

    Raises:
        LiveError: an attribute is out of range, or a controller needs the right answer.
    """

    controller: Controller
    budget: int = NO_BUDGET
    deadline: float | None = None
    shadow: Controller | None = None
    keep_text: bool = False

    def __post_init__(self) -> None:
        """Check the attributes."""
        if self.budget < 1:
            raise LiveError(f"budget is {self.budget}: it is a number of tokens above 0.")
        if self.deadline is not None and not self.deadline > 0:
            raise LiveError(f"deadline is {self.deadline}: it is a number of seconds above 0.")
        for controller in filter(None, (self.controller, self.shadow)):
            if controller.upper_bound:
                raise LiveError(f"{controller.name} is no controller but a bound, for which the answer must be known.")

    def check(self, model: LiveModel) -> None:
        """Refuse a model that cannot give what the controllers need.

        Raises:
            LiveError: it lacks a signal, or answers on the way.
        """
        for controller in filter(None, (self.controller, self.shadow)):
            for signal in controller.signals:
                if signal not in model.signals:
                    raise LiveError(f"{controller.name} needs the signal {signal}, which {model.name} does not give.")
            if controller.probes and not model.has_probes:
                raise LiveError(
                    f"{controller.name} looks at answers of branches that go on, which {model.name} cannot be made to "
                    "give: use a controller that reads whole branches, such as asc, or a server with completions."
                )

    def rules(self, controller: Controller) -> EpisodeRules:
        """What an episode of ``controller`` may spend; answers are forced on the way where it looks at them."""
        return EpisodeRules(budget=self.budget, eager=controller.probes)


@dataclass(frozen=True)
class Solved:
    """A question with its answer and, where there is one and any branch was opened, its record."""

    question: Question
    answer: Answer
    record: RecordedQuestion | None


def answer_all(
    questions: Iterable[Question], solving: Solving, model: LiveModel, at_once: int = 64
) -> Generator[Solved]:
    """Answer questions, each in an episode of its own.

    Args:
        questions: taken one by one as there is room; their gold answers are not looked at.
        solving: how they are answered.
        model: what generates.
        at_once: questions at a time.

    Yields:
        What each came to, in the order in which they are done. One that cannot be answered has a reason.

    Raises:
        LiveError: the model cannot give what the controllers need.
    """
    solving.check(model)
    open_questions = _OpenQuestions()
    waiting = iter(questions)
    with ThreadPoolExecutor(at_once, "question") as threads:
        running: set[Future[Solved]] = set()
        try:
            while True:
                for question in islice(waiting, at_once - len(running)):
                    running.add(threads.submit(_solve, question, solving, model, open_questions))
                if not running:
                    return
                done, running = wait(running, return_when=FIRST_COMPLETED)
                for each in done:
                    yield each.result()
        finally:
            open_questions.end()


def answer_question(live: LiveQuestion, solving: Solving) -> Answer:
    """Answer a question that was put to a model; what still runs is cancelled then.

    Args:
        live: the question.
        solving: how it is answered.

    Raises:
        TTSGymError: the controller or the model fails.
    """
    start = time.monotonic()
    episode = LiveEpisode(live, solving.rules(solving.controller))
    try:
        text = solving.controller.answer(episode, live.classes.texts)
    except EpisodeEnded:
        text = _best(episode)
    finally:
        live.stop()
    return _answer(episode, text, time.monotonic() - start)


class _OpenQuestions:
    """The questions at work, which can be ended together, those that come after included."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: set[LiveQuestion] = set()
        self._ended = False

    def add(self, live: LiveQuestion) -> None:
        with self._lock:
            self._open.add(live)
            ended = self._ended
        if ended:
            live.end("interrupted")

    def discard(self, live: LiveQuestion) -> None:
        with self._lock:
            self._open.discard(live)

    def end(self) -> None:
        with self._lock:
            self._ended = True
            left = list(self._open)
        for live in left:
            live.end("interrupted")


def _solve(question: Question, solving: Solving, model: LiveModel, open_questions: _OpenQuestions) -> Solved:
    start = time.monotonic()
    try:
        live = model.put(question, solving.deadline)
    except TTSGymError as error:
        return Solved(question, Answer(question.id, error=str(error)), None)
    open_questions.add(live)
    try:
        answer = answer_question(live, solving)
        if solving.shadow is not None and live.ended is None:
            with suppress(TTSGymError):  # The answer is out, and what was drawn is recorded.
                answer_question(live, Solving(solving.shadow))
        return Solved(question, answer, recorded_question(live, solving.keep_text))
    except TTSGymError as error:
        return Solved(question, Answer(question.id, seconds=time.monotonic() - start, error=str(error)), None)
    finally:
        open_questions.discard(live)


def _best(episode: LiveEpisode) -> str | None:
    """The answer that leads among finished branches, else among those that go on, else among all."""
    counted: Any = episode
    leaders = (counted.leader(pool) for pool in (FINISHED, ACTIVE, ALL))
    found: list[int] = [counted.class_of[leader] for leader in leaders if leader >= 0]
    return episode.question.classes.texts[found[0]] if found else None


def _answer(episode: LiveEpisode, text: str | None, seconds: float) -> Answer:
    live, count, spent = episode.question, episode.count, episode.question.spent
    answer = None if text == INVALID_TEXT else text
    of_branches = int(count[TOKENS] - episode.setup[PROBE_COST] * count[PROBES])
    return Answer(
        id=live.asked.id,
        answer=answer,
        text=_text_of(episode, answer),
        tokens=int(count[TOKENS]),
        sequential_tokens=int(count[SEQUENTIAL]),
        width=count[WIDTH],
        probes=count[PROBES],
        generated=spent.generated,
        overrun=max(0, spent.generated - of_branches),
        forced=spent.forced,
        prompt=spent.prompt,
        cached=spent.cached if spent.told else None,
        requests=spent.requests,
        seconds=seconds,
        decisions=tuple(log_of(episode)),
        ended=live.ended,
    )


def _text_of(episode: LiveEpisode, answer: str | None) -> str | None:
    """The text of the first branch that ended with ``answer``."""
    live, ended = episode.question, episode.completions[: episode.count[COMPLETED]]
    said = {live.classes.texts[episode.class_of[episode.codes[i]]]: live.branches[i].text for i in reversed(ended)}
    return None if answer is None else said.get(answer)
