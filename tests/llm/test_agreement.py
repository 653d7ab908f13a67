"""The three backends mean the same by a request and a result."""

import numpy as np
import pytest

from engines import CONTEXT
from tts_gym.errors import BackendError
from tts_gym.llm import Request, Sampling, make_backend

pytestmark = [pytest.mark.vllm, pytest.mark.filterwarnings("ignore")]

PROMPTS = ["What is 1 + 1?", "step by step, 漢字 🙂", "The final answer is", "x", "12 + 30 = 42 " * 10]
KINDS = ["transformers_model", "engine", "client"]
END = 0


@pytest.fixture(params=KINDS)
def backend(request):
    return request.getfixturevalue(request.param)


def run(backend, requests):
    """Results by key, and the sizes of the lists they came in."""
    backend.submit(requests)
    results, sizes = {}, []
    while done := backend.finished():
        sizes.append(len(done))
        assert not results.keys() & {result.key for result in done}
        results |= {result.key: result for result in done}
    return results, sizes


def only(backend, text, n=1, **sampling):
    """The result of one request."""
    results, _ = run(backend, [Request(7, backend.tokenizer.encode(text), Sampling(**sampling), n)])
    return results[7]


@pytest.mark.parametrize("kind", KINDS[1:])
def test_greedy_decoding_is_the_same(request, kind):
    reference, other = request.getfixturevalue(KINDS[0]), request.getfixturevalue(kind)
    sampling = Sampling(60, temperature=0, top_logprobs=5)
    requests = [Request(key, reference.tokenizer.encode(text), sampling) for key, text in enumerate(PROMPTS)]
    expected, _ = run(reference, requests)
    results, _ = run(other, requests)
    assert results.keys() == expected.keys() == set(range(len(PROMPTS)))
    for key, result in results.items():
        assert (result.error, result.prompt_tokens) == (None, len(requests[key].prompt))
        (one,), (two,) = expected[key].completions, result.completions
        assert two.tokens.dtype == np.int32 and two.tokens.tolist() == one.tokens.tolist()
        assert two.logprobs.dtype == two.top_logprobs.dtype == np.float32
        np.testing.assert_allclose(two.logprobs, one.logprobs, atol=1e-4)
        np.testing.assert_allclose(two.top_logprobs, one.top_logprobs, atol=1e-4)
        assert (two.text, two.finish_reason) == (one.text, one.finish_reason)
    assert {result.completions[0].finish_reason for result in results.values()} == {"stop", "length"}


def test_results_keep_their_promises(backend):
    result = only(backend, PROMPTS[0], n=20, max_tokens=200, temperature=1.0, top_logprobs=3)
    assert len(result.completions) == 20
    assert len({completion.tokens.tobytes() for completion in result.completions}) > 15
    assert {completion.finish_reason for completion in result.completions} == {"stop", "length"}
    for completion in result.completions:
        length = len(completion.tokens)
        assert 1 <= length <= 200 and completion.logprobs.shape == (length,)
        assert completion.top_logprobs.shape == (length, 3)
        assert (completion.logprobs <= 1e-6).all() and (np.diff(completion.top_logprobs) <= 0).all()
        assert (END in completion.tokens) == (completion.finish_reason == "stop")
        assert END not in completion.tokens[:-1]
        prompt = backend.tokenizer.encode(PROMPTS[0])
        assert completion.text == backend.tokenizer.decode_after(prompt, completion.tokens.tolist())


@pytest.mark.parametrize("top", [0, 3])
def test_tokens_that_are_given_score_as_they_did_when_they_were_generated(backend, top):
    prompt = backend.tokenizer.encode(PROMPTS[4])
    requests = [Request(key, prompt, Sampling(9 * key, temperature=1.0, top_logprobs=top)) for key in (1, 2, 7)]
    drawn, _ = run(backend, requests)
    for repeat in range(2):  # The second time, the prefix cache holds them.
        given = [(key, result.completions[0]) for key, result in drawn.items()]
        scoring = [
            Request(key, (*prompt, *one.tokens.tolist()), Sampling(1, 0.0, top_logprobs=top), scored=len(one.tokens))
            for key, one in given
        ]
        scored, _ = run(backend, scoring)
        for key, one in given:
            assert (scored[key].error, scored[key].prompt_tokens) == (None, len(prompt) + len(one.tokens)), repeat
            (two,) = scored[key].completions
            assert two.tokens.dtype == np.int32 and two.tokens.tolist() == one.tokens.tolist() and two.text == ""
            for name in ("logprobs", "top_logprobs", "self_certainty"):
                before, after = getattr(one, name), getattr(two, name)
                assert (before is None) == (after is None)
                if before is not None:
                    assert after.dtype == np.float32 and after.shape == before.shape
                    np.testing.assert_allclose(after, before, atol=1e-3)


def test_log_probabilities_are_those_before_the_temperature(backend):
    greedy = only(backend, PROMPTS[0], max_tokens=1, temperature=0, top_logprobs=3).completions[0]
    for sampling in ({"temperature": 0.2}, {"temperature": 2.0}, {"temperature": 1.0, "top_k": 2}):
        for completion in only(backend, PROMPTS[0], n=5, max_tokens=1, top_logprobs=3, **sampling).completions:
            np.testing.assert_allclose(completion.top_logprobs, greedy.top_logprobs, atol=1e-4)


