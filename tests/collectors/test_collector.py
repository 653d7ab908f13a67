"""The collector beside a slow, obvious one that draws each unit and probes each prefix by itself."""

from collections import Counter
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from fake_backend import FakeBackend
from hypothesis import given, settings
from hypothesis import strategies as st

from tts_gym.answers.reader import answer_reader
from tts_gym.collectors.collector import Collector, branch_seed
from tts_gym.collectors.errors import CollectionError
from tts_gym.collectors.prompts import prompt_tokens
from tts_gym.collectors.questions import Question
from tts_gym.collectors.settings import CollectionSettings, Probing, Prompting
from tts_gym.collectors.signals import answer_logprob, interval_signals
from tts_gym.collectors.units import TokenUsage, WorkUnit, all_units
from tts_gym.datasets.schema import RecordedBranch
from tts_gym.llm import Request, Sampling

SUFFIX, CLOSING = "\nSo \\boxed{", "\n</think>"
PROBES = ["1}.", "2} or \\boxed{3}", "12}\nmore", "nothing", "", "{4}", "5}" + "x" * 60]
STEPS = ["a", "aa", "<think>", "</think>", "\n", "\\boxed{7}", "The final answer is 8.\n", "hm"]
READER = next(answer_reader("auto").gen)


def write(prompt, rng):
    """Continuations from few pieces, so that branches share prefixes; a forced answer after the suffix."""
    if prompt.endswith(SUFFIX):
        return str(rng.choice(PROBES))
    return "a" * rng.integers(8) + "".join(rng.choice(STEPS, rng.integers(6)))


class WatchedBackend(FakeBackend):
    """Notes what it is asked, and how much at a time."""

    def __init__(self, **options):
        super().__init__(**{"write": write} | options)
        self.requests = []
        self.most_pending = 0
        self.pending_before = []

    def submit(self, requests):
        requests = list(requests)
        self.requests += requests
        self.pending_before += [len(self._pending.requests)] * len(requests)
        super().submit(requests)
        self.most_pending = max(self.most_pending, sum(request.n for request in self._pending.requests.values()))

    @property
    def probes(self):
        return [request for request in self.requests if is_probe(request)]


def is_probe(request):
    return request.sampling.temperature == 0


def what_is_asked(request):
    """What tells a request from every other one; probes have no seed."""
    return request.prompt, request.sampling.seed or 0


@dataclass
class Unit:
    """All that came of a unit; no branches where it failed."""

    unit: WorkUnit
    branches: dict = field(default_factory=dict)
    usage: TokenUsage = field(default_factory=TokenUsage)
    error: str | None = None


def run(backend, what, units, concurrency=8):
    """What comes of each unit, once all have ended."""
    found = {}
    for result in Collector(backend, what, READER, concurrency).run(units):
        whole = found.setdefault(result.unit.name, Unit(result.unit))
        assert whole.error is None and not whole.branches.keys() & result.branches.keys()
        whole.branches |= result.branches
        whole.usage.add(result.usage)
        whole.error = result.error
    for whole in found.values():
        branches = whole.branches
        assert whole.error or sorted(branches) == whole.unit.missing
        whole.branches = () if whole.error else tuple(branches[number] for number in sorted(branches))
    return list(found.values())


def questions(number):
    return [Question(str(place), f"question {place}", "1") for place in range(number)]


def plain_settings(**changes):
    base = CollectionSettings(
        "fake", "fake", branches=4, interval=3, max_tokens=20, block=4, top_logprobs=2, keep_text=True, seed=1
    )
    return replace(base, probing=Probing(SUFFIX, CLOSING), **changes)


def ask(backend, prompt, sampling):
    backend.submit([Request(0, tuple(prompt), sampling)])
    ((completion,),) = [result.completions for result in backend.finished()]
    return completion


