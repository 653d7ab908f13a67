import pytest

from tts_gym.answers import extract
from tts_gym.answers.reasoning import STYLES, style_of
from tts_gym.answers.sections import AFTER_REASONING, OPEN_REASONING, WHOLE, answering_section


@pytest.mark.parametrize(
    ("text", "part", "stage"),
    [
        ("3 + 4", "3 + 4", WHOLE),
        ("<think>3</think> 7", " 7", AFTER_REASONING),
        ("3</think> 7", " 7", AFTER_REASONING),
        ("<think>3</think> 5 <think>6</think> 7", " 7", AFTER_REASONING),
        ("<reasoning>3</reasoning>7", "7", AFTER_REASONING),
        ("◁think▷3◁/think▷7", "7", AFTER_REASONING),
        ("[THINK]3[/THINK]7", "7", AFTER_REASONING),
        ("<|begin_of_thought|>3<|end_of_thought|><|begin_of_solution|>7<|end_of_solution|>", "7", AFTER_REASONING),
        (
            "<|channel|>analysis<|message|>3<|end|><|start|>assistant<|channel|>final<|message|>7<|return|>",
            "7",
            AFTER_REASONING,
        ),
        ("analysisWe get 3.assistantfinal7", "7", AFTER_REASONING),
        ("<think>analysisWe get 3.assistantfinal7", "7", AFTER_REASONING),
        ("<think><|channel|>final<|message|>7", "7", AFTER_REASONING),
        ("<think><|channel|>analysis<|message|>3", "<think><|channel|>analysis<|message|>3", OPEN_REASONING),
        ("<seed:think>3</seed:think>7", "7", AFTER_REASONING),
        ("<|START_THINKING|>3<|END_THINKING|><|START_RESPONSE|>7<|END_RESPONSE|>", "7", AFTER_REASONING),
        ("<think>3", "<think>3", OPEN_REASONING),
        ("<|channel|>analysis<|message|>3", "<|channel|>analysis<|message|>3", OPEN_REASONING),
        ("analysisWe get 3.", "analysisWe get 3.", OPEN_REASONING),
        ("analysis of the case", "analysis of the case", WHOLE),
    ],
)
def test_the_part_after_the_reasoning_answers(text, part, stage):
    assert answering_section(text) == (part, stage)


def test_marks_that_are_given_count_beside_those_that_are_known():
    marks = ("<r>", "</r>")
    assert answering_section("<r>3</r> 7", marks) == (" 7", AFTER_REASONING)
    assert answering_section("<think>3</r> 7", marks) == (" 7", AFTER_REASONING)
    assert answering_section("<r>3", marks).stage == OPEN_REASONING
    assert answering_section("<r>3</r> 7").stage == WHOLE


@pytest.mark.parametrize(
    ("structure", "name"),
    [
        ("", "think"),
        ("{{ '<|im_start|>' }}\n<tool_call>\n<think>", "think"),
        ("{{ '<|start|>assistant<|channel|>final' }}", "harmony"),
        ("[INST]\n[THINK]", "mistral"),
        ("{{ '<think>' }}\n[THINK]", "think"),
        ("<seed:think>", "seed"),
        ("◁think▷", "kimi"),
    ],
)
def test_the_style_of_a_model_is_the_first_that_its_template_or_its_tokens_show(structure, name):
    assert style_of(structure).name == name
    assert style_of(structure, closing="Stop.").closing == "Stop."


@pytest.mark.parametrize("style", STYLES)
def test_what_closes_the_reasoning_ends_it_for_whoever_reads(style):
    thinking = style.opening + "3"
    assert answering_section(thinking) == (thinking, OPEN_REASONING)
    assert answering_section(f"{thinking}{style.closing}7") == ("7", AFTER_REASONING)


@pytest.mark.parametrize("rule", ["auto", "boxed", "final-answer", "choice", "number", "gsm8k"])
def test_reasoning_that_never_ends_gives_no_final_answer(rule):
    assert extract(r"<think>The answer is (B). \boxed{3}", rule).answer is None


def test_what_marked_an_answer_is_told():
    found = {
        extract(text, rule).marker
        for text, rule in [
            (r"\boxed{3}", "auto"), ("<answer>3</answer>", "auto"), ("#### 3", "auto"), ('{"answer": 3}', "auto"),
            ("The final answer is 3", "auto"), ("Answer: 3", "auto"), ("Result: 3", "auto"), ("</think>3", "auto"),
            ("so 3", "number"), ("(B)", "choice"), ("(A) is wrong and (B) is correct", "choice"), ("none", "auto"),
        ]
    }  # fmt: skip
    assert found == {
        "boxed", "answer tag", "####", "json", "final answer", "answer", "result", "bare", "last number", "letter",
        "verdict", None,
    }  # fmt: skip
