"""Reasoning in the texts of samples: joined to the answer where it came apart, and found where the prompt opened it."""

from __future__ import annotations

from collections.abc import Iterable

from tts_gym.answers.reasoning import TAGS

THINK, END_THINK = TAGS.opening, TAGS.ending


def with_reasoning(reasoning: str | None, answer: str | None) -> str | None:
    """The text that a model wrote, of which a server has taken the reasoning apart.

    Args:
        reasoning: what it thought, without marks; empty or None where nothing was taken out.
        answer: what it said then.
    """
    if not reasoning:
        return answer
    closed = f"{END_THINK}\n\n{answer}" if answer else ""
    return f"{THINK}\n{reasoning}{closed}"


def opened_by_prompt(texts: Iterable[str]) -> bool:
    """Whether the prompt opened the reasoning that the samples of a question begin with: one closes it unopened.

    Args:
        texts: the samples, which had one prompt.
    """
    return any(END_THINK in text and THINK not in text.partition(END_THINK)[0] for text in texts)
