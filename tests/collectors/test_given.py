"""Branches that are there already are probed as if they had just been drawn."""

import json
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from fake_backend import END, FakeBackend, FakeTokenizer
from hypothesis import given, settings
from hypothesis import strategies as st

from tts_gym.answers.reader import answer_reader
from tts_gym.collectors.collect import collect
from tts_gym.collectors.collector import Collector
from tts_gym.collectors.errors import CollectionError
from tts_gym.collectors.given_store import GivenStore
from tts_gym.collectors.prompts import prompt_tokens
from tts_gym.collectors.questions import Question
from tts_gym.collectors.settings import CollectionSettings, GivenTexts, Probing, Prompting
from tts_gym.collectors.signals import interval_signals
from tts_gym.collectors.store import holds_store
from tts_gym.collectors.units import GivenBranch, all_units
from tts_gym.datasets.parquet import read_store, write_store
from tts_gym.datasets.recordings import read_records
from tts_gym.datasets.schema import RecordedBranch, RecordedQuestion
from tts_gym.errors import StoreError
from tts_gym.llm import Request, Sampling

SUFFIX, CLOSING = "\nSo \\boxed{", "\n</think>"
DRAWN = CollectionSettings(
    "fake",
    "models/fake",
    branches=4,
    interval=10,
    max_tokens=60,
    block=3,
    top_logprobs=2,
    keep_text=True,
    probing=Probing(SUFFIX, CLOSING),
)
QUESTIONS = [Question(f"q{number}", f"What is {number} + 1?", str(number + 1)) for number in range(4)]
METADATA = {
    "name": "own",
    "model": "theirs",
    "benchmark": "sums",
    "interval": 500,
    "synthetic": False,
    "license": "MIT",
    "sampling": {},
    "seeds": [],
    "probes": False,
    "import": {"source": "samples.jsonl", "answers": "final-answer"},
}


def write(prompt, rng):
    if prompt.endswith(SUFFIX):
        return f"{rng.integers(3)}}}"
    steps = "".join(rng.choice(["hm ", "<think>", "</think>", "so "], rng.integers(18)))
    return steps + f"The final answer is {rng.integers(3)}."


class Model:
    """A runner over a fake backend that counts the branches it works on."""

    def __init__(self, **backend):
        self.backend = {"write": write} | backend
        self.tokenizer = FakeTokenizer()
        self.worked_on = 0
        self.requests = []

    @contextmanager
    def __call__(self, settings):
        backend = FakeBackend(**self.backend)
        backend.tokenizer = self.tokenizer
        submit = backend.submit
        backend.submit = lambda requests: submit([self.requests.append(one) or one for one in requests])
        with answer_reader(settings.answers) as reader:
            collector = Collector(backend, settings, reader, concurrency=4)

            def units(waiting):
                for result in collector.run(waiting):
                    self.worked_on += len(result.branches)
                    yield result

            yield units


def draw(directory, settings=DRAWN, questions=QUESTIONS):
    collect(questions, settings, directory, "sums", "MIT", Model())
    return directory


def probe(store, out, model=None, confidences=False, read_anew=False, questions=None, fresh=False, **changes):
    source = GivenStore(str(store), read_anew)
    asked = source.questions if questions is None else source.asked(questions)
    what = replace(DRAWN, **changes, given=source.texts(confidences))
    return collect(asked, what, out, "sums", "MIT", model or Model(), fresh=fresh, given=source)


def branches_of(directory):
    return [branch for question in read_records(directory)[1] for branch in question.branches]


def without_signals(branches, *kept):
    """Branches with the signals ``kept`` only, and without the mark of the final answer."""
    return [replace(branch, marker=None, signals={name: branch.signals[name] for name in kept}) for branch in branches]


def work_on(what, units, **backend):
    """The branches of units, one after the other."""
    with answer_reader(what.answers) as reader:
        results = list(Collector(FakeBackend(write, **backend), what, reader, concurrency=5).run(units))
    assert not any(result.error for result in results)
    found = {(result.unit.name, number): branch for result in results for number, branch in result.branches.items()}
    return [found[unit.name, number] for unit in units for number in unit.numbers]