def slow_unit(backend, what, unit):
    """The branches of a unit, and the prompts of their probes in the order in which they are to be made."""
    tokenizer, probing = backend.tokenizer, what.probing
    prompt = prompt_tokens(unit.question, what.prompting, tokenizer)
    room = min(what.max_tokens, backend.context - len(prompt) - len(CLOSING + SUFFIX) - probing.max_tokens)
    if room < 1:
        return None, []
    top = min(what.top_logprobs, backend.signals.top_logprobs)
    branches, asked = [], []
    for number in unit.missing:
        seed = branch_seed(what.seed, unit.key, number)
        drawn = ask(backend, prompt, Sampling(room, what.temperature, what.top_p, what.top_k, what.stop, seed, top))
        length, cut = len(drawn.tokens), drawn.finish_reason == "length"
        ends = [end for end in range(1, length) if end % what.interval == 0]
        answers, texts, taken, confidences, of_branch = [], [], [], [], []
        for end in [*ends, length] if cut else ends:
            text = tokenizer.decode(prompt) + "".join(map(chr, drawn.tokens[:end]))
            is_open = text.rfind("<think>") > text.rfind("</think>")
            written = max(n for n in range(len(CLOSING)) if text.endswith(CLOSING[:n]))
            rest = CLOSING[written:] * is_open + SUFFIX
            prefix = (*prompt, *drawn.tokens[:end].tolist(), *tokenizer.encode(rest))
            forced = ask(backend, prefix, Sampling(probing.max_tokens, 0.0, stop=probing.stop))
            answer = READER.probe(SUFFIX, forced.text).answer
            said = len(forced.tokens)
            if answer is not None:
                said = min(n for n in range(1, said + 1) if READER.probe(SUFFIX, forced.text[:n]).answer == answer)
            of_branch.append((tuple(drawn.tokens[:end].tolist()), prefix))
            answers.append(answer)
            texts.append(forced.text)
            taken.append(len(forced.tokens))
            confidences.append(answer_logprob(forced.logprobs[:said]))
        asked_text = tokenizer.decode(prompt)
        in_reasoning = asked_text.rfind("<think>") > asked_text.rfind("</think>")
        found = READER.branch("<think>" * in_reasoning + drawn.text)
        final, marker = found.answer, found.marker
        if cut and final is None and answers[-1] is not None:
            final, marker = answers[-1], "forced"
        probes = len(ends)
        signals = interval_signals(drawn, probes, what.interval) | {"answer_logprob": confidences[:probes]}
        branches.append(
            RecordedBranch(
                length,
                answers[:probes],
                final,
                drawn.finish_reason,
                signals,
                texts[:probes],
                taken[:probes],
                drawn.text if what.keep_text else None,
                marker,
                in_reasoning,
            )
        )
        asked.append(of_branch[::-1])
    return tuple(branches), asked


@st.composite
def some_settings(draw):
    return plain_settings(
        branches=draw(st.integers(1, 6)),
        block=draw(st.integers(1, 4)),
        interval=draw(st.integers(1, 9)),
        max_tokens=draw(st.integers(1, 30)),
        stop=draw(st.sampled_from([(), ("h",), ("aa", "\n")])),
        temperature=draw(st.sampled_from([0.7, 1.5])),
        top_logprobs=draw(st.integers(0, 3)),
        keep_text=draw(st.booleans()),
        prompting=draw(st.sampled_from([Prompting(), Prompting("<think>{question}", chat=False)])),
    )


@settings(deadline=None, max_examples=60)
@given(
    what=some_settings(),
    number=st.integers(1, 4),
    concurrency=st.integers(1, 30),
    at_once=st.integers(1, 9),
    context=st.sampled_from([1000, 100, 85, 75]),
    certainty=st.booleans(),
)
def test_branches_are_those_of_a_slow_collector(what, number, concurrency, at_once, context, certainty):
    backend = WatchedBackend(context=context, at_once=at_once, self_certainty=certainty)
    slow = FakeBackend(write, context=context, self_certainty=certainty)
    units = list(all_units(questions(number), what.branches, what.block))
    results = run(backend, what, units, concurrency)
    assert {result.unit for result in results} == set(units)
    probed = Counter()
    for result in results:
        branches, asked = slow_unit(slow, what, result.unit)
        probed.update(dict(pair for of_branch in asked for pair in of_branch).values())
        if branches is None:
            assert result.branches == () and "leaves no room" in result.error
        else:
            assert (result.branches, result.error) == (branches, None)
    assert Counter(request.prompt for request in backend.probes) == probed
    assert backend.most_pending <= concurrency


@settings(deadline=None, max_examples=40)
@given(what=some_settings(), question=st.integers(0, 50))
def test_prefixes_are_probed_once_and_the_longest_of_a_branch_first(what, question):
    backend = WatchedBackend(at_once=1000)
    unit = WorkUnit("k", Question("q", f"question {question}", "1"), 0, what.branches)
    run(backend, what, [unit], concurrency=1000)
    _, asked = slow_unit(FakeBackend(write), what, unit)
    made = [request.prompt for request in backend.probes]
    assert Counter(made) == Counter(dict(pair for of_branch in asked for pair in of_branch).values())
    prompts = [[prompt for _, prompt in of_branch] for of_branch in asked]
    for of_branch in prompts:
        own = [prompt for prompt in of_branch if sum(prompt in other for other in prompts) == 1]
        assert [prompt for prompt in made if prompt in own] == own


