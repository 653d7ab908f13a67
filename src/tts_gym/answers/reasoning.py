"""How models mark their reasoning, what ends it before an answer is forced, and which model does it how."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Style:
    """A way in which models set their reasoning apart from their answer.

    Attributes:
        name: what it is called.
        sign: what a chat template, or a token of its own, says where a model has this style.
        opening: what the reasoning begins with, in the prompt or in the text.
        ending: what it ends with; the answer follows.
        closing: what is written to end it where it is open.
    """

    name: str
    sign: str
    opening: str
    ending: str
    closing: str


TAGS = Style("think", "<think>", "<think>", "</think>", "\n</think>")
"""That of Qwen, DeepSeek, Nemotron, GLM and most others, and of models that show no style."""

FINAL = "<|channel|>final<|message|>"
HARMONY = Style("harmony", "<|channel|>", "<|start|>assistant", FINAL, f"<|end|><|start|>assistant{FINAL}")
"""That of gpt-oss: all that it writes outside its final channel is no answer."""

SOLUTION = "<|begin_of_solution|>"
RESPONSE = "<|START_RESPONSE|>"

STYLES = (
    TAGS,
    HARMONY,
    Style("mistral", "[THINK]", "[THINK]", "[/THINK]", "[/THINK]"),
    Style("seed", "<seed:think>", "<seed:think>", "</seed:think>", "</seed:think>"),
    Style("kimi", "◁think▷", "◁think▷", "◁/think▷", "◁/think▷"),
    Style("cohere", "<|START_THINKING|>", "<|START_THINKING|>", "<|END_THINKING|>", f"<|END_THINKING|>{RESPONSE}"),
    Style(
        "thought",
        "<|begin_of_thought|>",
        "<|begin_of_thought|>",
        "<|end_of_thought|>",
        f"\n\n<|end_of_thought|>\n\n{SOLUTION}",
    ),
)

Marks = tuple[str, str]
"""What a model's reasoning begins and ends with, where they are given by hand."""


def style_of(structure: str, marks: Marks | None = None, closing: str | None = None) -> Style:
    """The style of a model.

    Args:
        structure: its chat template and its special tokens, as one text; the first sign in it counts.
        marks: what its reasoning begins and ends with; None for those that its structure shows.
        closing: what is written to end it; None for what the style, or the second mark after a line break, says.
    """
    if marks is not None:
        opening, ending = marks
        return Style("given", opening, opening, ending, f"\n{ending}" if closing is None else closing)
    shown = [style for style in STYLES if style.sign in structure]
    style = min(shown, key=lambda style: structure.index(style.sign), default=TAGS)
    if closing is None:
        return style
    return Style(style.name, style.sign, style.opening, style.ending, closing)
