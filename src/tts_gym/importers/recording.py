"""From samples to records: answers are read, tokens counted, and what cannot be used is left out and counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from tts_gym.answers.errors import AnswerError
from tts_gym.answers.reader import AnswerReader
from tts_gym.collectors.prompts import THINK
from tts_gym.collectors.questions import Question
from tts_gym.collectors.tasks import TaskScorer, check_question
from tts_gym.datasets.schema import RecordedBranch, RecordedQuestion
from tts_gym.errors import SourceError
from tts_gym.importers.counting import TokenCounter
from tts_gym.importers.samples import Sample, SampledQuestion
from tts_gym.importers.thinking import opened_by_prompt

NO_QUESTION = "questions without a text"
NO_GOLD = "questions without a gold answer"
UNFINDABLE = "questions whose gold answer no answer can equal"
NO_SAMPLES = "questions without samples"
NO_TEXT = "samples without text"
OTHER_MODEL = "samples of other models"
"""What is left out."""

RECORDED = "recorded"
"""Marks answers that the source had found already."""


class Recorder:
    """Makes records of samples.

    Attributes:
        left_out: how much of what was left out.
        markers: final answers by what marked them.
    """

    def __init__(
        self,
        source: str,
        known: Sequence[Question],
        model: str | None,
        interval: int,
        rule: str,
        reader: AnswerReader,
        tasks: TaskScorer,
        counter: TokenCounter,
    ) -> None:
        """Begin.

        Args:
            source: what error messages call the source.
            known: questions that are told beside it.
            model: the only model whose samples are taken; None where the source may hold those of one.
            interval: tokens of an interval (Δ).
            rule: how answers are recognised.
            reader: reads them so.
            tasks: checks gold answers of questions with a scorer.
            counter: counts tokens.
        """
        self.left_out: Counter[str] = Counter()
        self.markers: Counter[str] = Counter()
        self._source, self._wanted, self._interval, self._rule = source, model, interval, rule
        self._reader, self._tasks, self._counter = reader, tasks, counter
        self._by_id = {question.id: question for question in known}
        self._by_text = {question.question.strip(): question for question in known}
        self._models: set[str] = set()
        self._keeps_text: bool | None = None
        self._unfindable: AnswerError | None = None

    @property
    def model(self) -> str:
        """The model that drew the samples."""
        return self._wanted or next(iter(self._models), "unknown")

    def record(self, sampled: SampledQuestion, number: int) -> RecordedQuestion | None:
        """The record of a question; None where it has none of what a store needs.

        Args:
            sampled: the question with its samples.
            number: its place in the source, which names it where nothing else does.

        Raises:
            SourceError: it has samples of several models.
        """
        told = self._told(sampled)
        name = str(number) if sampled.id is None else sampled.id
        question, gold, scorer = sampled.question, sampled.gold, None
        if told is not None:
            name, question, scorer = told.id, question or told.question, told.scorer
            gold = gold or tuple(filter(None, [told.gold]))
        if not question or not question.strip():
            self.left_out[NO_QUESTION] += 1
            return None
        if not gold:
            self.left_out[NO_GOLD] += 1
            return None
        try:
            right = [check_question(name, text, scorer, self._rule, self._tasks) for text in gold]
        except AnswerError as error:
            self._unfindable = self._unfindable or error
            self.left_out[UNFINDABLE] += 1
            return None
        branches = self._branches(sampled.samples, f"{self._source}, question {name!r}")
        if not branches:
            self.left_out[NO_SAMPLES] += 1
            return None
        return RecordedQuestion(name, question, right[0], branches, right=right[1:], scorer=scorer)

    def nothing(self) -> Exception:
        """Why there is no record at all."""
        if self._unfindable is not None:
            return self._unfindable
        told = ", ".join(f"{count:,} {what}" for what, count in self.left_out.items()) or "it is empty"
        advice = "give questions with gold answers and samples"
        if OTHER_MODEL in self.left_out:
            advice = f"--model takes {', '.join(sorted(self._models))}"
        elif NO_GOLD in self.left_out:
            advice = "name the column of gold answers, --gold-column, or a file of questions, --questions"
        elif NO_QUESTION in self.left_out:
            advice = "give a file of questions with their ids, --questions"
        return SourceError(f"{self._source} gives no question with samples ({told}): {advice}.")

    def _told(self, sampled: SampledQuestion) -> Question | None:
        """What is told of a question beside the source."""
        if sampled.id in self._by_id:
            return self._by_id[sampled.id]
        return self._by_text.get(sampled.question.strip()) if sampled.question else None

    def _branches(self, samples: Sequence[Sample], place: str) -> list[RecordedBranch]:
        opened = opened_by_prompt(sample.text for sample in samples if sample.text)
        branches = []
        for number, sample in enumerate(samples):
            if not self._is_wanted(sample):
                self.left_out[OTHER_MODEL] += 1
            elif tokens := self._counter.count(sample, f"{place}, sample {number}"):
                branches.append(self._branch(sample, tokens, opened))
            else:
                self.left_out[NO_TEXT] += 1
        return branches

    def _branch(self, sample: Sample, tokens: int, opened: bool) -> RecordedBranch:
        if self._keeps_text is None:
            self._keeps_text = sample.text is not None
        text = (sample.text or "") if self._keeps_text else None
        in_reasoning = text is not None and opened and THINK not in text
        answer, marker = (sample.answer or "").strip() or None, RECORDED
        if text is not None and sample.answer is None:
            found = self._reader.branch(THINK * in_reasoning + text)
            answer, marker = found.answer, found.marker or "none"
        self.markers[marker if answer is not None else "none"] += 1
        return RecordedBranch(
            tokens=tokens,
            probe_answers=[None] * ((tokens - 1) // self._interval),
            final_answer=answer,
            finish_reason=sample.finish_reason,
            text=text,
            in_reasoning=in_reasoning,
        )

    def _is_wanted(self, sample: Sample) -> bool:
        if sample.model is not None:
            self._models.add(sample.model)
        if self._wanted is not None:
            return sample.model in (None, self._wanted)
        if len(self._models) > 1:
            one, other = sorted(self._models)
            raise SourceError(f"{self._source} holds samples of {one} and {other}: choose one with --model.")
        return True
