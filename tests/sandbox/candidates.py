"""Candidates that mean well."""

import inspect
import re

from tts_gym.agents.programs import cmc

READER = '''
"""Read branches until the vote is confident."""

LEAST = 2


def schedule(beta: float) -> dict[str, float]:
    """More branches and more confidence."""
    return {"most": round(2 + 62 * beta), "threshold": 0.8 + 0.19 * beta}


def is_sure(episode: Episode, threshold: float) -> bool:
    return episode.width >= LEAST and episode.confidence(FINISHED) > threshold


def program(episode: Episode, most: int, threshold: float) -> int:
    """Read one at a time."""
    for _ in range(most):
        if episode.read() < 0 or is_sure(episode, threshold):
            break
    return episode.leader(FINISHED)
'''

UNCOMPILABLE = READER.replace("return episode.l", "x = np.zeros(3)[0.5]\n    return episode.l")
SOLVER = """
from collections import Counter


class Reader:
    def __init__(self, config):
        self.most = round(1 + 3 * config["beta"])

    def solve(self, question):
        answers = [question.get_new_branch_final_answer() for _ in range(self.most)]
        return Counter(answers).most_common(1)[0][0]
"""


def shipped_cmc():
    """The shipped ``cmc`` as a candidate: its own source without its imports."""
    source = inspect.getsource(cmc)
    body = source.partition("_MAX_ROUNDS")[2].partition("PROGRAM =")[0]
    body = ("MAX_ROUNDS" + body).replace("_MAX_ROUNDS", "MAX_ROUNDS").replace("def cmc(", "def program(")
    return re.sub(r"beta: Annotated\[.*?\)\] = 0.5", "beta: float", body)


BY_HEART = """
def schedule(beta):
    return {"n": int(round(1 + MORE * beta))}


def program(episode, n):
    right = np.array([LENGTHS])
    for _ in range(n):
        i = episode.read(1)
        if i < 0:
            break
        if np.any(right == episode.length(i)):
            return episode.answer(i)
    return episode.leader(FINISHED)
"""


def knowing(lengths, most):
    """A candidate that takes each branch of one of ``lengths`` for right, and votes where it meets none.

    It reads up to ``most`` branches. The check of sources lets a few lengths through.
    """
    return BY_HEART.replace("MORE", str(most - 1)).replace("LENGTHS", ", ".join(map(str, lengths)))


def reading_after(*body):
    """A candidate that reads some branches after the statements of ``body``, which begin in line 6."""
    head = 'def schedule(beta):\n    return {"n": int(round(2 + 30 * beta))}\n\n\ndef program(episode, n):\n'
    return (
        head + "".join(f"    {line}\n" for line in body) + "    episode.read(n)\n    return episode.leader(FINISHED)\n"
    )
