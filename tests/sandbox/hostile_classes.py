"""Classes that mean harm to the parent that serves them, past the interface."""

from pathlib import Path


def body(text):
    """A class whose ``solve`` has this body; ``say`` writes to where its calls go, past the interface."""
    head = """
import json, os, sys
def say(*lines):
    data = b"".join(line if isinstance(line, bytes) else json.dumps(line).encode() + b"\\n" for line in lines)
    while data:
        data = data[os.write(3, data):]
class Hostile:
    def __init__(self, config):
        pass
    def solve(self, question):
"""
    return head + "".join(f"        {line}\n" for line in text.splitlines())


NO_CALL = "crashed: it sent what is no call of the interface"
NO_ANSWER = "crashed: its answer is no text of at most 64 characters"

BROKEN = {
    "an unknown call": ("say(['get_gold'])", NO_CALL),
    "a call of what is inside": ("say(['reply', ['probe_new']])", NO_CALL),
    "no list": ("say({'probe_new': 1})", NO_CALL),
    "no JSON": ("say(b'probe_new\\n')", NO_CALL),
    "no UTF-8": ('say(b\'["answer", "\\xff\\xfe"]\\n\')', NO_CALL),
    "too many arguments": ("say(['probe_new', 1])", NO_CALL),
    "no argument": ("say(['probe_more'])", NO_CALL),
    "an index that is true": ("say(['probe_more', True])", NO_CALL),
    "an index that is a real number": ("say(['probe_more', 0.0])", NO_CALL),
    "a deep index": ("say(b'[\"probe_more\", ' + b'[' * 1500 + b'\\n')", NO_CALL),
    "beginning again": ("say(['begin'])", NO_CALL),
    "an answer that is a number": ("say(['answer', 0])", NO_ANSWER),
    "an answer that is long": ("say(['answer', 'x' * 65])", NO_ANSWER),
    "no answer": ("say(['answer'])", NO_ANSWER),
    "a long line": ("say(b'[\"answer\", \"' + b'x' * 5000 + b'\"]\\n')", "crashed: it sent a line of more than 2048"),
    "a line without end": ("while True:\n    say(b'x' * 2**16)", "crashed: it sent a line of more than 2048 bytes"),
    "half a line": ("say(b'[\"answer\"')\nos._exit(0)", "crashed: it ended its process with status 0"),
    "ending": ("os._exit(0)", "crashed: it ended its process with status 0"),
    "never reading": ("while True:\n    say(['probe_more', 9])", "crashed: it does not read what it asks"),
    "hanging up": ("os.close(4)\nsay(['probe_new'])\nwhile True:\n    pass", "crashed: it does not read what it asks"),
    "closing its calls": ("os.close(3)\nwhile True:\n    pass", "crashed: it was killed, or closed its answers"),
    "waiting for what nobody says": ("os.read(4, 99)", "timeout: it did not end within 1 seconds"),
    "calling for ever": (
        "index = question.probe_new()[1]\nwhile True:\n    question.probe_more(index)",
        "timeout: it made ",
    ),
    "opening for ever": (
        "while True:\n    try:\n        question.probe_new()\n    except ValueError:\n        pass",
        "timeout: it made ",
    ),
    "blaming with codes": ("say(['fail', '\\x1b[2J\\ud800' * 100])", "?[2J?"),
    "blaming no text": ("say(['fail', 7])", NO_CALL),
    "blaming nothing": ("say(['fail', ''])", "failed"),
}


HARMLESS = {
    "an answer that was never shown": "return '0'",
    "an answer in other digits": "question.probe_new()\nreturn '\\u0660'",
    "an answer with a sign": "question.probe_new()\nreturn '+0'",
    "a negative answer": "question.probe_new()\nreturn '-1'",
    "an answer by its text": "question.probe_new()\nreturn '7'",
    "all answers at once, and more": "say(*[['answer', '0']] * 9)\nsay(b'x' * 9)\nwhile True:\n    pass",
}


FILES = Path(__file__).parent / "hostile_files"
PEEKS = (FILES / "c03_peeks_and_reports_the_least.py").read_text()
LEAVES = (FILES / "d01_leaves_an_empty_root.py").read_text()

FORGES = """
import os


class Hostile:
    def __init__(self, config):
        pass

    def solve(self, question):
        os.write(3, b'{"failure": null, "schedule": []}\\n' + bytes(8 * 6 * 8))
        os._exit(0)
"""

READING = """
from collections import Counter


class Hostile:
    def __init__(self, config):
        self.most = round(2 + 30 * config["beta"])

    def solve(self, question):
        return Counter(question.get_new_branch_final_answer() for _ in range(self.most)).most_common(1)[0][0]
"""

CHARGES_LESS = """
import tts_gym.episode.transitions as transitions


def charge(e, tokens):
    e.count[1] += min(tokens, e.setup[3])


transitions.charge = charge
"""
