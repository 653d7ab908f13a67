"""The tutorial for RL goes as it says, with a training of fewer steps."""

import pytest
from pages import Page

pytest.importorskip("sb3_contrib")
PAGE = Page("docs/tutorials/reinforcement-learning.md", long="tts-gym (train|evaluate|report)|stable_baselines3")


@pytest.fixture(scope="module")
def replaced():
    return {"--timesteps 1000000": "--timesteps 40000"}


def test_the_block_runs(block, reader):
    reader.follow(block)
