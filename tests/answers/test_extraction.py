import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from answers.hostile import HOSTILE
from tts_gym.answers.extraction import extract
from tts_gym.answers.extraction import extract_probe as extract_forced
from tts_gym.answers.normalise import clean
from tts_gym.answers.pattern import PatternSearch
from tts_gym.answers.sections import WHOLE, answering_section
from tts_gym.errors import TTSGymError

RULES = ("auto", "boxed", "final-answer", "choice", "gsm8k")


def extract_answer(text, rule="auto"):
    return extract(text, rule).answer


def extract_probe(suffix, continuation, rule="auto", question=""):
    return extract_forced(suffix, continuation, rule, question).answer


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        (r"so \boxed{\frac{1}{2}}, done", r"\frac{1}{2}"),
        (r"\boxed{1} and later \boxed{2}", "2"),
        (r"\boxed {3}", "3"),
        (r"\fbox{3}", "3"),
        (r"\boxed{\boxed{7}}", "7"),
        (r"\boxed{\{1, 2\}}", r"\{1, 2\}"),
        (r"\boxed{3} but \boxed{4", "3"),
        (r"{ \boxed{5}", "5"),
        (r"\boxed{3 + 3 = 6}", "6"),
        (r"\boxed{x = 5}", "x = 5"),
        (r"\boxed{}", None),
        (r"\boxed{ERR}", None),
        (r"\boxed{3", None),
        (r"\boxed 3", "3"),
        ("3", None),
    ],
)
def test_boxes(text, answer):
    assert extract_answer(text, "boxed") == answer
    if answer is not None:
        assert extract_answer(f"The final answer is 99. {text}") == answer


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("The final answer is 3 + 3 = 6", "6"),
        ("The final answer is 3 + 3 = 6.", "6"),
        (r"The final answer is $3 \times 4 = 12$.", "12"),
        ("The final answer is 5", "5"),
        ("The final answer is: 5.", "5"),
        ("the final answer is 3.5. I hope it is correct.", "3.5"),
        ("The final answer is $x^2$.", "x^2"),
        (r"The final answer is \(x\).", "x"),
        ("The final answer is \\[\nx^2+1\n\\]", "x^2+1"),
        ("The final answer is **12 km**.", "12 km"),
        ("**Final Answer:** 42", "42"),
        ("### Final Answer\n\n**5**\n", "5"),
        (r"The final answer is: $\boxed{5}$. I hope it is correct.", "5"),
        ("The answer is 1,000.", "1,000"),
        ("Answer: -3", "-3"),
        (r"The answer is $\frac{1}{2}$, I think", r"\frac{1}{2}"),
        ("The answer is 5. Wait. The answer is 6.", "6"),
        ("The final answer is 5. Is the answer is clear?", "5"),
        ("The answer to the question is 9.", "9"),
        ("The answer is x = 5", "x = 5"),
        ("The answer is y <= 5", "y <= 5"),
        ("The answer is 5!", "5!"),
        ("The final answer is NaN", None),
        (r"The final answer is \boxed{5", None),
        ("The final answer is", None),
        ("unanswered", None),
    ],
)
def test_phrases(text, answer):
    assert extract_answer(text, "final-answer") == extract_answer(text) == answer
    assert extract_answer(f"Some thoughts.\n{text}") == answer


@pytest.mark.parametrize(
    ("suffix", "continuation", "answer"),
    [
        ("\nThe final answer is ", "6.\n\nQuestion: what now? The final answer is 9.", "6"),
        ("\nThe final answer is ", "3 + 3 = 6", "6"),
        ("\nThe final answer is ", r"\boxed{3}. And \boxed{4}", "3"),
        ("\nThe final answer is ", r"6. Then \boxed{7}", "6"),
        ("\nThe final answer is ", "$3$ km", "3 km"),
        ("\nThe final answer is", "\n\n**3**\n", "3"),
        ("\nThe final answer is ", r"\boxed{3", None),
        ("\nThe final answer is ", "", None),
        ("\nResult = ", "5\nThe answer is 7", "5"),
        ("\n</think>\n\nThe final answer is \\boxed{", r"42}. And \boxed{3}", "42"),
        ("\n</think>\n\nThe final answer is \\boxed{", r"\frac{1}{2}}$.", r"\frac{1}{2}"),
        ("\n</think>\n\nThe final answer is \\boxed{", "42", None),
        ("\n</think>\n\nThe final answer is \\boxed{", r"42, or \boxed{3}", None),
        ("\n</think>\n\nThe final answer is \\boxed{", r"\boxed{3}}", "3"),
        ("\n</think>\n\n", "So the final answer is 5. The answer is 6.", "5"),
        ("\n</think>\n\n", "Let me think", None),
    ],
)
def test_probes_are_read_from_their_start(suffix, continuation, answer):
    assert extract_probe(suffix, continuation) == answer


@pytest.mark.parametrize(
    ("text", "letter"),
    [
        ("The answer is (B).", "B"), ("B.", "B"), ("B", "B"), ("answer: B", "B"), ("answer: b", "B"), ("B) seven", "B"),
        ("Not (A) but (C)", "C"), (r"\boxed{\text{(D)}}", "D"), (r"\boxed{D}", "D"), ("The answer is **C**", "C"),
        ("The answer is B because", "B"), ("The answer is option C", "C"), ("Reasons.\nD. seven", "D"),
        ("The answer is A dog", None), ("A good question", None), ("I am", None), ("The answer is 5", None),
        ("Because", None), ("", None),
    ],
)  # fmt: skip
def test_choices(text, letter):
    assert extract_answer(text, "choice") == letter