@settings(max_examples=30, deadline=None)
@given(
    interval=st.integers(1, 40),
    template=st.sampled_from(["{question}", "{question}<think>"]),
    confidences=st.booleans(),
    certainty=st.booleans(),
    at_once=st.integers(1, 9),
)
def test_branches_are_probed_as_if_they_had_just_been_drawn(interval, template, confidences, certainty, at_once):
    """Whatever the interval they were recorded with, all is as drawing them with this one would have had it."""
    what = replace(DRAWN, prompting=Prompting(template, chat=False))
    units = list(all_units(QUESTIONS, what.branches, what.block))
    recorded = iter(work_on(what, units))
    known = [
        replace(
            unit,
            given=tuple(
                GivenBranch(branch.text, branch.tokens, branch.finish_reason, branch.in_reasoning, branch.final_answer)
                for branch in islice(recorded, unit.count)
            ),
        )
        for unit in units
    ]
    expected = work_on(replace(what, interval=interval), units)
    given = replace(what, interval=interval, given=GivenTexts("own", "", confidences))
    probed = work_on(given, known, self_certainty=certainty, at_once=at_once)
    assert without_signals(probed, "answer_logprob") == without_signals(expected, "answer_logprob")
    scored = ["mean_logprob", "min_logprob", "tail_logprob", "topk_confidence", *["self_certainty"] * certainty]
    assert all(branch.signals.keys() == {"answer_logprob", *scored * confidences} for branch in probed)


