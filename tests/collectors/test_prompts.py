import numpy as np
import pytest
from fake_backend import FakeTokenizer
from hypothesis import given, settings
from hypothesis import strategies as st

from tts_gym.collectors.errors import CollectionError
from tts_gym.collectors.prompts import ProbePrompts, prompt_tokens
from tts_gym.collectors.questions import Question
from tts_gym.collectors.settings import Probing, Prompting

QUESTION = Question("q", "1 + 1?", "2")
PROBING = Probing(suffix="\nAnswer: ", closing="</think>")


class WordTokenizer(FakeTokenizer):
    """The marks are a token each."""

    marks = {"<think>": 1, "</think>": 2}

    def encode(self, text):
        for mark, token in self.marks.items():
            text = text.replace(mark, chr(token))
        return tuple(map(ord, text))


def text(prompting, question=QUESTION):
    return FakeTokenizer().decode(prompt_tokens(question, prompting, FakeTokenizer()))


def test_chat_prompts_are_turns():
    examples = (("2 + 2?", "4"),)
    prompting = Prompting("Solve {question} now", "Be brief", examples)
    assert text(prompting) == (
        "<system>Be brief\n<user>Solve 2 + 2? now\n<assistant>4\n<user>Solve 1 + 1? now\n<assistant>"
    )
    assert text(Prompting()) == "<user>1 + 1?\n<assistant>"


def test_plain_prompts_are_paragraphs():
    prompting = Prompting("Q: {question}\nA:", "Be brief", (("2 + 2?", "4"),), chat=False)
    assert text(prompting) == "Be brief\n\nQ: 2 + 2?\nA:\n4\n\nQ: 1 + 1?\nA:\n"
    assert text(Prompting(chat=False)) == "1 + 1?\n"


@pytest.mark.parametrize("chat", [True, False])
def test_examples_of_the_question_come_after_those_of_all(chat):
    question = Question("q", "last?", "0", (("own?", "1"),))
    prompt = text(Prompting(examples=(("shared?", "2"),), chat=chat), question)
    assert prompt.index("shared?") < prompt.index("own?") < prompt.index("last?")


def test_the_question_is_put_in_as_it_is():
    question = Question("q", "{question} {0} {} %s", "2")
    assert text(Prompting("({question})", chat=False), question) == "({question} {0} {} %s)\n"


def test_a_template_without_question_is_refused():
    with pytest.raises(CollectionError, match="lacks {question}"):
        Prompting("Solve this")


@pytest.mark.parametrize("tokenizer", [FakeTokenizer(), WordTokenizer()])
@settings(deadline=None)
@given(
    pieces=st.lists(st.sampled_from(["<think>", "</think>", "<thin", "think>", "</think", "k>", "a", "<"]), max_size=12)
)
def test_an_open_think_is_closed(tokenizer, pieces):
    """Whether a mark is one token or many; the two agree where the text spells no mark by accident."""
    prefix = "".join(pieces)
    probes = ProbePrompts(PROBING, tokenizer)
    is_open = prefix.rfind("<think>") > prefix.rfind("</think>")
    expected = ("</think>" if is_open else "") + "\nAnswer: "
    assert probes.suffix(np.array(tokenizer.encode(prefix), np.int32)) == tokenizer.encode(expected)
    assert probes.longest == len(tokenizer.encode("</think>\nAnswer: "))


@settings(deadline=None)
@given(st.lists(st.integers(0, 2), max_size=12), st.lists(st.integers(0, 2), min_size=1, max_size=4))
def test_marks_of_any_tokens_are_found(prefix, mark):
    """Against a plain search, with marks that overlap themselves."""

    class OddTokenizer(FakeTokenizer):
        def encode(self, text):
            return {"<think>": tuple(mark), "</think>": (9,)}.get(text, super().encode(text))

    suffix = ProbePrompts(PROBING, OddTokenizer()).suffix(np.array(prefix, np.int32))
    occurs = any(prefix[start : start + len(mark)] == mark for start in range(len(prefix)))
    assert (len(suffix) > len(PROBING.suffix)) == occurs
