"""Runs ``tts-gym`` with a scripted model that is slow."""

import sys
import time
from importlib.metadata import EntryPoint
from types import SimpleNamespace

from scripted_model import Script, ScriptedBackend

from tts_gym import cli
from tts_gym.registry import BACKENDS


class SlowBackend(ScriptedBackend):
    def __init__(self, model, seconds=0.02):
        scripts = {f"What is {n} + 1?": [Script(25, ["9", str(n + 1)], str(n + 1))] * 8 for n in range(5)}
        super().__init__(scripts, 10, longest=3, sudden=0)
        self._seconds = seconds

    def arrived(self):
        time.sleep(self._seconds)
        return super().arrived()


if __name__ == "__main__":
    sys.modules["tts_gym.llm.slow"] = SimpleNamespace(SlowBackend=SlowBackend)
    BACKENDS.shipped["openai"] = EntryPoint("openai", "tts_gym.llm.slow:SlowBackend", "")
    cli.main()
