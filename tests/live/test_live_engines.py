"""Live episodes with real engines: their records replay as they went, and what they give up stops."""

import json
import re
from pathlib import Path

import pytest
from replayed import check, replayed

from tts_gym.agents.specs import make_controller, parse_spec
from tts_gym.collectors.questions import Question
from tts_gym.collectors.settings import CollectionSettings, Probing
from tts_gym.live.answering import Solving
from tts_gym.live.model import live_model
from tts_gym.live.run import run
from tts_gym.live.settings import LiveSettings
from tts_gym.llm import make_backend

pytestmark = [pytest.mark.vllm, pytest.mark.filterwarnings("ignore")]

QUESTIONS = [Question(str(n), f"What is {n} + {n}?", str(2 * n)) for n in range(1, 4)]
BRANCHES = 6
LONG = 3900
"""Tokens of a branch that nobody stops."""

PROBED = ("asc", "crew", "cmc", "parallel-probe", "short-m@k", "deepconf-online")
CONVERSED = ("asc", "sc:n=4", "short-m@k")


@pytest.fixture(scope="module")
def chat(server):
    backend = make_backend("chat", server.model, base_url=server.url, tokenizer=server.model)
    yield backend
    backend.close()


def solve(backend, controller, record=None, ahead=1, questions=QUESTIONS, branches=BRANCHES, tokens=60, **solving):
    drawn = CollectionSettings(
        "given",
        "tiny",
        branches,
        8,
        temperature=1.0,
        max_tokens=tokens,
        top_logprobs=5,
        probing=Probing("\nThe final answer is ", max_tokens=6),
    )
    decided = Solving(controller, **solving)
    with live_model(backend, LiveSettings(drawn, ahead)) as model:
        rows = run(questions, decided, model, record=record)
        assert model.engine.pending == 0
    return rows, decided


@pytest.mark.parametrize("spec", PROBED)
@pytest.mark.parametrize("ahead", [0, 1, 4])
@pytest.mark.parametrize("kind", ["engine", "client", "transformers_model"])
def test_a_record_replays_as_it_went(kind, ahead, spec, request, tmp_path):
    (controller,) = parse_spec(spec)
    rows, solving = solve(request.getfixturevalue(kind), controller, tmp_path / "store", ahead)
    check(rows, replayed(tmp_path / "store", rows, solving, BRANCHES))


@pytest.mark.parametrize("spec", CONVERSED)
def test_a_record_of_conversations_replays_as_it_went(chat, spec, tmp_path):
    (controller,) = parse_spec(spec)
    rows, solving = solve(chat, controller, tmp_path / "store")
    check(rows, replayed(tmp_path / "store", rows, solving, BRANCHES))


@pytest.mark.parametrize("kind", ["client", "chat"])
def test_a_deadline_stops_what_runs_on_the_server(kind, server, endless, request):
    (controller,) = parse_spec("sc:n=48")
    before = server.generated_at_rest()
    rows, _ = solve(endless(request.getfixturevalue(kind)), controller, branches=48, tokens=LONG, deadline=0.7)
    assert [row["ended"] for row in rows] == ["deadline"] * 3
    assert server.generated_at_rest() - before < 3 * 48 * LONG / 10


def test_an_early_stop_stops_what_runs_on_the_server(client, server, endless):
    def hasty(episode):
        episode.branch(16)
        episode.advance(0, 1)
        return -1

    before = server.generated_at_rest()
    rows, _ = solve(endless(client), make_controller(hasty), branches=16, tokens=LONG, ahead=4)
    assert all(row["error"] is None and row["width"] == 16 for row in rows)
    # A busy machine hears late of the first intervals; what comes after the end is what counts.
    ended = server.metric("generation_tokens_total")
    assert server.generated_at_rest() - ended < (before + 3 * 16 * LONG - ended) / 10


def test_the_command_line_on_a_server(server, run, tmp_path):
    asked, out = tmp_path / "sums.jsonl", tmp_path / "answers.jsonl"
    asked.write_text("".join(json.dumps({"id": each.id, "question": each.question}) + "\n" for each in QUESTIONS))
    told = ["--backend", "openai", "-o", f"base_url={server.url}", "-n", 4, "--interval", 8, "--max-tokens", 40]
    status, text, err = run("solve", asked, "-c", "crew", "--model", server.model, "--out", out, *told)
    assert status == 0, err
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert {row["id"] for row in rows} == {"1", "2", "3"} and all(row["tokens"] > 0 for row in rows)


def test_the_page_in_python(server, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    page = Path(__file__).parents[2] / "docs" / "live.md"
    (block,) = re.findall(r"^```python\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)
    for shown, here in {
        "Qwen/Qwen3-4B": server.model,
        "http://127.0.0.1:8000/v1": server.url,
        "interval=500": "interval=40, branches=4, max_tokens=100",
    }.items():
        assert block.count(shown) == 1
        block = block.replace(shown, here)
    exec(block, {})
    assert capsys.readouterr().out.splitlines()[1].split() == ["answer", "tokens", "seconds"]