def test_choices_of_probes():
    assert extract_probe("\nThe answer is ", "B. Next question: (C)", "choice") == "B"
    assert extract_probe("\nThe answer is (", "B) or (C)", "choice") == "B"


@given(
    answer=st.integers().map(str) | st.sampled_from([r"\frac{1}{2}", r"\sqrt{3}", "(1, 2)", r"\{1, 2\}", "x^{2} + 1"]),
    before=st.text(st.characters(exclude_characters="{}\\", codec="utf-8")),
    after=st.text(st.characters(exclude_characters="{}\\#", exclude_categories=["L"], codec="utf-8")),
)
def test_a_boxed_answer_is_found_whatever_surrounds_it(answer, before, after):
    text = f"{before}\\boxed{{{answer}}}{after}"
    assume(answering_section(text).stage == WHOLE)
    assert extract_answer(text) == answer


@given(
    text=st.text()
    | st.lists(st.sampled_from([r"\boxed{", "{", "}", "The final answer is ", "$", "5", "=", "\n", "("])).map("".join)
)
def test_an_answer_is_clean_whatever_the_text(text):
    for rule in RULES:
        for answer in (extract_answer(text, rule), extract_probe("\nThe answer is ", text, rule)):
            assert answer is None or clean(answer) == answer


LONG = {
    **{name: text * max(1, 100_000 // max(1, len(text))) for name, text in HOSTILE.items()},
    "boxes in boxes": r"\boxed{" * 15_000,
    "boxes": r"\boxed{1}" * 11_000,
    "phrases": "the final answer is " * 5_000,
    "halves of phrases": "final answer to " * 6_000,
    "spaces in a phrase": "final answer" + " " * 100_000,
    "stars": "The answer is " + "*" * 100_000,
    "equals signs": "the answer is " + "=" * 100_000,
    "choices": "A)\n" * 30_000,
    "displays": r"the answer is \[" + r"\[ " * 30_000,
}


@pytest.mark.parametrize("text", LONG.values(), ids=LONG.keys())
def test_long_texts_take_linear_time(text):
    start = time.process_time()
    for rule in RULES:
        extract_answer(text, rule)
        extract_probe("\nThe final answer is ", text, rule)
        extract_probe("\n", text, rule)
    assert time.process_time() - start < 10


def test_a_pattern_of_ones_own():
    with PatternSearch(r"ANSWER=(\S+)") as search:
        assert search("ANSWER=3 ANSWER=4") == "4"
        assert search("nothing") is None
        assert search("ANSWER=" + "4" * 4001) is None
    with PatternSearch("[0-9]+") as search:
        assert search("1 and 22") == "22"
    with PatternSearch("(a)|b") as search:
        assert search("ab") is None


def test_a_pattern_is_searched_from_any_thread():
    with PatternSearch(r"is (\d+)") as search, ThreadPoolExecutor(8) as threads:
        found = list(threads.map(search, (f"it is {number}." for number in range(100))))
    assert found == [str(number) for number in range(100)]


def test_a_pattern_that_backtracks_for_ever_is_stopped():
    answers = []
    with PatternSearch(r"(a+)+$", seconds=0.3) as search:

        def run():
            answers.extend((search("a" * 100 + "b"), search("xaa")))

        thread = threading.Thread(target=run)
        thread.start()
        thread.join(600)
        assert answers == [None, "aa"] and search.timeouts == 1


@pytest.mark.parametrize("pattern", ["(", "*", "(?P<1>a)", "a{99999999999999999999}"])
def test_a_pattern_that_is_none_is_refused(pattern):
    with pytest.raises(TTSGymError, match="is not a regular expression"):
        PatternSearch(pattern)


BOARD = "_ Q _\n_ _  Q\nQ _ _"
SAID = {
    "box": f"So it is \\boxed{{\n{BOARD}\n}}.",
    "tag": f"<answer>{BOARD}</answer>",
    "fence in a tag": f"<answer>\n```text\n{BOARD}\n```\n</answer>",
    "fence after a phrase": f"The final answer is:\n```\n{BOARD}\n```\nDone.",
    "below a phrase": f"The final answer is:\n\n{BOARD}\n\nNo two attack each other.",
    "bare after the reasoning": f"<think>Hm.</think>\n\n{BOARD}\n",
}


@pytest.mark.parametrize("text", SAID.values(), ids=SAID)
def test_the_rule_of_a_task_keeps_the_lines_of_an_answer(text):
    assert extract_answer(text, "reasoning-gym:n_queens") == BOARD
    assert extract_answer(text) != BOARD


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        (r"\boxed{42}", "42"),
        (r"The answer is 4 - 1 = 3. I hope it helps.", "3"),
        (r"<answer>He said: \"Go.\"</answer>", r"He said: \"Go.\""),
        (r"\boxed{$12$}", "12"),
        (r"\boxed{}", None),
    ],
)
def test_the_rule_of_a_task_finds_answers_of_one_line(text, answer):
    assert extract_answer(text, "reasoning-gym:chain_sum") == answer


def test_a_probe_keeps_the_lines_of_an_answer():
    assert extract_probe("\nSo it is \\boxed{", f"{BOARD}}} and", "reasoning-gym:n_queens") == BOARD
    assert extract_probe("\nSo it is \\boxed{", f"{BOARD}}} and") == " ".join(BOARD.split())
