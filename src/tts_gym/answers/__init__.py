"""From a text to its answer, and from answers to classes of equal ones."""

from tts_gym.answers.equivalence import Equivalence, Join, classes, same
from tts_gym.answers.extraction import Extraction, extract, extract_gold, extract_probe
from tts_gym.answers.pattern import PatternSearch

__all__ = [
    "Equivalence",
    "Extraction",
    "Join",
    "PatternSearch",
    "classes",
    "extract",
    "extract_gold",
    "extract_probe",
    "same",
]
