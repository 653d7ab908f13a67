"""Filling a replay store from a language model: answers out of texts, and which of them are the same."""

from tts_gym.collectors.equivalence import Equivalence
from tts_gym.collectors.extraction import PatternSearch, extract_answer, extract_probe

__all__ = ["Equivalence", "PatternSearch", "extract_answer", "extract_probe"]
