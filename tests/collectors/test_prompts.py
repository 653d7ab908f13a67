from itertools import pairwise

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

    def decode(self, ids, special=False):
        texts = {token: mark for mark, token in self.marks.items()}
        return "".join(texts.get(token, chr(token)) for token in ids)


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
    pieces=st.lists(
        st.sampled_from(["<think>", "</think>", "<thin", "think>", "</think", "k>", "a", "<"]), max_size=12
    ),
    data=st.data(),
)
def test_an_open_think_is_closed(tokenizer, pieces, data):
    """Whether a mark is one token or many, and however the prefix comes."""
    text = "".join(pieces)
    ids = tokenizer.encode(text)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(ids)), max_size=4)))
    probes = ProbePrompts(PROBING, tokenizer)
    prefix = probes.begin(ids[: min(cuts, default=len(ids))])
    for start, end in pairwise([*cuts, len(ids)]):
        prefix.read(ids[start:end])
    assert prefix.is_open == (text.rfind("<think>") > text.rfind("</think>"))
    closed = text + tokenizer.decode(prefix.suffix).removesuffix(PROBING.suffix)
    if prefix.is_open:
        endings = (text[:length] + "</think>" for length in range(len(text) + 1))
        assert closed == min((each for each in endings if each.startswith(text)), key=len)
    else:
        assert closed == text
    assert len(prefix.suffix) <= probes.longest
