"""The reasoning of a response apart from its text."""

import pytest

pytest.importorskip("prometheus_client")

from tts_gym.serve.told import split_reasoning  # noqa: E402

CHANNELS = "<|channel|>analysis<|message|>{}<|end|><|start|>assistant"
FINAL = "<|channel|>final<|message|>7"


@pytest.mark.parametrize(
    ("text", "in_reasoning", "told"),
    [
        ("<think>3</think>\n\n7", False, ("3", "7")),
        ("3</think>7", True, ("3", "7")),
        ("[THINK]3[/THINK]7", False, ("3", "7")),
        (CHANNELS.format("3") + FINAL, True, ("3", "7")),
        (CHANNELS.format("3") + CHANNELS.format("4") + FINAL, True, ("3\n4", "7")),
        (CHANNELS.format("3"), True, ("3", "")),
        (FINAL, True, ("", "7")),
        ("7", False, (None, "7")),
    ],
)
def test_every_style_is_told_apart(text, in_reasoning, told):
    assert split_reasoning(text, in_reasoning) == told


def test_marks_that_were_given_are_known():
    assert split_reasoning("<r>3</r>7", False, ("<r>", "</r>")) == ("3", "7")
