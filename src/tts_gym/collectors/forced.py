"""What a model answers when it is made to."""

from __future__ import annotations

from dataclasses import dataclass

from tts_gym.answers.reader import AnswerReader
from tts_gym.collectors.prompts import Tokenizer
from tts_gym.collectors.signals import answer_logprob
from tts_gym.llm.backend import Completion


@dataclass(frozen=True)
class ForcedAnswer:
    """What the model answered when it was made to.

    Attributes:
        answer: the answer, None if it is invalid.
        text: what the model said.
        tokens: tokens that it took.
        logprob: mean log-probability of the tokens up to the end of the answer; 0 where the backend does not tell.
    """

    answer: str | None
    text: str
    tokens: int
    logprob: float


def read_forced(
    completion: Completion, question: str, suffix: str, reader: AnswerReader, tokenizer: Tokenizer
) -> ForcedAnswer:
    """Read the continuation of a probe.

    Args:
        completion: what the model said after the suffix.
        question: text of the question.
        suffix: what it was made to say.
        reader: finds the answer.
        tokenizer: that of the model.
    """
    answer = reader.probe(suffix, completion.text, question).answer
    logprob = 0.0
    if completion.logprobs is not None:
        tokens = completion.tokens.tolist()
        lengths = range(1, len(tokens)) if answer is not None else ()
        length = next((n for n in lengths if reader.probe(suffix, tokenizer.decode(tokens[:n])).answer == answer), None)
        logprob = answer_logprob(completion.logprobs[:length])
    return ForcedAnswer(answer, completion.text, len(completion.tokens), logprob)
