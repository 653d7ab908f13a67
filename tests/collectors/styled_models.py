"""Tokenizers of models that mark their reasoning, made on the spot, and a model that says what it is told to."""

from dataclasses import dataclass, field
from importlib.metadata import files

import numpy as np
from fake_backend import END, FakeBackend

from tts_gym.llm import Completion

CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{OPENING}{% endif %}"
)
NO_THINKING = "{% if enable_thinking is defined and not enable_thinking %}<think>\n\n</think>\n\n{% endif %}"
HARMONY = (
    "<|start|>system<|message|>Reasoning: {{ reasoning_effort or 'medium' }}<|end|>"
    "{% for m in messages %}<|start|>{{ m.role }}{% if m.role == 'assistant' %}<|channel|>final{% endif %}<|message|>"
    "{{ m.content }}<|end|>{% endfor %}{% if add_generation_prompt %}<|start|>assistant{% endif %}"
)
MISTRAL = (
    "{% for m in messages %}{% if m.role == 'user' %}[INST]{{ m.content }}[/INST]"
    "{% else %}{{ m.content }}{% endif %}{% endfor %}"
)
NEMOTRON = "{% if enable_thinking is not defined or enable_thinking %}<think>\n{% else %}<think></think>{% endif %}"


@dataclass(frozen=True)
class Model:
    """How a model marks its reasoning.

    Attributes:
        template: its chat template.
        branch: what it says, after its prompt.
        ends: what of the branch ends the reasoning.
        closing: what a probe within the reasoning ends with.
        special: its special tokens.
        plain: marks that are tokens of their own, but not special.
        opened: whether the prompt opens the reasoning.
    """

    template: str | None
    branch: str
    ends: str
    closing: str
    special: tuple[str, ...] = ()
    plain: tuple[str, ...] = ()
    opened: bool = False


TAGS = ("<think>", "</think>")
THOUGHT = "We try \\boxed{1}, or\n\\boxed{2}."
ANSWER = "So it is \\boxed{7}. Good."
TALK = f"{THOUGHT}\n</think>\n\n{ANSWER}"
CHANNELS = ("<|start|>", "<|end|>", "<|channel|>", "<|message|>")
FINAL = "<|channel|>final<|message|>"

MODELS = {
    "qwen": Model(CHATML.replace("{OPENING}", NO_THINKING), f"<think>\n{TALK}", "</think>", "\n</think>", (), TAGS),
    "deepseek": Model(CHATML.replace("{OPENING}", "<think>\n"), TALK, "</think>", "\n</think>", (), TAGS, True),
    "nemotron": Model(CHATML.replace("{OPENING}", NEMOTRON), TALK, "</think>", "\n</think>", (), TAGS, True),
    "text-only tags": Model(CHATML.replace("{OPENING}", "<think>\n"), TALK, "</think>", "\n</think>", opened=True),
    "gpt-oss": Model(
        HARMONY,
        f"<|channel|>analysis<|message|>{THOUGHT}<|end|><|start|>assistant{FINAL}{ANSWER}",
        FINAL,
        f"<|end|><|start|>assistant{FINAL}",
        CHANNELS,
        opened=True,
    ),
    "mistral": Model(
        MISTRAL,
        f"[THINK]{THOUGHT}[/THINK]{ANSWER}",
        "[/THINK]",
        "[/THINK]",
        ("[INST]", "[/INST]", "[THINK]", "[/THINK]"),
    ),
    "no template": Model(None, f"<think>\n{TALK}", "</think>", "\n</think>"),
}


def make_tokenizer(folder, template, special=(), plain=()):
    """A byte-level tokenizer in which a ``>`` and the newline after it are one token, as in many models."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    from tts_gym.llm.tokenizer import Tokenizer as OurTokenizer

    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=["<|end_of_text|>", *special],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    made.train_from_iterator(["a >\n b >\n", "So it is <think>\n We try </think>\n"] * 20, trainer)
    fast = PreTrainedTokenizerFast(tokenizer_object=made, eos_token="<|end_of_text|>")
    fast.add_tokens([AddedToken(mark, special=False, normalized=False) for mark in plain])
    fast.chat_template = template
    fast.save_pretrained(folder)
    return OurTokenizer(str(folder))


def published_template(name):
    """A chat template as its model has it, which trl carries."""
    (found,) = (file for file in files("trl") if file.match(f"chat_templates/{name}.jinja"))
    return found.read_text()


@dataclass
class Said(FakeBackend):
    """Says the same in every branch, and 7 whenever it is made to answer; notes the texts of its prompts."""

    tokenizer: object
    branch: str
    probed: list = field(default_factory=list)

    def __post_init__(self):
        tokenizer = self.tokenizer
        super().__init__(top_logprobs=0, logprobs=False)
        self.tokenizer = tokenizer

    def _completion(self, request, index):
        is_probe = request.sampling.temperature == 0
        if is_probe:
            self.probed.append(self.tokenizer.decode(request.prompt, special=True))
        ids = [*self.tokenizer.encode("7}." if is_probe else self.branch), END]
        prompt = list(request.prompt)
        written = next(n for n in range(len(ids), -1, -1) if prompt[len(prompt) - n :] == ids[:n])
        ids = ids[written:]
        reason = "stop" if len(ids) <= request.sampling.max_tokens else "length"
        ids = ids[: request.sampling.max_tokens]
        text = self.tokenizer.continuation(request.prompt, ids, reason, request.sampling.stop)
        return Completion(np.array(ids, np.int32), text, reason)
