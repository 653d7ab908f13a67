"""The environments as their first version made them: nothing open, nothing shaped, every interval a decision."""

from typing import Any

import pytest

from tts_gym.envs.versions import VERSIONS
from tts_gym.envs.width_depth import TTSWidthDepthEnv
from tts_gym.envs.width_depth_rounds import TTSWidthDepthRoundsEnv
from tts_gym.envs.width_depth_rounds_vector import TTSWidthDepthRoundsVectorEnv
from tts_gym.envs.width_depth_vector import TTSWidthDepthVectorEnv

MEANT = pytest.mark.filterwarnings("ignore:.*The environment TTSWidthDepth.* is out of date:DeprecationWarning")
"""Marks tests of the first version."""

ATOMIC, ROUNDS = (VERSIONS[name].arguments for name in ("TTSWidthDepth-v0", "TTSWidthDepthRounds-v0"))
"""What they are made with where nothing else is given."""


def atomic(*given: Any, **arguments: Any) -> TTSWidthDepthEnv:
    return TTSWidthDepthEnv(*given, **{**ATOMIC, **arguments})


def atomic_vector(*given: Any, **arguments: Any) -> TTSWidthDepthVectorEnv:
    return TTSWidthDepthVectorEnv(*given, **{**ATOMIC, **arguments})


def rounds(*given: Any, **arguments: Any) -> TTSWidthDepthRoundsEnv:
    return TTSWidthDepthRoundsEnv(*given, **{**ROUNDS, **arguments})


def rounds_vector(*given: Any, **arguments: Any) -> TTSWidthDepthRoundsVectorEnv:
    return TTSWidthDepthRoundsVectorEnv(*given, **{**ROUNDS, **arguments})