def test_usage_is_what_the_requests_took():
    backend = WatchedBackend()
    (result,) = run(backend, plain_settings(), all_units(questions(1), 4, 4))
    draws = [request for request in backend.requests if not is_probe(request)]
    assert result.usage.prompt == sum(len(draw.prompt) for draw in draws) and len(draws) == 4
    assert result.usage.generated == sum(branch.tokens for branch in result.branches)
    assert result.usage.prefix == sum(len(request.prompt) for request in backend.probes)
    assert 0 < result.usage.cached < result.usage.prefix
    assert result.usage.probe == sum(
        len(ask(FakeBackend(write), request.prompt, request.sampling).tokens) for request in backend.probes
    )


@pytest.mark.parametrize(
    ("text", "final"),
    [
        ("nothing yet " * 9, "from the probe"),
        ("The final answer is 8. " + "and so on " * 9, "8"),
    ],
)
def test_a_branch_that_is_cut_off_is_made_to_answer_where_it_has_not(text, final):
    backend = FakeBackend(lambda prompt, rng: "from the probe}" if prompt.endswith(SUFFIX) else text)
    for length in (30, 31, 50):
        what = plain_settings(interval=10, max_tokens=length)
        ((branch,),) = [result.branches for result in run(backend, what, all_units(questions(1), 1, 1))]
        assert (branch.finish_reason, branch.tokens, branch.final_answer) == ("length", length, final)
        assert branch.probe_answers == ["from the probe"] * ((length - 1) // 10)


def test_a_branch_that_ended_without_answer_has_none():
    backend = FakeBackend(lambda prompt, rng: "1}" if prompt.endswith(SUFFIX) else "no idea at all")
    ((branch,),) = [result.branches for result in run(backend, plain_settings(), all_units(questions(1), 1, 1))]
    assert (branch.finish_reason, branch.final_answer, set(branch.probe_answers)) == ("stop", None, {"1"})


class FailingBackend(WatchedBackend):
    """Fails requests that are in ``doomed`` that many times."""

    def __init__(self, doomed, **options):
        super().__init__(fail=self.failure, **options)
        self.doomed = Counter(doomed)
        self.failed = Counter()

    def failure(self, request):
        key = what_is_asked(request)
        if self.failed[key] < self.doomed[key]:
            self.failed[key] += 1
            return f"failure {self.failed[key]}"
        return None


@settings(deadline=None, max_examples=40)
@given(st.data())
def test_failing_requests_are_tried_again_alone_and_harm_no_other(data):
    what = plain_settings(branches=2, block=2, max_tokens=10)
    units = list(all_units(questions(5), 2, 2))
    dry = WatchedBackend()
    expected = {result.unit: result for result in run(dry, what, units)}
    requests = sorted(set(map(what_is_asked, dry.requests)))
    doomed = data.draw(st.dictionaries(st.sampled_from(requests), st.integers(1, 5), max_size=6))
    backend = FailingBackend(doomed, at_once=data.draw(st.integers(1, 9)))
    results = run(backend, what, units, data.draw(st.integers(1, 30)))

    assert {result.unit for result in results} == set(units)
    made = Counter()
    for request, pending in zip(backend.requests, backend.pending_before, strict=True):
        key = what_is_asked(request)
        made[key] += 1
        assert made[key] <= 3
        if made[key] > 1:
            assert pending == 0
    for result in results:
        prompt = prompt_tokens(result.unit.question, what.prompting, backend.tokenizer)
        fatal = [key for key, times in doomed.items() if times >= 3 and key[0][: len(prompt)] == prompt]
        assert (result.error is None) == (not fatal)
        if fatal:
            assert result.branches == () and "failed 3 times, the last time because failure 3" in result.error
        else:
            assert result.branches == expected[result.unit].branches


def test_a_failure_says_what_failed():
    units = list(all_units(questions(2), 1, 1))
    prompts = [prompt_tokens(unit.question, Prompting(), FakeBackend().tokenizer) for unit in units]

    def fail(request):
        if request.prompt == prompts[0]:
            return "the engine died"
        return "out of memory" if request.prompt[: len(prompts[1]) + 3] == (*prompts[1], *map(ord, "aaa")) else None

    backend = FakeBackend(lambda prompt, rng: "aaaaa", fail=fail)
    errors = {result.unit.question.id: result.error for result in run(backend, plain_settings(), units)}
    assert errors == {
        "0": "branch 0 failed 3 times, the last time because the engine died",
        "1": "the probe after 3 tokens of branch 0 failed 3 times, the last time because out of memory",
    }


def test_a_prompt_that_is_too_long_fails_its_unit_only():
    asked = questions(3)
    asked[1] = Question("long", "x" * 500, "1")
    results = run(WatchedBackend(context=300), plain_settings(), all_units(asked, 4, 2))
    failed = {(result.unit.question.id, result.unit.first): result.error for result in results if result.error}
    assert failed.keys() == {("long", 0), ("long", 2)}
    assert all("518 tokens leaves no room in the context" in error for error in failed.values())


def test_probes_fit_into_the_context_beside_the_longest_branch():
    """The branch is as long as lets the last probe end within the context."""
    backend = WatchedBackend(write=lambda prompt, rng: "<think>" + "a" * 500, context=200)
    (result,) = run(backend, plain_settings(max_tokens=1000, interval=10), all_units(questions(1), 1, 1))
    assert result.error is None
    assert max(len(request.prompt) + request.sampling.max_tokens for request in backend.requests) == 200


def test_units_are_taken_as_there_is_room():
    units = list(all_units(questions(10_000), 4, 4))
    waiting = iter(units)
    backend = WatchedBackend()
    taken = 0

    def counted():
        nonlocal taken
        for unit in waiting:
            taken += 1
            yield unit

    results = Collector(backend, plain_settings(), READER, concurrency=16).run(counted())
    for done in range(1, 101):
        next(results)
        assert 4 * taken - done < 16 + 4
    assert next(waiting) == units[taken]


def test_seeds_fix_the_draws_and_differ_between_units():
    asked = questions(2)

    def drawn(seed, block, backend=FakeBackend):
        what = plain_settings(seed=seed, block=block)
        results = run(backend(write), what, all_units(asked, 4, block))
        return {(result.unit.question.id, result.unit.first): result.branches for result in results}

    once = drawn(1, 2)
    assert once == drawn(1, 2)
    assert once != drawn(2, 2)
    assert once["0", 0] != once["0", 2]
    assert drawn(1, 4)["0", 0] == once["0", 0] + once["0", 2]


def test_only_the_missing_branches_of_a_unit_are_drawn():
    unit = WorkUnit("k", questions(1)[0], 2, 4)
    (whole,) = run(WatchedBackend(), plain_settings(), [unit])
    backend = WatchedBackend()
    (rest,) = run(backend, plain_settings(), [replace(unit, kept=frozenset({2, 5}))])
    assert rest.branches == whole.branches[1:3]
    assert sum(not is_probe(request) for request in backend.requests) == 2


def test_a_branch_is_finished_before_the_others_of_its_unit_have_ended():
    lengths = {branch_seed(1, "k", number): length for number, length in enumerate([5, 900, 400, 60])}

    def long_and_short(prompt, rng):
        return "1}" if prompt.endswith(SUFFIX) else "a" * lengths[int(rng.bit_generator.seed_seq.entropy[2])]

    backend = WatchedBackend(write=long_and_short)
    what = plain_settings(max_tokens=1000, interval=100)
    results = Collector(backend, what, READER).run([WorkUnit("k", questions(1)[0], 0, 4)])
    order = [number for result in results for number in result.branches]
    assert order == [0, 3, 2, 1]


def test_a_backend_of_conversations_is_refused():
    backend = FakeBackend()
    backend.signals = replace(backend.signals, probes=False)
    with pytest.raises(CollectionError, match="fake has conversations only"):
        Collector(backend, plain_settings(), READER)


def test_a_backend_that_cannot_seed_refuses_seeds():
    with pytest.raises(CollectionError, match="fake runs where draws cannot be seeded: leave the seed out"):
        Collector(FakeBackend(seeds=False), plain_settings(seed=1), READER)
    Collector(FakeBackend(seeds=False), plain_settings(seed=None), READER)


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ({"self_certainty": True}, ["mean", "min", "tail", "topk", "answer", "self"]),
        ({"top_logprobs": 0}, ["mean", "min", "tail", "answer"]),
        ({"logprobs": False, "top_logprobs": 0}, []),
        ({"token_ids": False}, []),
    ],
)
def test_signals_that_the_backend_cannot_give_are_left_out(options, names):
    backend = FakeBackend(write, **options)
    results = run(backend, plain_settings(), all_units(questions(3), 4, 4))
    assert [result.error for result in results] == [None] * 3
    for branch in (branch for result in results for branch in result.branches):
        assert [name.partition("_")[0] for name in branch.signals] == names
        assert all(len(values) == len(branch.probe_answers) for values in branch.signals.values())
        assert all(np.isfinite(values).all() for values in branch.signals.values())


@pytest.mark.parametrize("token_ids", [True, False])
def test_a_branch_that_says_nothing_is_a_token_long(token_ids):
    """The token that ended it, whether the backend tells of it or not."""
    backend = FakeBackend(lambda prompt, rng: "", token_ids=token_ids)
    (result,) = run(backend, plain_settings(), all_units(questions(1), 2, 2))
    assert [(branch.tokens, branch.final_answer) for branch in result.branches] == [(1, None)] * 2
