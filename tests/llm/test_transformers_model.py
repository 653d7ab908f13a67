"""Batches of the transformers backend do not mix what they hold, and seeds repeat draws."""

import numpy as np
import pytest

from tts_gym.errors import BackendError
from tts_gym.llm import Request, Sampling, make_backend

pytestmark = [pytest.mark.vllm, pytest.mark.filterwarnings("ignore")]

TEXTS = ["x", "What is 1 + 1?", "step by step " * 5]


def run(backend, requests):
    backend.submit(requests)
    results = {}
    while done := backend.finished():
        results |= {result.key: result for result in done}
    return [results[request.key] for request in requests]


def tokens(results):
    return [[completion.tokens.tolist() for completion in result.completions] for result in results]


def test_a_seed_repeats_draws_whatever_the_batch(transformers_model):
    prompts = [transformers_model.tokenizer.encode(text) for text in TEXTS]
    requests = [Request(key, prompt, Sampling(30, 1.0, seed=key - 1), n=5) for key, prompt in enumerate(prompts)]
    together = tokens(run(transformers_model, requests))
    alone = [tokens(run(transformers_model, [request]))[0] for request in reversed(requests)][::-1]
    assert together == alone
    assert len({tuple(one) for one in together[1]}) == 5
    other = Request(9, prompts[0], Sampling(30, 1.0, seed=77), n=5)
    assert tokens(run(transformers_model, [other]))[0] != together[0]


def test_without_a_seed_draws_differ(transformers_model):
    request = Request(0, transformers_model.tokenizer.encode(TEXTS[0]), Sampling(30, 1.0))
    assert tokens(run(transformers_model, [request])) != tokens(run(transformers_model, [request]))


def test_requests_with_other_sampling_run_apart(transformers_model):
    prompt = transformers_model.tokenizer.encode(TEXTS[1])
    requests = [Request(key, prompt, Sampling(key % 3 + 1, temperature=key % 2, top_logprobs=key)) for key in range(12)]
    for request, result in zip(requests, run(transformers_model, requests), strict=True):
        (one,) = result.completions
        assert len(one.tokens) <= request.sampling.max_tokens
        if request.sampling.top_logprobs:
            assert one.top_logprobs.shape == (len(one.tokens), request.sampling.top_logprobs)
        else:
            assert one.top_logprobs is None


def test_self_certainty_is_the_divergence_from_uniform(transformers_model):
    vocabulary = transformers_model.signals.top_logprobs
    prompt = transformers_model.tokenizer.encode(TEXTS[1])
    sampling = Sampling(10, 1.0, top_logprobs=vocabulary)
    (one,) = run(transformers_model, [Request(0, prompt, sampling)])[0].completions
    np.testing.assert_allclose(np.exp(one.top_logprobs).sum(1), 1, atol=1e-4)
    uniform = 1 / vocabulary
    divergence = (uniform * (np.log(uniform) - one.top_logprobs)).sum(1)
    np.testing.assert_allclose(one.self_certainty, divergence, rtol=1e-4)
    assert transformers_model.signals.self_certainty and (one.self_certainty > 0).all()


def test_a_batch_needs_a_size(tiny_model):
    with pytest.raises(ValueError, match="batch_size is 0"):
        make_backend("transformers", tiny_model, batch_size=0)


def test_a_closed_backend_takes_nothing(tiny_model):
    backend = make_backend("transformers", tiny_model)
    backend.submit([Request(0, (9,), Sampling(5))])
    backend.close()
    assert backend.finished() == []
    with pytest.raises(BackendError, match="closed"):
        backend.submit([Request(0, (9,), Sampling(5))])
