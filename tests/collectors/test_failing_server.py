"""Collecting from a server that goes away: the collection ends soon, says why, and goes on later."""

import json
import time

import pytest
from completion_server import Script, plain, serving
from fake_backend import FakeTokenizer

from tts_gym.llm import openai_pulse, openai_server

pytest.importorskip("openai")


@pytest.fixture
def script(monkeypatch):
    monkeypatch.setattr(openai_server, "Tokenizer", lambda name: FakeTokenizer())
    monkeypatch.setattr(openai_pulse, "GRACE", 1.0)
    return Script()


@pytest.fixture
def collect(run, tmp_path):
    """Collect twelve questions with a branch each, one at a time."""
    questions = tmp_path / "sums.jsonl"
    rows = [{"id": str(n), "question": f"{n} + {n} =?", "gold": str(2 * n)} for n in range(12)]
    questions.write_text("".join(json.dumps(row) + "\n" for row in rows))

    def call(url, *more):
        told = ["--backend", "openai", "-o", f"base_url={url}", "-n", 1, "--concurrency", 1, "--interval", 10]
        return run("collect", questions, "--model", "m", "--out", tmp_path / "out", *told, *more)

    return call


def hang(asked):
    time.sleep(20)
    return plain(asked)


@pytest.mark.parametrize(
    ("status", "failing", "reason"),
    [
        (404, hang, "generated nothing for 2 seconds, though it answers health checks"),
        (503, lambda asked: (500, {"error": "dead"}), "did not answer health checks for 1 seconds (status 503)"),
    ],
)
def test_a_server_that_goes_away_ends_the_collection(collect, script, status, failing, reason):
    def later(asked):
        if len(script.times) < 10:
            return plain(asked)
        script.health = status
        return failing(asked)

    script.reply = later
    with serving(script) as url:
        start = time.monotonic()
        code, _, err = collect(url, "--request-timeout", 1)
        assert time.monotonic() - start < 15
        assert code == 2 and reason in err
        assert "Traceback" not in err and "of 12 branches are kept: collect again to go on." in err
        script.reply, script.health = plain, 404
        script.times.clear()
        code, out, err = collect(url, "--request-timeout", 1)
        assert (code, "12 questions" in out) == (0, True), err
        assert "from the cache" not in out
