"""Evaluations on disk, and text that would like to be markup."""

from tts_gym.agents.specs import parse_spec
from tts_gym.datasets import load_store
from tts_gym.evaluation.evaluate import evaluate_many
from tts_gym.evaluation.kept import keep

HOSTILE = (
    "</script><img src=x onerror=hacked()>",
    "<!-- <script> -->",
    "{{script}} &lt;b&gt; \u2028\u2029",
    "<b>bold</b>",
)

HOSTILE_FILE = """
class Reader:
    def __init__(self, config):
        pass

    def solve(self, question):
        return question.get_new_branch_final_answer()
"""


def evaluated(directory, stores, specs, seeds=2, rules="exact"):
    """The directory of an evaluation of ``specs`` on ``stores``."""
    loaded = {str(name): load_store(name) for name in stores}
    names = [(name, spec) for name in loaded for spec in specs]
    pairs = [(parse_spec(spec)[0], loaded[name]) for name, spec in names]
    keep(directory, "tts-gym evaluate …", loaded, names, list(evaluate_many(pairs, seeds, rules)))
    return directory
