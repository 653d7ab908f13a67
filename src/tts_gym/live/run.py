"""A run: questions answered by a controller on a running model, kept in a file, and recorded if asked for."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tts_gym.agents.specs import label
from tts_gym.collectors.questions import Question
from tts_gym.collectors.settings import digest
from tts_gym.collectors.tasks import TaskScorer
from tts_gym.errors import LiveError
from tts_gym.files import locked
from tts_gym.live.answer_file import AnswerFile, lines_of
from tts_gym.live.answering import Answer, Solving, answer_all
from tts_gym.live.model import LiveModel
from tts_gym.live.recording import Recording

_log = logging.getLogger(__name__)


@dataclass
class RunProgress:
    """How far a run has come.

    Attributes:
        questions: all questions.
        kept: those that were answered before.
        done: those answered since.
        failed: those that have a reason instead of an answer.
        generated: tokens generated since, with those of forced answers.
        start: when it began, by ``time.monotonic``.
    """

    questions: int
    kept: int = 0
    done: int = 0
    failed: int = 0
    generated: int = 0
    start: float = field(default_factory=time.monotonic)

    @property
    def seconds(self) -> float:
        """Seconds since it began."""
        return time.monotonic() - self.start


def run(
    questions: Sequence[Question],
    solving: Solving,
    model: LiveModel,
    out: Path | None = None,
    record: Path | None = None,
    at_once: int = 64,
    fresh: bool = False,
    watch: Callable[[RunProgress], None] = lambda progress: None,
) -> list[dict[str, Any]]:
    """Answer questions; those that are answered in the file already are not asked again.

    Args:
        questions: the questions; where there is a gold answer, it tells afterwards what is right.
        solving: how they are answered.
        model: what generates.
        out: file of the answers, a line each; None keeps none.
        record: where to write the run as a replay store.
        at_once: questions at a time.
        fresh: begin anew.
        watch: is told how far the run has come.

    Returns:
        A row a question, in their order: that of ``Answer`` with "question", "gold", "correct", which is None where no
        gold answer is known, "controller" and "model".

    Raises:
        LiveError: the model cannot give what the controller needs, or a file is of another run.
        OSError: a file cannot be written.
    """
    solving.check(model)
    identity = _identity(solving, model)
    with _alone(out, record):
        kept = None if out is None else AnswerFile(out, identity, fresh)
        known = {} if kept is None else kept.rows
        rows = {each.id: known[each.id] for each in questions if _is_known(each, known)}
        left = [question for question in questions if question.id not in rows]
        # A run that is done and recorded is left as it is.
        recording = None if record is None or (record.exists() and not left) else Recording(record, fresh)
        if kept is not None:
            kept.begin()
        _log.info("%d of %d questions are answered already", len(rows), len(questions))
        progress = RunProgress(len(questions), len(rows))
        watch(progress)
        with TaskScorer() as tasks, closing(answer_all(left, solving, model, at_once)) as answered:
            for solved in answered:
                row = _row(solved.question, solved.answer, solving, model, tasks)
                if recording is not None and solved.record is not None:
                    recording.add(solved.record)
                if kept is not None:
                    kept.add(row)
                rows[solved.question.id] = row
                progress.done += solved.answer.error is None
                progress.failed += solved.answer.error is not None
                progress.generated += solved.answer.generated + solved.answer.forced
                watch(progress)
        if recording is not None:
            _log.info("Writing the store %s", record)
            answers = lines_of(identity, (rows[question.id] for question in questions))
            recording.finish(_provenance(solving, model, questions), model.same, answers)
    return [rows[question.id] for question in questions]


@contextmanager
def _alone(*files: Path | None) -> Iterator[None]:
    """Keep other runs from the same files."""
    with ExitStack() as held:
        for file in filter(None, files):
            file.parent.mkdir(parents=True, exist_ok=True)
            busy = LiveError(f"Another run is writing {file}: wait for it, or choose another place.")
            held.enter_context(locked(file.with_name(f".{file.name}.lock"), busy))
        yield


def _is_known(question: Question, rows: Mapping[str, Mapping[str, Any]]) -> bool:
    return question.id in rows and rows[question.id]["question"] == question.question


def _row(question: Question, answer: Answer, solving: Solving, model: LiveModel, tasks: TaskScorer) -> dict[str, Any]:
    correct = None
    if question.gold and answer.error is None:
        correct = answer.answer is not None and _is_right(question, answer.answer, model, tasks)
    told = {
        "question": question.question,
        "gold": question.gold or None,
        "correct": correct,
        "controller": label(solving.controller),
        "model": model.name,
    }
    return json.loads(json.dumps(asdict(answer) | told))  # type: ignore[no-any-return]


def _is_right(question: Question, answer: str, model: LiveModel, tasks: TaskScorer) -> bool:
    if question.scorer is not None:
        return bool(tasks.right(question.scorer, [answer]))
    return model.same(answer, model.reader.gold(question.gold))


def _identity(solving: Solving, model: LiveModel) -> str:
    """Hash of what the answers depend on."""
    drawn = model.settings.drawn.as_dict()
    told = [solving.controller.identity(), solving.budget, solving.deadline, model.settings.ahead, drawn]
    return digest(told)


def _provenance(solving: Solving, model: LiveModel, questions: Sequence[Question]) -> dict[str, Any]:
    drawn = model.settings.drawn
    plain = drawn.as_dict()
    return {
        "name": f"{Path(drawn.model).name}/live",
        "model": drawn.model,
        "benchmark": "live",
        "license": "unknown",
        "interval": drawn.interval,
        "synthetic": False,
        "sampling": {name: plain[name] for name in ("temperature", "top_p", "top_k", "max_tokens", "stop")},
        "seeds": [] if drawn.seed is None else [drawn.seed],
        "live": {
            "settings": plain,
            "ahead": model.settings.ahead,
            "rules": asdict(solving.rules(solving.controller)),
            "gold_by_majority": sum(not question.gold for question in questions),
        },
    }
