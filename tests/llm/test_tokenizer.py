"""Text to token ids and back."""

import pytest

from tts_gym.errors import BackendError

pytestmark = [pytest.mark.vllm, pytest.mark.filterwarnings("ignore")]


@pytest.fixture(scope="module")
def tokenizer(tiny_model):
    from tts_gym.llm.tokenizer import Tokenizer

    return Tokenizer(tiny_model)


@pytest.mark.parametrize("text", ["", "x", " What is  1 + 1?\n", "漢字 é 🙂"])
def test_text_comes_back(tokenizer, text):
    assert tokenizer.decode(tokenizer.encode(text)) == text


def test_a_continuation_is_read_after_its_prompt(tokenizer):
    prompt, rest = tokenizer.encode("The final"), tokenizer.encode(" answer 漢")
    assert tokenizer.decode_after(prompt, rest) == " answer 漢"
    assert tokenizer.decode_after(prompt, [*rest, *tokenizer.end_ids]) == " answer 漢"


def test_a_conversation_takes_the_template(tokenizer):
    turns = [{"role": "user", "content": "1 + 1?"}]
    with_prompt, without = tokenizer.chat(turns), tokenizer.chat(turns, add_generation_prompt=False)
    assert with_prompt[: len(without)] == without
    assert with_prompt[len(without) :] == tokenizer.encode("<|assistant|>")
    assert tokenizer.decode(with_prompt) == "1 + 1?"


def test_a_refused_conversation_is_named(tokenizer, monkeypatch):
    monkeypatch.setattr(tokenizer._tokenizer, "chat_template", "{{ raise_exception('no system turn') }}")
    with pytest.raises(BackendError, match="no system turn"):
        tokenizer.chat([{"role": "user", "content": "x"}])
    monkeypatch.setattr(tokenizer._tokenizer, "chat_template", None)
    with pytest.raises(BackendError, match="no chat template"):
        tokenizer.chat([{"role": "user", "content": "x"}])
