"""What is right, for kernels and for Python: everything that grades an answer asks here or ``datasets.grading``."""

from __future__ import annotations

from tts_gym.datasets.grading import Grading
from tts_gym.episode.state import kernel


@kernel
def is_right(grading: Grading, question: int, answer: int) -> bool:
    """Whether the class ``answer``, -1 for none, is a right one of ``question``.

    Args:
        grading: the right classes of every question.
        question: index of the question.
        answer: class of the answer, -1 for none.
    """
    for k in range(grading.start[question], grading.start[question + 1]):  # noqa: SIM110 - Numba has no any()
        if grading.classes[k] == answer:
            return True
    return False
