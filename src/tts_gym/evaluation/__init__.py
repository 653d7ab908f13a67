"""One evaluation for every kind of controller, its statistics, frontiers and pictures."""

from tts_gym.evaluation.evaluate import Evaluation, Summary, evaluate, evaluate_many
from tts_gym.evaluation.frontier import Frontier, frontier
from tts_gym.evaluation.statistics import Estimate, compare

__all__ = ["Estimate", "Evaluation", "Frontier", "Summary", "compare", "evaluate", "evaluate_many", "frontier"]
