import json
import time

import pytest

from discovery.scripted import SOURCE, completion, cuts, fails, says
from tts_gym.discovery.proposers.openai_chat import OpenAIChat, code_of
from tts_gym.discovery.proposers.proposer import Task
from tts_gym.discovery.records import ProposalUsage
from tts_gym.errors import DiscoveryError

PRICES = {"input": 2.0, "cached_input": 0.5, "output": 10.0}


@pytest.fixture
def ask(chat_server, tmp_path):
    def call(*script, timeout=5.0, prices=None, max_output=500):
        chat_server.script[:] = script
        proposer = OpenAIChat("m", prices, timeout, chat_server.url, max_output)
        return proposer.propose(Task(1, 1, "Write one.", tmp_path, (), ()))

    return call


def fenced(source):
    return f"I thought about it.\n\n```python\n{source}```\nThat is all."


def test_the_code_in_the_reply_is_the_candidate_and_its_tokens_are_counted(ask, chat_server):
    proposal = ask(says(fenced(SOURCE)), prices=PRICES)
    assert proposal.source == SOURCE
    assert proposal.usage == ProposalUsage(1000, 100, 200, (900 * 2 + 100 * 0.5 + 200 * 10) / 1e6)
    assert chat_server.asked[0]["messages"] == [{"role": "user", "content": "Write one."}]
    assert chat_server.asked[0]["max_tokens"] == 500
    json.dumps(proposal.transcript)


@pytest.mark.parametrize("trouble", [fails(429), fails(500), fails(503), cuts], ids=["429", "500", "503", "cut"])
def test_what_passes_is_tried_again(ask, chat_server, trouble):
    assert ask(trouble, says(fenced(SOURCE))).source == SOURCE
    assert len(chat_server.asked) == 2


@pytest.mark.parametrize("trickles", [False, True])
def test_the_time_of_a_proposal_is_that_of_all_attempts(ask, chat_server, trickles):
    def late(handler):
        if trickles:
            handler.send_response(200)
            handler.end_headers()
        for _ in range(30):
            time.sleep(0.1)
            if trickles:
                handler.wfile.write(b" ")

    start = time.monotonic()
    proposal = ask(fails(503), *[late] * 9, timeout=1.5)
    assert time.monotonic() - start < 3
    assert (proposal.source, proposal.failure) == (None, "the model did not reply within 1.5 seconds")


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        (says("I would rather not."), "no block of code"),
        (says(""), "no block of code"),
        (says("```python\ndef schedule(beta", finish_reason="length"), "cut off at 500 tokens"),
        (lambda handler: handler.reply(200, b"{not json"), "malformed"),
        (lambda handler: handler.reply(200, b"<html>", "text/html"), "malformed"),
        (lambda handler: handler.reply(200, []), "malformed"),
        (lambda handler: handler.reply(200, {"choices": []}), "malformed"),
        (lambda handler: handler.reply(200, {"choices": [None], "usage": {"prompt_tokens": "x"}}), "malformed"),
        (lambda handler: handler.reply(200, {"choices": [{"message": None}]}), "malformed"),
        (lambda handler: handler.reply(200, completion(None)), "no block of code"),
    ],
)
def test_a_reply_without_a_candidate_says_so(ask, item, reason):
    proposal = ask(item)
    assert proposal.source is None
    assert reason in proposal.failure
    assert "\n" not in proposal.failure


@pytest.mark.parametrize("status", [401, 404])
def test_what_does_not_pass_ends_the_run(ask, status):
    with pytest.raises(DiscoveryError, match="cannot be asked .*run the same command again"):
        ask(fails(status))


def test_a_model_that_calls_the_limit_otherwise_is_asked_again(ask, chat_server):
    def refuses(handler):
        handler.reply(400, {"error": {"message": "Use 'max_completion_tokens' instead of max_tokens."}})

    assert ask(refuses, says(fenced(SOURCE))).source == SOURCE
    assert "max_tokens" not in chat_server.asked[1]
    assert chat_server.asked[1]["max_completion_tokens"] == 500


def test_a_hosted_endpoint_needs_a_key(monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(DiscoveryError, match="OPENAI_API_KEY"):
        OpenAIChat("m", None, 1.0, None, 1)


def test_the_last_block_with_a_program_is_taken():
    text = "```python\ndef program(e): first\n```\n```python\ndef program(e): second\n```\n```\noutput\n```\n"
    assert code_of(text) == "def program(e): second\n"
    assert code_of("```\nx = 1\n```") == "x = 1\n"
    assert code_of(SOURCE) == SOURCE
    assert code_of("```python\ndef program(e): unfinished") is None
