"""Controllers as code, one file an algorithm; ``PROGRAMS`` has those the package ships and those that others add."""

from tts_gym.agents.programs.program import Between, Parameter, Program
from tts_gym.registry import PROGRAMS

__all__ = ["PROGRAMS", "Between", "Parameter", "Program"]
