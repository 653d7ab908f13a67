"""Answers to one question out of what a model has written, as collecting reads them."""

from __future__ import annotations

from dataclasses import dataclass

from tts_gym.answers.reader import AnswerReader
from tts_gym.collectors.collector import FORCED
from tts_gym.collectors.forced import ForcedAnswer, read_forced
from tts_gym.collectors.prompts import THINK, Tokenizer
from tts_gym.live.branch import LiveBranch
from tts_gym.llm.backend import Completion


@dataclass(frozen=True)
class Final:
    """The answer of a branch that has ended.

    Attributes:
        answer: the answer, None if it is invalid.
        marker: what marked it, see ``answers.extraction``.
    """

    answer: str | None
    marker: str | None


@dataclass(frozen=True)
class AnswersOf:
    """Reads the answers to a question.

    Attributes:
        question: its text.
        reader: finds answers in texts.
        tokenizer: that of the model.
        suffix: what forces an answer.
        signals: names of the signals that are recorded.
        in_reasoning: whether the prompt opens the reasoning that branches begin with.
    """

    question: str
    reader: AnswerReader
    tokenizer: Tokenizer
    suffix: str
    signals: tuple[str, ...]
    in_reasoning: bool

    def forced(self, completion: Completion) -> ForcedAnswer:
        """What the model said when it was made to answer."""
        return read_forced(completion, self.question, self.suffix, self.reader, self.tokenizer)

    def final(self, branch: LiveBranch) -> Final:
        """The answer of a branch that has ended; one that was cut off before it answered was made to."""
        found = self.reader.branch(THINK * self.in_reasoning + branch.text)
        if found.answer is None and branch.is_cut_off and branch.last_depth in branch.forced:
            answer = self.forced(branch.forced[branch.last_depth]).answer
            return Final(answer, None if answer is None else FORCED)
        return Final(found.answer, found.marker)
