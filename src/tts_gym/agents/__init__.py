"""Everything that decides: programs, published classes, and their specifications."""

from tts_gym.agents.controller import Controller, ProgramController
from tts_gym.agents.programs import PROGRAMS, Between, Program
from tts_gym.agents.specs import make_controller, parse_spec

__all__ = ["PROGRAMS", "Between", "Controller", "Program", "ProgramController", "make_controller", "parse_spec"]
