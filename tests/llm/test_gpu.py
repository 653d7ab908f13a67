"""What only an engine on a GPU does."""

import pytest

from tts_gym.llm import Request, Sampling

pytestmark = [pytest.mark.gpu, pytest.mark.filterwarnings("ignore")]


def test_a_seed_repeats_draws(engine):
    assert engine.signals.seeds
    drawn = []
    for _ in range(2):
        engine.submit([Request(0, engine.tokenizer.encode("x"), Sampling(30, 1.0, seed=5), n=4)])
        (result,) = engine.finished()
        drawn.append([completion.tokens.tolist() for completion in result.completions])
    assert drawn[0] == drawn[1]
    assert len({tuple(tokens) for tokens in drawn[0]}) == 4
