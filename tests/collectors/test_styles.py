"""Models that reason, from their chat template to their answers."""

from dataclasses import replace

import pytest

from collectors.styled_models import MODELS, THOUGHT, Said, make_tokenizer, published_template
from tts_gym.agents.specs import parse_spec
from tts_gym.answers.reader import answer_reader
from tts_gym.collectors.collector import Collector
from tts_gym.collectors.errors import CollectionError
from tts_gym.collectors.prompts import ProbePrompts, prompt_tokens
from tts_gym.collectors.questions import Question
from tts_gym.collectors.settings import CollectionSettings, Probing, Prompting
from tts_gym.collectors.shown import shown_prompt
from tts_gym.collectors.units import all_units
from tts_gym.errors import BackendError, LiveError
from tts_gym.live.answering import Solving, answer_question
from tts_gym.live.model import live_model
from tts_gym.live.settings import LiveSettings

QUESTION = Question("q", "3 + 4 =?", "7")
SUFFIX = Probing().suffix


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    """Gives the tokenizer of a model, new with every call: what it keeps in texts is told to it."""

    def make(name):
        model = MODELS[name]
        return make_tokenizer(tmp_path_factory.mktemp("model"), model.template, model.special, model.plain)

    return make


def drawn(model, **changes):
    probing = changes.pop("probing", Probing())
    chat = model.template is not None
    return CollectionSettings(
        "said", "said", 2, interval=3, keep_text=True, top_logprobs=0, prompting=Prompting(chat=chat), probing=probing,
        **changes,
    )  # fmt: skip


def collected(backend, settings):
    with answer_reader(settings.answers, settings.probing.marks) as reader:
        results = list(Collector(backend, settings, reader).run(all_units([QUESTION], 2, 2)))
    assert {result.error for result in results} == {None}
    return [branch for result in results for branch in result.branches.values()]


@pytest.mark.parametrize("name", MODELS)
def test_a_probe_answers_whether_the_prefix_is_within_the_reasoning_or_after_it(name, tokenizer):
    model, settings = MODELS[name], drawn(MODELS[name])
    backend = Said(tokenizer(name), model.branch)
    branches = collected(backend, settings)
    prompt = backend.tokenizer.decode(prompt_tokens(QUESTION, settings.prompting, backend.tokenizer), special=True)
    assert {branch.text for branch in branches} == {model.branch}
    assert {branch.in_reasoning for branch in branches} == {model.opened}
    assert {branch.final_answer for branch in branches} == {"7"}
    assert {answer for branch in branches for answer in branch.probe_answers} == {"7"}
    whole = prompt + model.branch
    thought_ends = whole.index(model.ends) + len(model.ends)
    within, after = 0, 0
    for text in backend.probed:
        assert text.startswith(prompt) and text.endswith(SUFFIX)
        prefix = text.removesuffix(SUFFIX)
        if whole.startswith(prefix) and len(prefix) >= thought_ends:
            after += 1
        elif THOUGHT[:3] in prefix:
            within += 1
            assert prefix.endswith(model.closing) and prefix.count(model.ends) == 1
            assert whole.startswith(prefix.removesuffix(model.closing).removesuffix("\n"))
    assert within > 3 and after > 3


@pytest.mark.parametrize("name", MODELS)
def test_a_branch_that_was_cut_off_within_the_reasoning_has_no_answer_of_its_own(name, tokenizer):
    model = MODELS[name]
    branches = collected(Said(tokenizer(name), model.branch), drawn(model, max_tokens=24))
    assert {(branch.final_answer, branch.marker, branch.finish_reason) for branch in branches} == {
        ("7", "forced", "length")
    }


@pytest.mark.parametrize("name", MODELS)
def test_live_branches_are_probed_and_read_alike(name, tokenizer):
    model, settings = MODELS[name], drawn(MODELS[name])
    backend = Said(tokenizer(name), model.branch)
    collected(backend, settings)
    with live_model(backend, LiveSettings(settings)) as live:
        probed, backend.probed = set(backend.probed), []
        for spec in ("answer-consistency:n=6", "sc:n=2"):
            (controller,) = parse_spec(spec)
            assert answer_question(live.put(QUESTION), Solving(controller)).answer == "7"
    assert len(backend.probed) >= 6 and set(backend.probed) <= probed


@pytest.mark.parametrize("name", MODELS)
def test_marks_that_a_server_leaves_out_are_needed(name, tokenizer):
    backend = Said(tokenizer(name), MODELS[name].branch)
    backend.signals = replace(backend.signals, token_ids=False)
    with answer_reader("auto") as reader:
        if name in ("gpt-oss", "mistral"):
            with pytest.raises(CollectionError, match="by special tokens, which a server that tells no"):
                Collector(backend, drawn(MODELS[name]), reader)
            live = live_model(backend, LiveSettings(drawn(MODELS[name])))
            with pytest.raises(LiveError, match="by special tokens"), live:
                pass
        else:
            Collector(backend, drawn(MODELS[name]), reader)


