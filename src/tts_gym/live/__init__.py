"""Controllers on a running model: the same programs that replay judges answer real questions."""

from tts_gym.live.answering import Answer
from tts_gym.live.api import ask, running_model, solve

__all__ = ["Answer", "ask", "running_model", "solve"]