def test_scores_are_reduced_to_the_signals_of_collecting(tmp_path):
    source = draw(tmp_path / "source")
    probe(source, tmp_path / "probed", confidences=True, interval=7)
    backend = FakeBackend(write)
    for question, asked in zip(read_records(tmp_path / "probed")[1], QUESTIONS, strict=True):
        prompt = prompt_tokens(asked, DRAWN.prompting, backend.tokenizer)
        for branch in question.branches:
            scored = (branch.tokens - 1) // 7 * 7
            if not scored:
                assert branch.signals["min_logprob"] == []
                continue
            tokens = (*prompt, *backend.tokenizer.encode(branch.text)[:scored])
            backend.submit([Request(0, tokens, Sampling(1, 0.0, top_logprobs=2), scored=scored)])
            (completion,) = backend.finished()[0].completions
            for name, values in interval_signals(completion, scored // 7, 7).items():
                assert branch.signals[name] == pytest.approx(values)


@pytest.mark.parametrize("confidences", [True, False])
def test_a_branch_is_scored_before_it_is_probed_the_longest_prefix_first(tmp_path, confidences):
    source, model = own_store(tmp_path / "own", sample("so " * 10, 31)), Model(at_once=1)
    probe(source, tmp_path / "probed", model, confidences=confidences, interval=7)
    prompt = len(prompt_tokens(QUESTIONS[0], DRAWN.prompting, model.tokenizer))
    asked = [(request.scored, len(request.prompt) - prompt) for request in model.requests]
    assert asked == [(28, 28)] * confidences + [(0, end + len(SUFFIX)) for end in (28, 21, 14, 7)]


def test_nothing_is_drawn_and_no_token_counted_as_generated(tmp_path):
    model = Model()
    progress = probe(draw(tmp_path / "source"), tmp_path / "probed", model)
    assert all(request.prompt[-len(SUFFIX) :] == tuple(map(ord, SUFFIX)) for request in model.requests)
    assert progress.usage.generated == 0 and progress.usage.probe > 0
    assert progress.usage.prefix == sum(len(request.prompt) for request in model.requests)


def test_the_store_tells_who_drew_and_who_probed(tmp_path, run):
    source = draw(tmp_path / "source")
    probe(source, tmp_path / "probed", model=Model(), interval=7)
    before, metadata = read_store(source).metadata, read_store(tmp_path / "probed").metadata
    assert (metadata["model"], metadata["interval"], metadata["sampling"]) == ("models/fake", 7, before["sampling"])
    assert metadata["probing_model"] == "models/fake"
    assert metadata["given"]["collection"] == before["collection"] and metadata["given"]["sha256"] == before["sha256"]
    assert metadata["given"]["branches_of_other_length"] == 0
    source = GivenStore(str(tmp_path / "probed"))
    what = replace(DRAWN, model="other/prober", interval=5, given=source.texts(False))
    collect(source.questions, what, tmp_path / "again", "sums", "MIT", Model(), given=source)
    assert read_store(tmp_path / "again").metadata["given"]["given"]["sha256"] == before["sha256"]
    for arguments in (("stores", "info"), ("stores", "card")):
        status, out, _ = run(*arguments, tmp_path / "again")
        assert status == 0 and "models/fake" in out and "other/prober" in out
    assert "every 5 tokens by asking `other/prober`" in out and "probes every 7 tokens" in out


@pytest.mark.parametrize("damage", ["missing", "flipped"])
def test_only_what_is_missing_is_probed_again(tmp_path, damage):
    source, out = draw(tmp_path / "source"), tmp_path / "out"
    probe(source, out)
    whole = branches_of(out)
    shards = sorted((out / ".collection" / "shards").iterdir())
    lost = sum(pq.read_metadata(shard).num_rows for shard in shards[1:3])
    for shard in shards[1:3]:
        shard.unlink() if damage == "missing" else shard.write_bytes(shard.read_bytes()[:-1] + b"x")
    model = Model()
    assert probe(source, out, model).kept == 16 - lost
    assert model.worked_on == lost == 4 and branches_of(out) == whole
    model = Model()
    probe(source, out, model)
    assert model.worked_on == 0


def test_failed_units_are_noted_and_tried_again(tmp_path):
    source, out = draw(tmp_path / "source"), tmp_path / "out"

    def fail(request):
        return "it is too hard" if "2 + 1" in "".join(map(chr, request.prompt)) else None

    with pytest.raises(CollectionError, match="4 branches failed .* the probe after .* it is too hard"):
        probe(source, out, Model(fail=fail))
    with pytest.raises(CollectionError, match="4 branches failed .* the scores of .* it is too hard"):
        probe(source, tmp_path / "scored", Model(fail=fail), confidences=True)
    model = Model()
    probe(source, out, model)
    assert model.worked_on == 4 and len(branches_of(out)) == 16


def test_a_directory_is_of_one_source_and_one_way_to_ask(tmp_path):
    source, other = draw(tmp_path / "source"), draw(tmp_path / "other", questions=QUESTIONS[:3])
    probe(source, tmp_path / "out")
    with pytest.raises(CollectionError, match="given.sha256 was"):
        probe(other, tmp_path / "out")
    with pytest.raises(CollectionError, match="given.confidences was False and is True"):
        probe(source, tmp_path / "out", confidences=True)
    with pytest.raises(CollectionError, match="given was None"):
        probe(source, other)
    with pytest.raises(CollectionError, match="is the store whose branches are to be probed"):
        probe(source, source, fresh=True)
    assert len(branches_of(source)) == 16
    probe(other, tmp_path / "out", fresh=True)
    assert len(branches_of(tmp_path / "out")) == 12


def test_what_cannot_score_is_refused_before_anything_is_asked(tmp_path):
    source, model = draw(tmp_path / "source"), Model(scores=False)
    with pytest.raises(CollectionError, match="fake gives no log-probabilities of tokens that it did not generate"):
        probe(source, tmp_path / "out", model, confidences=True)
    assert model.requests == []
    probe(source, tmp_path / "without", model)
    assert read_store(tmp_path / "without").signals == ("answer_logprob",)


def own_store(directory, *branches, metadata=METADATA, questions=1):
    """A store of samples that somebody has, without probes."""
    records = [
        RecordedQuestion(f"q{number}", f"What is {number} + 1?", str(number + 1), list(branches[number::questions]))
        for number in range(questions)
    ]
    write_store(directory, records, metadata)
    return directory


def sample(text, tokens, final="1", **more):
    return RecordedBranch(tokens, [], final, **{"finish_reason": "stop", "text": text} | more)


def test_samples_without_probes_get_them(tmp_path):
    texts = ["hm " * 8, "so " * 30, "The final answer is 2.", ""]
    own = [sample(text, max(1, len(text))) for text in texts]
    source = own_store(tmp_path / "own", *own[:3], own[3], questions=2)
    probe(source, tmp_path / "probed", interval=10)
    metadata, questions = read_records(tmp_path / "probed")
    branches = [branch for question in questions for branch in question.branches]
    assert "probes" not in metadata and metadata["name"] == "fake/sums"
    assert sorted(branch.text for branch in branches) == sorted(texts)
    for branch in branches:
        assert len(branch.probe_answers) == max(0, len(branch.text) - 1) // 10 == len(branch.probe_text)
        assert (branch.final_answer, branch.finish_reason) == ("1", "stop")
    assert metadata["markers"] == {"recorded": 4}
    assert "import" not in metadata and metadata["given"]["import"] == METADATA["import"]
    assert GivenStore(str(source)).settings == {"answers": "final-answer"}


def test_questions_may_have_different_numbers_of_branches(tmp_path):
    source = own_store(tmp_path / "own", *(sample(f"{n} so" * 9, 40) for n in range(9)), questions=2)
    probe(source, tmp_path / "probed", interval=10)
    assert [branch.text for branch in branches_of(tmp_path / "probed")] == [b.text for b in branches_of(source)]
    assert read_store(tmp_path / "probed").branch_counts.tolist() == [5, 4]


@pytest.mark.parametrize(
    ("final", "finish", "read_anew", "expected"),
    [
        ("5", "stop", False, "5"),
        ("5", "stop", True, "7"),
        (None, "stop", False, "7"),
        ("5", "length", False, "5"),
        (None, None, True, "7"),
    ],
)
def test_recorded_final_answers_stay_unless_they_are_to_be_read(tmp_path, final, finish, read_anew, expected):
    source = own_store(tmp_path / "own", sample("The final answer is 7.", 22, final, finish_reason=finish))
    probe(source, tmp_path / "probed", read_anew=read_anew, interval=10)
    (branch,) = branches_of(tmp_path / "probed")
    assert (branch.final_answer, branch.finish_reason) == (expected, finish)


def test_a_branch_that_was_cut_off_without_answer_is_made_to_answer(tmp_path):
    source = own_store(tmp_path / "own", sample("no idea " * 5, 40, None, finish_reason="length"))
    probe(source, tmp_path / "probed", Model(write=lambda prompt, rng: "9}"), interval=10)
    (branch,) = branches_of(tmp_path / "probed")
    assert (branch.final_answer, branch.tokens, branch.probe_answers) == ("9", 40, ["9"] * 3)


@pytest.mark.parametrize("in_reasoning", [True, False])
def test_reasoning_that_a_prompt_of_theirs_opened_is_open_in_ours(tmp_path, in_reasoning):
    text = "hm hm hm hm</think>so it is, so it is"
    source = own_store(tmp_path / "own", sample(text, len(text), in_reasoning=in_reasoning))
    model = Model()
    probe(source, tmp_path / "probed", model, interval=10)
    asked = sorted(("".join(map(chr, request.prompt)) for request in model.requests), key=len)
    assert [CLOSING in prompt for prompt in asked] == [in_reasoning, False, False]
    assert all(("<think>" in prompt) == in_reasoning for prompt in asked)
    (branch,) = branches_of(tmp_path / "probed")
    assert branch.in_reasoning == in_reasoning


class PairsTokenizer(FakeTokenizer):
    """Two characters a token, with a space before the first word of a text, as some tokenizers have it."""

    def encode(self, text):
        text = f" {text}"
        return tuple(sum(ord(c) << 8 * n for n, c in enumerate(text[at : at + 2])) for at in range(0, len(text), 2))

    def decode(self, ids, special=False):
        return "".join(chr(token & 255) + (chr(token >> 8) if token >> 8 else "") for token in ids if token != END)

    def decode_after(self, prompt, ids):
        return self.decode(ids)


def test_lengths_are_those_of_the_probing_model_and_their_number_is_told(tmp_path):
    text = "12345678 and so on"
    source = own_store(tmp_path / "own", sample(text, 99), sample(text, 9))
    model = Model()
    model.tokenizer = PairsTokenizer()
    probe(source, tmp_path / "probed", model, interval=4)
    metadata = read_records(tmp_path / "probed")[0]
    assert [branch.tokens for branch in branches_of(tmp_path / "probed")] == [10, 9]
    assert (metadata["given"]["branches_of_other_length"], metadata["given"]["tokens"]) == (1, 108)


def test_a_branch_beyond_the_context_fails_its_unit_only(tmp_path):
    source = own_store(tmp_path / "own", sample("so " * 10, 30), sample("so " * 90, 270), questions=2)
    with pytest.raises(CollectionError, match="1 branches failed .* a branch of 260 tokens exceeds the context of 200"):
        probe(source, tmp_path / "out", Model(context=200), interval=10)
    assert len(list((tmp_path / "out" / ".collection" / "shards").iterdir())) == 1
    probe(source, tmp_path / "out", interval=10)


def test_worked_examples_come_from_questions_with_the_ids_of_the_store(tmp_path):
    source, model = draw(tmp_path / "source"), Model()
    examples = (("What is 8 + 1?", "9"),)
    own = [replace(QUESTIONS[2], examples=examples, gold="wrong"), replace(QUESTIONS[0], examples=examples)]
    progress = probe(source, tmp_path / "out", model, questions=[*own, Question("unknown", "?", "1")])
    assert progress.branches == 8
    assert all("8 + 1?\n<assistant>9" in "".join(map(chr, request.prompt)) for request in model.requests)
    _, questions = read_records(tmp_path / "out")
    assert [(question.id, question.gold) for question in questions] == [("q0", "1"), ("q2", "3")]
    with pytest.raises(CollectionError, match="has another question under the id 'q1'"):
        GivenStore(str(source)).asked([Question("q1", "What else?", "2")])
    with pytest.raises(CollectionError, match="has none of these questions, but such as 'q0'"):
        GivenStore(str(source)).asked([Question("0", "What is 0 + 1?", "1")])


def test_stores_without_texts_are_refused(tmp_path, store_file):
    draw(tmp_path / "source", replace(DRAWN, keep_text=False))
    for store in (tmp_path / "source", "synthetic-small", store_file):
        with pytest.raises(CollectionError, match="keeps no texts of its branches, .* collect it with --keep-text"):
            GivenStore(str(store))
    with pytest.raises(StoreError, match="no store"):
        GivenStore("missing")


def test_a_store_of_the_first_version_can_be_probed(tmp_path):
    source = GivenStore("smollm2-arithmetic")
    questions = source.asked(source.questions[3:5])
    what = replace(DRAWN, interval=100, answers="final-answer", given=source.texts(False))
    collect(questions, what, tmp_path / "out", "sums", given=source, runner=Model())
    assert holds_store(tmp_path / "out", questions, what)
    assert len(branches_of(tmp_path / "out")) == 128


@pytest.fixture
def command(run, monkeypatch, tmp_path):
    """Run ``tts-gym collect`` with the fake backend."""
    import signal
    import sys
    from importlib.metadata import EntryPoint
    from types import SimpleNamespace

    from tts_gym.registry import BACKENDS

    monkeypatch.setitem(sys.modules, "tts_gym.llm.fake", SimpleNamespace(make=lambda model: FakeBackend(write)))
    monkeypatch.setitem(BACKENDS.shipped, "openai", EntryPoint("openai", "tts_gym.llm.fake:make", ""))
    before = signal.getsignal(signal.SIGTERM)
    yield lambda *arguments: run(
        "collect", *arguments, "--model", "prober", "--backend", "openai", "--out", tmp_path / "out"
    )
    signal.signal(signal.SIGTERM, before)


def test_the_command_takes_what_it_is_not_told_from_the_store(command, run, tmp_path):
    source = draw(tmp_path / "source")
    status, out, err = command("--probe", source, "--confidences")
    assert (status, err) == (0, "")
    assert "4 questions with 4 branches each" in out and out.count("\n") == 1
    metadata, probed = read_store(tmp_path / "out").metadata, branches_of(tmp_path / "out")
    assert without_signals(probed) == without_signals(branches_of(source))
    assert metadata["collection"]["settings"]["probing"]["suffix"] == SUFFIX
    assert (metadata["name"], metadata["license"], metadata["benchmark"]) == ("fake/sums", "MIT", "sums")
    assert "topk_confidence" in read_store(tmp_path / "out").signals
    assert run("evaluate", tmp_path / "out", "-c", "answer-consistency:n=3", "--seeds", 2)[0] == 0
    again = ["--probe", source, "--confidences", "--interval", 20, "--name", "coarse", "--probe-suffix", "\n\\boxed{"]
    status, _, err = command(*again)
    assert status == 2 and "interval was 10 and is 20; probing.suffix was" in err
    assert command(*again, "--fresh")[0] == 0
    metadata = read_store(tmp_path / "out").metadata
    assert (metadata["interval"], metadata["name"]) == (20, "coarse")


def test_the_command_tells_what_is_left_out_and_counted_otherwise(command, tmp_path):
    source = own_store(tmp_path / "own", sample("so " * 9, 99), sample("so " * 8, 24), questions=2)
    Path(tmp_path / "some.jsonl").write_text(json.dumps({"id": "q0", "question": "What is 0 + 1?"}))
    status, out, err = command(tmp_path / "some.jsonl", "--probe", source, "--interval", 10)
    assert (status, err) == (0, "")
    assert "1 questions of " in out and "not among QUESTIONS" in out
    assert (
        "1 branches have another length by the tokenizer of prober than was recorded: 28 tokens in all, not 99" in out
    )


def test_a_dry_run_counts_the_recorded_tokens(command, tmp_path):
    source = own_store(tmp_path / "own", sample("so", 31), sample("so", 5))
    status, out, _ = command("--probe", source, "--interval", 10, "--dry-run")
    figures = dict([cell.strip() for cell in line.split("│")[1:-1]] for line in out.splitlines() if "│" in line)
    assert status == 0 and not (tmp_path / "out").exists()
    # A prompt of 4 tokens, and probes after 10, 20 and 30 of the first branch.
    expected = {"branches": "2", "probes": "3", "generated": "0", "prompt": "34", "prefix": "72", "probe": "96"}
    assert expected.items() <= figures.items()


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--temperature", "0.5"], "nothing is drawn where the branches of"),
        (["-n", "8"], "Invalid value for --branches: nothing is drawn"),
        (["--max-tokens", "8"], "Invalid value for --max-tokens: nothing is drawn"),
        (["--keep-text"], "Invalid value for --keep-text: nothing is drawn"),
        (["--answers", "guess"], "no rule 'guess'"),
    ],
)
def test_options_of_drawing_are_refused(command, tmp_path, more, words):
    source = own_store(tmp_path / "own", sample("so", 31))
    status, out, err = command("--probe", source, *more)
    assert (status, out) == (2, "") and words in err.splitlines()[-1]
    assert not (tmp_path / "out" / "metadata.json").exists()


def test_what_is_asked_must_be_said(command, tmp_path):
    assert "give questions, or a store with --probe" in command()[2]
    (tmp_path / "q.jsonl").write_text('{"question": "1 + 1?", "gold": "2"}')
    assert "it is that of --probe" in command(tmp_path / "q.jsonl", "--confidences")[2]
    status, _, err = command("--probe", "synthetic-small")
    assert (status, err.count("\n")) == (2, 1) and "synthetic-small keeps no texts" in err