def test_marks_and_closing_can_be_given(tmp_path):
    backend = Said(
        make_tokenizer(tmp_path, "{{ messages[0].content }}<r>", ("<r>", "</r>")), f"{THOUGHT}</r>\\boxed{{7}}"
    )
    probing = Probing(marks=("<r>", "</r>"), closing=" Enough.</r>")
    branches = collected(backend, drawn(MODELS["qwen"], probing=probing))
    assert {(branch.final_answer, branch.in_reasoning) for branch in branches} == {("7", True)}
    closed = [text for text in backend.probed if text.endswith(f" Enough.</r>{SUFFIX}")]
    assert closed and all(text.count("</r>") == 1 for text in backend.probed)
    with pytest.raises(CollectionError, match="one is part of the other"):
        Probing(marks=("think>", "<think>"))


PUBLISHED = {
    "qwen3": ("qwen", {}, "<|im_start|>assistant\n", False),
    "qwen3 without thinking": ("qwen", {"enable_thinking": False}, "assistant\n<think>\n\n</think>\n\n", False),
    "qwen3_5_think": ("qwen", {}, "<|im_start|>assistant\n<think>\n", True),
    "deepseek_r1_distill": ("deepseek", {}, "<｜Assistant｜><think>\n", True),
    "gptoss": ("gpt-oss", {"reasoning_effort": "high"}, "<|start|>assistant", True),
    "nemotron_3_nano": ("nemotron", {}, "<|im_start|>assistant\n<think>\n", True),
    "nemotron_3_nano without thinking": ("nemotron", {"enable_thinking": False}, "<think></think>", False),
    "glm4moe": ("qwen", {}, "<|assistant|>", False),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_templates_are_recognised(name, tmp_path):
    of, arguments, ending, opened = PUBLISHED[name]
    model = MODELS[of]
    tokenizer = make_tokenizer(tmp_path, published_template(name.split()[0]), model.special, model.plain)
    prompt = prompt_tokens(QUESTION, Prompting(arguments=arguments), tokenizer)
    text = tokenizer.decode(prompt, special=True)
    assert text.endswith(ending) and QUESTION.question in text
    assert "Reasoning: high" in text or of != "gpt-oss"
    probes = ProbePrompts(Probing(), tokenizer)
    prefix = probes.begin(prompt)
    assert prefix.is_open == opened and probes.style.ending == model.ends
    start = "" if opened else "<think>"
    prefix.read(tokenizer.encode(f"{start}{THOUGHT}"))
    assert prefix.is_open and tokenizer.decode(prefix.suffix, special=True) == model.closing + SUFFIX
    prefix.read(tokenizer.encode(f"{model.ends}It is 7"))
    assert not prefix.is_open and tokenizer.decode(prefix.suffix, special=True) == SUFFIX


@pytest.mark.vllm
def test_the_template_that_mistral_publishes_is_recognised(tmp_path):
    chat_templates = pytest.importorskip("mistral_common.integrations.chat_templates.chat_templates")
    versions = pytest.importorskip("mistral_common.tokens.tokenizers.base").TokenizerVersion
    template = chat_templates.generate_chat_template(
        spm=False,
        tokenizer_version=versions.v13,
        image_support=False,
        audio_support=False,
        thinking_support=True,
        default_system_prompt="Draft as [THINK]draft[/THINK]answer.",
        plain_thinking_support=False,
        use_special_token_variables=True,
        model_settings_fields=None,
        reasoning_effort_values=None,
        reasoning_effort_default=None,
    )
    tokenizer = make_tokenizer(tmp_path, template, MODELS["mistral"].special)
    prefix = ProbePrompts(Probing(), tokenizer).begin(prompt_tokens(QUESTION, Prompting(), tokenizer))
    assert not prefix.is_open
    prefix.read(tokenizer.encode(f"[THINK]{THOUGHT}"))
    assert prefix.is_open and tokenizer.decode(prefix.suffix, special=True) == f"[/THINK]{SUFFIX}"


def test_what_a_model_is_given_is_shown(tokenizer):
    shown = shown_prompt(QUESTION, drawn(MODELS["gpt-oss"]), tokenizer("gpt-oss"))
    asked = (
        "<|start|>system<|message|>Reasoning: medium<|end|><|start|>user<|message|>3 + 4 =?<|end|><|start|>assistant"
    )
    final = "<|channel|>final<|message|>"
    assert shown.splitlines()[0].endswith("(style harmony); the prompt ends within it.")
    assert shown.count(f"\n{asked}\n") == 1
    assert f"\n{asked}[...]<|end|><|start|>assistant{final}{SUFFIX}\n" in shown
    assert shown.endswith(f"\n{asked}[...]{final}[...]{SUFFIX}")


def test_an_argument_that_the_template_does_not_look_at_is_refused(tokenizer):
    asked = [{"role": "user", "content": "x"}]
    with pytest.raises(BackendError, match="does not look at enable_thinking: leave it out"):
        tokenizer("mistral").chat(asked, arguments={"enable_thinking": True})
    with pytest.raises(BackendError, match="use plain prompts"):
        tokenizer("no template").chat(asked)
    with pytest.raises(CollectionError, match="no chat template that takes reasoning_effort"):
        Prompting(chat=False, arguments={"reasoning_effort": "low"})