@pytest.mark.parametrize("sampling", [{"temperature": 0.5}, {"top_k": 3}, {"top_p": 0.4}, {"top_k": 4, "top_p": 0.6}])
def test_tokens_are_drawn_from_the_wanted_distribution(backend, sampling):
    sampling = {"temperature": 1.0} | sampling
    drawn = only(backend, PROMPTS[2], n=600, max_tokens=1, top_logprobs=20, **sampling).completions
    logprobs = drawn[0].top_logprobs[0] / sampling["temperature"]
    shares = np.exp(logprobs - logprobs.max())
    shares[sampling.get("top_k", len(shares)) :] = 0
    if "top_p" in sampling:
        # vLLM and the papers alike: the share of what top_k leaves.
        total = np.exp(logprobs).sum() + (1 - np.exp(drawn[0].top_logprobs[0]).sum())
        shares /= shares.sum() if "top_k" in sampling else total * np.exp(-logprobs.max())
        shares[1:][np.cumsum(shares)[:-1] >= sampling["top_p"]] = 0
    ranks = [int(np.abs(drawn[0].top_logprobs[0] - one.logprobs[0]).argmin()) for one in drawn]
    observed = np.bincount(ranks, minlength=20) / len(ranks)
    if "top_k" in sampling or "top_p" in sampling:
        expected = shares / shares.sum()
        assert observed[expected == 0].sum() == 0
        assert np.abs(observed - expected).max() < 0.1
    else:
        assert abs(observed[1] / observed[0] - shares[1] / shares[0]) < 0.35


def test_a_stop_text_ends_a_continuation(backend):
    whole = only(backend, PROMPTS[0], max_tokens=60, temperature=0).completions[0]
    middle = len(whole.text) // 2
    stop = whole.text[middle : middle + 3]
    cut = only(backend, PROMPTS[0], max_tokens=60, temperature=0, stop=("never seen", stop)).completions[0]
    assert cut.finish_reason == "stop"
    assert cut.text == whole.text[: whole.text.index(stop)]
    assert len(cut.tokens) == len(cut.logprobs) < len(whole.tokens)
    assert cut.tokens.tolist() == whole.tokens[: len(cut.tokens)].tolist()
    assert stop in backend.tokenizer.decode(cut.tokens.tolist())


def test_results_arrive_while_others_run_and_more_is_submitted(backend):
    prompt = backend.tokenizer.encode(PROMPTS[0])
    backend.submit([Request(0, prompt, Sampling(450, 1.0), n=24), Request(1, prompt, Sampling(1))])
    first = backend.finished()
    backend.submit([Request(2, prompt, Sampling(1, temperature=0))])
    later = []
    while done := backend.finished():
        later += done
    assert [result.key for result in first] == [1]
    assert {result.key for result in later} == {0, 2} and len(later) == 2
    assert backend.finished() == []


def test_too_long_a_request_fails_alone(backend):
    prompt = backend.tokenizer.encode(PROMPTS[0])
    backend.submit(
        [
            Request(0, prompt, Sampling(3)),
            Request(1, (9,) * (CONTEXT - 12), Sampling(20)),
            Request(2, (9,) * (CONTEXT - 20), Sampling(20)),
        ]
    )
    results = {}
    while done := backend.finished():
        results |= {result.key: result for result in done}
    assert f"exceed the context of {CONTEXT}" in results[1].error and results[1].completions == ()
    assert results[0].error is None and results[2].error is None


def test_a_request_for_what_cannot_be_given_is_refused(backend):
    prompt = backend.tokenizer.encode(PROMPTS[0])
    few = Request(1, prompt, Sampling(1))
    with pytest.raises(BackendError, match="gives at most"):
        backend.submit([few, Request(2, prompt, Sampling(1, top_logprobs=backend.signals.top_logprobs + 1))])
    assert backend.finished() == []
    backend.submit([few])
    with pytest.raises(BackendError, match="Request 1 is pending already"):
        backend.submit([few])
    assert [result.key for result in backend.finished()] == [1]


@pytest.mark.parametrize("name", ["engine", "client"])
def test_a_seed_is_refused_where_it_could_kill_the_engine(request, name):
    backend = request.getfixturevalue(name)
    if backend.signals.seeds:
        pytest.skip("seeds are supported on this device")
    with pytest.raises(BackendError, match="seeds of requests are not supported"):
        backend.submit([Request(1, (9, 9), Sampling(1, seed=3))])
    assert backend.finished() == []


def test_ids_that_the_model_does_not_know_fail_alone(backend):
    backend.submit([Request(0, (9, 100_000), Sampling(3)), Request(1, (9,), Sampling(3))])
    results = {}
    while done := backend.finished():
        results |= {result.key: result for result in done}
    assert results[0].error and results[0].completions == ()
    assert results[1].error is None


@pytest.mark.parametrize("name", ["engine", "client"])
def test_cached_tokens_are_told(request, name):
    backend = request.getfixturevalue(name)
    assert backend.signals.cached_tokens
    prompt = tuple(range(10, 250)) + tuple({"engine": (20,), "client": (21,)}[name]) * 100
    first, second = (run(backend, [Request(0, prompt, Sampling(1))])[0][0] for _ in range(2))
    assert second.cached_tokens > first.cached_tokens >= 0
    assert second.cached_tokens <= second.prompt_tokens == len(prompt)


@pytest.mark.parametrize(("kind", "options"), [("vllm", {}), ("transformers", {}), ("openai", {})])
def test_a_missing_model_is_named(kind, options):
    with pytest.raises(BackendError, match="/nowhere/model"):
        make_backend(kind, "/nowhere/model", **options)
