from types import FunctionType

from tts_gym.episode.fingerprint import fingerprint

SOURCE = """
import math
LIMIT = {limit}
def helper(x):
    return x + {step}
def make(shift):
    def program(episode, n={default}):
        return helper(n) + LIMIT + shift + math.floor(0.5) + sum(k for k in range({inner}))
    return program
program = make({shift})
"""


def program(limit=1, step=2, default=3, inner=4, shift=5, module="mine") -> FunctionType:
    namespace = {"__name__": module}
    exec(SOURCE.format(limit=limit, step=step, default=default, inner=inner, shift=shift), namespace)
    return namespace["program"]


def test_equal_code_has_equal_fingerprints():
    assert fingerprint(program()) == fingerprint(program())


def test_every_part_of_the_code_counts():
    changed = [program(limit=9), program(step=9), program(default=9), program(inner=9), program(shift=9)]
    elsewhere = program(module="yours")
    assert len({fingerprint(function) for function in [program(), elsewhere, *changed]}) == 7


def test_recursion_ends():
    namespace = {"__name__": "mine"}
    exec("def program(n):\n    return program(n - 1)\n", namespace)
    assert fingerprint(namespace["program"])
