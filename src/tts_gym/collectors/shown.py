"""What a model is given: a question as its prompt, and its probes, without loading the model."""

from __future__ import annotations

from tts_gym.collectors.prompts import ProbePrompts, Tokenizer, prompt_tokens
from tts_gym.collectors.questions import Question
from tts_gym.collectors.settings import CollectionSettings

BRANCH = "[...]"
"""Stands for what a branch says so far."""


def shown_prompt(question: Question, settings: CollectionSettings, tokenizer: Tokenizer) -> str:
    """The prompt of a question, and its probes within the reasoning and after it, special tokens included.

    Args:
        question: the question.
        settings: how it is put, and how an answer is forced.
        tokenizer: that of the model.
    """
    prompt = prompt_tokens(question, settings.prompting, tokenizer)
    probes = ProbePrompts(settings.probing, tokenizer)
    style, is_open = probes.style, probes.is_open(prompt)
    text = tokenizer.decode(prompt, special=True)
    within = f"{text}{'' if is_open else style.opening}{BRANCH}"
    after = f"{within}{style.ending}{BRANCH}"

    def probe(prefix: str) -> str:
        return prefix + tokenizer.decode(probes.suffix(tokenizer.encode(prefix)), special=True)

    where = "the prompt ends within it" if is_open else "the prompt does not open it"
    return "\n".join(
        [
            f"Reasoning is marked {style.opening} ... {style.ending} (style {style.name}); {where}.",
            f"--- the prompt of question {question.id}, {len(prompt):,} tokens",
            text,
            f"--- a probe within the reasoning; {BRANCH} stands for what the branch says",
            probe(within),
            "--- a probe after the reasoning",
            probe(after),
        ]
    )
