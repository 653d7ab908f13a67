"""The page on serving does what it says."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from scripted_upstream import thinking

pytest.importorskip("fastapi")

PAGE = (Path(__file__).parents[2] / "docs" / "serving.md").read_text()
BLOCKS = re.findall(r"^```(bash|python)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
COMMANDS = {"bash": ["bash", "-euc"], "python": [sys.executable, "-W", "error", "-c"]}


def test_its_requests_are_answered(monkeypatch):
    asking = [(language, text) for language, text in BLOCKS if "127.0.0.1:8001" in text]
    assert len(asking) == 2
    with thinking(monkeypatch, specs=["crew:beta=0.5", "sc:n=8"]) as (client, _, _):
        for language, text in asking:
            text = text.replace("http://127.0.0.1:8001/v1", str(client.base_url).rstrip("/"))
            text = text.replace("Qwen/Qwen3-4B", "m")
            done = subprocess.run([*COMMANDS[language], text], capture_output=True, text=True, check=True)
            assert "The answer is 4" in done.stdout and "crew:beta=0.3" in done.stdout


def test_its_command_has_the_options_it_says(run):
    (command,) = re.findall(r"^tts-gym serve (.*)$", PAGE, re.MULTILINE)
    status, _, error = run("serve", *command.split())
    assert status == 2 and "127.0.0.1:8000/v1 does not list its models" in error
