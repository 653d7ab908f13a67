"""Answers as models write them, in a dozen formats and languages."""

import pytest

from tts_gym.answers import extract, extract_gold, extract_probe


@pytest.mark.parametrize(
    ("rule", "text", "answer"),
    [
        ("auto", "<think>\\boxed{3}</think> The answer is 7", "7"),
        ("auto", "<think>hmm \\boxed{3} so The answer is 7", None),
        ("auto", "hmm \\boxed{3}</think>The answer is 7.", "7"),
        (
            "auto",
            "<|channel|>analysis<|message|>We get \\boxed{36}?<|end|>"
            "<|start|>assistant<|channel|>final<|message|>The answer is **42**.<|return|>",
            "42",
        ),
        ("auto", "analysisWe compute \\boxed{36}? No, 42.", None),
        ("auto", "analysisWe compute 36.assistantfinalIt is \\boxed{42}", "42"),
        ("auto", "◁think▷ 3 ◁/think▷\nAnswer: 5", "5"),
        ("auto", "The answer is therefore 42", "42"),
        ("auto", "Thus the answer is, therefore, 42.", "42"),
        ("auto", "Result: 42", "42"),
        ("auto", "**Result:** 42", "42"),
        ("auto", "Ans. = 42", "42"),
        ("auto", "Answer = 42", "42"),
        ("auto", '```json\n{"reasoning": "x", "answer": "42"}\n```', "42"),
        ("auto", "{'answer': 42}", "42"),
        ("auto", "<answer> 42 </answer>", "42"),
        ("auto", "<answer>42", "42"),
        ("auto", "Answer: 42\n\n(Note: final answer is rounded.)", "42"),
        ("auto", "\\boxed{42} and later an empty \\boxed{}", "42"),
        ("auto", "The answer is 12 eggs per day", "12 eggs per day"),
        ("auto", "La respuesta es 42.", "42"),
        ("auto", "La respuesta final es: **42**", "42"),
        ("auto", "Die Antwort ist 42.", "42"),
        ("auto", "Die Antwort lautet: 42", "42"),
        ("auto", "La réponse est 42.", "42"),
        ("auto", "Réponse finale : 42", "42"),
        ("auto", "A resposta é 42", "42"),
        ("auto", "La risposta è 42", "42"),
        ("auto", "答案是42。", "42"),
        ("auto", "因此答案为 42。", "42"),
        ("auto", "答えは42です。", "42"),
        ("auto", "정답: 42", "42"),
        ("auto", "정답은 42입니다.", "42"),
        ("auto", "Ответ: 42.", "42"),
        ("auto", "الجواب: 42", "42"),
        ("auto", "The final answer is\n\n$$\\boxed{\\frac{1}{2}}$$", "\\frac{1}{2}"),
        ("auto", "### Answer\n42", "42"),
        ("auto", "## Final Answer:\n**42**", "42"),
        ("auto", "**Final answer**\n\n\\[ 42 \\]", "42"),
        ("auto", "The answer is 7? No. The answer is 8.", "8"),
        ("auto", "The answer is 8. Is the answer 9?", "8"),
        ("auto", "The answer is not 41, but 42.", "42"),
        ("auto", "I first got \\boxed{41}. Wait, that is wrong. The answer is 42.", "42"),
        ("auto", "So the answer is $x = 5$.", "x = 5"),
        ("auto", "The answer is x=5, y=6.", "x=5, y=6"),
        ("auto", "The answer is 1, 2, and 3.", "1, 2, and 3"),
        ("auto", "The answer is (3, 4).", "(3, 4)"),
        ("auto", "The answer is Paris, the capital of France.", "Paris"),
        ("auto", "Final answer: Yes", "Yes"),
        ("auto", "The answer is: yes, because 5 is odd.", "yes"),
        ("auto", "Answer: 3/4 of the cake", "3/4 of the cake"),
        ("auto", "The answer is $1,450.50.", "1,450.50"),
        ("auto", "The answer is 3.14.", "3.14"),
        ("auto", "The answer is 5 (since 2+3=5).", "5"),
        ("auto", "The answer is `print`", "print"),
        ("auto", 'The answer is "hello".', "hello"),
        ("auto", "So our answer is $\\frac{3}{4}$.", "\\frac{3}{4}"),
        ("gsm8k", "She has 5 apples and gets 3, so 8 apples.", "8"),
        ("gsm8k", "#### 1,234", "1,234"),
        ("number", "A 5, B 6.", "6"),
        ("number", "costs $1,234.50.", "1,234.50"),
        ("choice", "The answer is B) because A is wrong", "B"),
        ("choice", "I think it's option C.", "C"),
        ("choice", "Answer: **(D)**", "D"),
        ("choice", "\\boxed{\\text{A}}", "A"),
        ("choice", "A is wrong, B is wrong, so C must be right.\nAnswer: C", "C"),
        ("choice", "**C**", "C"),
        ("choice", "<think>(A)?</think>(B)", "B"),
        ("choice", "The correct answer is: D. Photosynthesis", "D"),
        ("choice", "Richtige Antwort: A", "A"),
        ("choice", "ответ: B", "B"),
        ("choice", "Therefore, the correct choice is **B**.", "B"),
        ("choice", "correct letter: E", "E"),
        ("auto", "We add 40 and 2.\nThe total is 42.", "42"),
        ("auto", "So the total number of eggs is $42.", "42"),
        ("auto", "The total is 41. The answer is 42.", "42"),
        ("auto", "The answer is 42. The total is 41.", "42"),
        ("auto", "\\boxed{42} as the total is 41", "42"),
        ("auto", "The total is 41.\nNow what remains?", None),
        ("auto", "The total is not clear.", None),
        ("auto", "La respuesta no es 41 sino 42.", "42"),
        ("auto", "La respuesta no es 4.1, sino 4.2.", "4.2"),
        ("auto", "No es 41 sino 42", "42"),
        ("auto", "The answer isn't 41; it's 42.", "42"),
        ("auto", "The final answer isn’t 41 but 42", "42"),
        ("auto", "The answer is not 41; it is 42.", "42"),
        ("auto", "It isn't 41; it's 42", "42"),
        ("auto", "The answer isn't 41.", None),
        ("auto", "It isn't 41.", None),
        ("choice", "Let me go with D", "D"),
        ("choice", "(A) is tempting, but I'll go with option (B).", "B"),
        ("choice", "I would choose C because it is larger.", "C"),
        ("choice", "If I choose A, it fails. (B)", "B"),
        ("choice", "Let me go with a different approach", None),
        ("choice", "I would not choose A", None),
    ],
)
def test_everyday_answers(rule, text, answer):
    assert extract(text, rule).answer == answer


@pytest.mark.parametrize(
    ("rule", "gold", "answer"),
    [
        ("gsm8k", "48/2 = 24\n#### 72", "72"),
        ("auto", "48/2 = 24\n#### 72", "72"),
        ("auto", r"\boxed{42}", "42"),
        ("auto", "The answer is 72", "72"),
        ("math", r"So $x=2$ and the answer is $\boxed{\frac{1}{2}}$.", r"\frac{1}{2}"),
        ("aime", "073", "073"),
        ("auto", "x=5", "x=5"),
        ("mmlu", "2", "C"),
        ("mmlu", "C", "C"),
        ("choice", "(B)", "B"),
    ],
)
def test_gold_answers_lose_their_format(rule, gold, answer):
    assert extract_gold(gold, rule) == answer


def test_a_calculation_of_the_question_is_no_answer():
    suffix = "\n\nThe final answer is \\boxed{"
    assert extract_probe(suffix, "8+9}", question="What is 8 + 9?").answer is None
    assert extract_probe(suffix, "17}", question="What is 8 + 9?").answer == "17"
    assert extract_probe(suffix, "8+9}", question="How is 17 written as a sum?").answer == "8+9"
