"""From a text to its answer, and from answers to classes of equal ones."""

from tts_gym.answers.equivalence import Equivalence
from tts_gym.answers.extraction import PatternSearch, extract_answer, extract_probe

__all__ = ["Equivalence", "PatternSearch", "extract_answer", "extract_probe"]
