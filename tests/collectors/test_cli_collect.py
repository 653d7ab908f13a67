"""``tts-gym collect`` as a user meets it."""

import json
import os
import re
import signal
import sys
import time
from importlib.metadata import EntryPoint
from types import SimpleNamespace

import pytest
from fake_backend import FakeBackend

from collectors.styled_models import MODELS, make_tokenizer
from collectors.test_collect import Zygote, write
from tts_gym.datasets import read_store
from tts_gym.datasets.digest import same_recordings
from tts_gym.registry import BACKENDS

# Eight and nine characters: two and three tokens.
ROWS = [{"id": "a", "question": "1 + 1 =?", "gold": "2"}, {"id": "b", "question": "10 + 1 =?", "gold": "11"}]
PRICES = {"fake": {"input": 1000, "cached_input": 500, "output": 2000}}


@pytest.fixture
def backend(monkeypatch):
    """The command line's server is the fake backend; gives the options that it was made with."""
    made = []

    def make(model, at_once=5):
        made.append((model, at_once))
        if at_once < 1:
            raise ValueError("at_once must be positive.")
        return FakeBackend(write, at_once=at_once, seeds=model != "seedless")

    monkeypatch.setitem(sys.modules, "tts_gym.llm.fake", SimpleNamespace(make=make))
    monkeypatch.setitem(BACKENDS.shipped, "openai", EntryPoint("openai", "tts_gym.llm.fake:make", ""))
    before = signal.getsignal(signal.SIGTERM)
    yield made
    signal.signal(signal.SIGTERM, before)


@pytest.fixture
def questions(tmp_path):
    path = tmp_path / "sums.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    return path


@pytest.fixture
def collect(run, questions, backend, tmp_path):
    """Run ``tts-gym collect`` on a small collection; later arguments come last."""

    def call(*more, out=tmp_path / "out", model="fake", source=questions):
        small = ["-n", 4, "--block", 2, "--interval", 10, "--max-tokens", 60]
        return run("collect", source, "--model", model, "--backend", "openai", "--out", out, *small, *more)

    return call


def test_a_collection_is_a_store_that_can_be_evaluated(collect, run, backend, tmp_path):
    status, out, err = collect("-o", "at_once=3", "--license", "MIT", "--keep-text", "--seed", 7)
    assert (status, err, backend) == (0, "", [("fake", 3)])
    spent = r"[\d,]+ tokens, [\d,]+ a second, \d+ % of the prefixes of probes from the cache\.\n"
    assert re.fullmatch(rf"Wrote .*out: 2 questions with 4 branches each\. {spent}", out)
    metadata = read_store(tmp_path / "out").metadata
    assert (metadata["name"], metadata["license"], metadata["seeds"]) == ("fake/sums", "MIT", [7])
    assert (tmp_path / "out" / "texts.parquet").exists()
    status, out, _ = run("evaluate", tmp_path / "out", "-c", "sc:n=4", "--seeds", 2)
    assert status == 0 and "sc:n=4" in out
    assert run("stores", "verify", tmp_path / "out")[0] == 0


def test_a_finished_collection_needs_no_model(collect, backend):
    assert collect()[0] == 0
    assert collect()[0] == 0
    assert len(backend) == 1


def test_other_settings_need_a_fresh_beginning(collect, backend, tmp_path):
    assert collect("--keep-text")[0] == 0
    status, out, err = collect("--temperature", 0.5)
    assert (status, out) == (2, "")
    assert "temperature was 0.7 and is 0.5): collect as before, or anew with --fresh." in err
    assert collect("--temperature", 0.5, "--fresh")[0] == 0
    assert len(backend) == 2
    assert read_store(tmp_path / "out").metadata["sampling"]["temperature"] == 0.5
    assert not (tmp_path / "out" / "texts.parquet").exists()
    assert {each.name for each in tmp_path.iterdir()} == {"out", "sums.jsonl"}


def test_a_fresh_beginning_throws_nothing_else_away(collect, backend, tmp_path):
    assert collect()[0] == 0
    (tmp_path / "out" / "notes.md").touch()
    before = {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*") if file.name != "lock"}
    status, out, err = collect("--fresh")
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert "holds notes.md, which is not of a collection" in err
    assert {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*") if file.name != "lock"} == before
    assert len(backend) == 1


def test_progress_is_told_in_lines_to_whoever_asks(collect, monkeypatch):
    monkeypatch.setattr(sys.modules["tts_gym.cli.progress"], "SECONDS_BETWEEN_LINES", 0)
    status, _, err = collect("-v")
    rate, pace = r"[\d,]+ tokens/s, \d+ % of prefixes cached", r"[\d,]+ branches/(s|min|h), \d\d:\d\d left"
    lines = [line.partition("tts_gym.cli.progress: ")[2] for line in err.splitlines() if "cli.progress" in line]
    assert status == 0 and len(lines) == 9
    assert re.fullmatch(r"0 of 8 branches\. 0 tokens/s\. 00:00", lines[0])
    for done, line in enumerate(lines[1:], 1):
        assert re.fullmatch(rf"{done} of 8 branches\. {rate}\. {pace}", line)
    assert "0 of 8 branches are kept" in err


def figures(out):
    """The rows of a table that was printed."""
    cells = [[cell.strip() for cell in line.split("│")[1:-1]] for line in out.splitlines() if "│" in line]
    return dict(cells)


def test_a_dry_run_draws_nothing_and_estimates(collect, backend, tmp_path):
    (tmp_path / "prices.json").write_text(json.dumps(PRICES))
    more = ["-n", 10, "--interval", 100, "--max-tokens", 1000, "--probe-tokens", 30]
    estimated = ["--branch-tokens", 250, "--tokens-per-second", 100, "--prices", tmp_path / "prices.json"]
    status, out, err = collect(*more, "--dry-run", *estimated)
    assert (status, err, backend) == (0, "", [])
    assert not (tmp_path / "out").exists()
    assert figures(out) == {
        "questions": "2",
        "branches": "20",
        "probes": "40",  # after 100 and 200 tokens of each branch
        "generated": "5,000",
        "probe": "1,200",
        "prompt": "50",  # 10 times 2 and 3 tokens
        "prefix": "6,100",  # 20 times 100 and 200 tokens, and twice the prompts
        "seconds": "62.00",  # 6,200 tokens at 100 a second
        "dollars": "15.50",  # 50 x 1000 + 6,100 x 500 + 6,200 x 2000, by the million
    }


@pytest.mark.parametrize(("tokens", "probes"), [(100, 0), (101, 1), (200, 1), (201, 2), (5000, 2)])
def test_a_dry_run_counts_the_probes_within_a_branch(collect, tokens, probes):
    """No probe at the very end of a branch; branches are no longer than allowed."""
    _, out, _ = collect("-n", 1, "--interval", 100, "--max-tokens", 300, "--dry-run", "--branch-tokens", tokens)
    assert int(figures(out)["probes"]) == 2 * probes
    assert "dollars" not in figures(out) and "seconds" not in figures(out)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "cannot be read"),
        ("{", "cannot be read"),
        ("[]", "has no prices of 'fake'"),
        ('{"other": {}}', "has no prices of 'fake'"),
        ('{"fake": {"input": 1, "output": 1}}', "cached_input of 'fake' is None"),
        ('{"fake": {"input": -1, "cached_input": 1, "output": 1}}', "input of 'fake' is -1"),
        ('{"fake": {"input": 1, "cached_input": NaN, "output": 1}}', "cached_input of 'fake' is nan"),
        ('{"fake": {"input": 1, "cached_input": 1, "output": true}}', "output of 'fake' is True"),
    ],
)
def test_a_wrong_price_file_is_refused(collect, tmp_path, content, words):
    if content is not None:
        (tmp_path / "prices.json").write_text(content)
    status, out, err = collect("--dry-run", "--prices", tmp_path / "prices.json")
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("Error: The price file") and words in err


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--top-p", "0"], "top_p is above 0"),
        (["--stop", ""], "stop"),
        (["--template", "no question"], "lacks {question}"),
        (["--answers", "guess"], "no rule 'guess' for answers: use one of auto, boxed"),
        (["--answers", "regex:("], "not a regular expression"),
        (["--examples", "none.jsonl"], "none.jsonl does not exist"),
        (["--gold-column", "solution"], "no column 'solution' among id, question, gold"),
        (["-o", "unknown=1"], "openai does not take its options"),
        (["-o", "model=other"], "openai does not take its options"),
        (["-o", "at_once=0"], "at_once must be positive"),
        (["--backend", "x"], "Unknown backend 'x': use one of vllm, openai, transformers"),
    ],
)
def test_wrong_options_are_refused_in_one_line(collect, tmp_path, more, words):
    status, out, err = collect(*more)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("Error: ") and words in err
    assert not (tmp_path / "out" / "metadata.json").exists()


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["-o", "at_once"], "--option: 'at_once' is not NAME=VALUE"),
        (["--actors", "2"], "they are those of a Ray cluster and need --executor ray"),
        (["-n", "0"], "greater"),
        (["--temperature", "nan"], "temperature"),
    ],
)
def test_options_of_the_wrong_form_are_refused(collect, tmp_path, more, words):
    status, out, err = collect(*more)
    assert (status, out) == (2, "")
    assert err.splitlines()[-1].startswith("Error: Invalid value for ") and words in err.splitlines()[-1]
    assert not (tmp_path / "out").exists()


def test_what_goes_wrong_is_told_in_one_line(collect, tmp_path):
    assert collect()[0] == 0
    for arguments, options, words in (
        (["--temperature", "0.5"], {}, "temperature was 0.7 and is 0.5"),
        ([], {"out": tmp_path / "sums.jsonl"}, "is no collection"),
        ([], {"out": tmp_path}, "is no collection"),
        ([], {"source": tmp_path / "none.csv"}, "does not exist"),
        (["--seed", 1], {"model": "seedless", "out": tmp_path / "new"}, "cannot be seeded"),
    ):
        status, out, err = collect(*arguments, **options)
        assert (status, out, err.count("\n")) == (2, "", 1)
        assert err.startswith("Error: ") and words in err


@pytest.mark.slow
def test_an_interrupted_collection_goes_on(tmp_path):
    """After Ctrl-C, and after the signal that schedulers send."""
    zygote = Zygote(tmp_path)
    try:
        for least, number, expected in ((2, signal.SIGINT, 130), (4, signal.SIGTERM, 143)):
            zygote.start(tmp_path / "out", "-o", "seconds=0.1")
            while len(list((tmp_path / "out").glob(".collection/shards/*.parquet"))) < least:
                time.sleep(0.01)
            os.kill(zygote.pids[-1], number)
            assert zygote.status(60) == expected
            assert "Traceback" not in zygote.output.read_text()
            assert not (tmp_path / "out" / "metadata.json").exists()
        for name in ("out", "whole"):
            zygote.start(tmp_path / name, "-o", "seconds=0")
            assert zygote.status(120) == 0
    finally:
        zygote.close()
    assert same_recordings(read_store(tmp_path / "out"), read_store(tmp_path / "whole"))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.past_key_values. is deprecated:FutureWarning")
@pytest.mark.filterwarnings("ignore:torch.searchsorted:UserWarning")
def test_a_real_model_fills_a_store(run, questions, tiny_model, tmp_path):
    options = ["--backend", "transformers", "-o", "dtype=float32", "-o", "batch_size=8", "--seed", 1]
    small = ["-n", 4, "--interval", 8, "--max-tokens", 40, "--probe-tokens", 6, "--top-logprobs", 3]
    status, out, err = run("collect", questions, "--model", tiny_model, "--out", tmp_path / "out", *options, *small)
    assert status == 0, err
    store = read_store(tmp_path / "out")
    assert store.metadata["name"] == "tiny/sums"
    assert store.signals == (
        "mean_logprob",
        "min_logprob",
        "tail_logprob",
        "topk_confidence",
        "answer_logprob",
        "self_certainty",
    )
    assert len(store.tables.tokens) == 8 and store.tables.tokens.max() <= 40
    status, out, err = run("evaluate", tmp_path / "out", "-c", "zoo", "--seeds", 2)
    assert status == 0, err
    assert "cmc" in out


@pytest.mark.parametrize("tells", [True, False])
def test_the_cache_is_told_of_only_where_the_backend_tells(collect, monkeypatch, tells):
    cached = FakeBackend._cached
    monkeypatch.setattr(FakeBackend, "_cached", lambda self, prompt: cached(self, prompt) if tells else None)
    monkeypatch.setattr(sys.modules["tts_gym.cli.progress"], "SECONDS_BETWEEN_LINES", 0)
    status, out, err = collect("-v")
    assert status == 0
    assert ("from the cache" in out, "cached" in err) == (tells, tells)


def test_a_time_out_is_that_of_a_server(collect, run, questions, tmp_path, backend, monkeypatch):
    made = []
    monkeypatch.setitem(
        sys.modules,
        "tts_gym.llm.fake",
        SimpleNamespace(make=lambda model, timeout: made.append(timeout) or FakeBackend(write)),
    )
    assert collect("--request-timeout", 2.5)[0] == 0 and made == [2.5]
    status, _, err = run("collect", questions, "--model", "m", "--out", tmp_path / "new", "--request-timeout", 2)
    assert status == 2 and "--backend openai" in err


def test_a_prompt_and_its_probes_are_shown_and_nothing_is_written(collect, tmp_path, backend):
    folder = tmp_path / "model"
    make_tokenizer(folder, MODELS["qwen"].template, plain=MODELS["qwen"].plain)
    before = sorted(tmp_path.rglob("*"))
    asked = "<|im_start|>user\n1 + 1 =?<|im_end|>\n<|im_start|>assistant\n"
    status, out, err = collect("--show-prompt", model=folder)
    assert (status, err) == (0, "") and f"\n{asked}<think>[...]\n</think>\n\nThe final answer is" in out
    status, out, _ = collect("--show-prompt", "-o", f"tokenizer={folder}", "--no-enable-thinking", "--closing", "Stop.")
    assert status == 0 and f"{asked}<think>\n\n</think>\n\n" in out and "[...]Stop.\n\nThe final answer is" in out
    status, out, _ = collect("--show-prompt", "--no-chat", "--marks", "<r>", "</r>", model=folder)
    assert status == 0 and "\n1 + 1 =?\n<r>[...]\n</r>\n\nThe final" in out
    status, _, err = collect("--show-prompt", "--reasoning-effort", "low", model=folder)
    assert status == 2 and "does not look at reasoning_effort: leave it out" in err
    assert (sorted(tmp_path.rglob("*")), backend) == (before, [])


def test_arguments_of_the_template_are_part_of_a_collection(collect, tmp_path):
    status, _, err = collect("--template-arg", "depth=3", "--reasoning-effort", "low", "--enable-thinking")
    assert status == 0, err
    arguments = read_store(tmp_path / "out").metadata["collection"]["settings"]["prompting"]["arguments"]
    assert arguments == {"enable_thinking": True, "reasoning_effort": "low", "depth": 3}
    status, _, err = collect("--template-arg", "depth=3", "--reasoning-effort", "low")
    assert status == 2 and "prompting.arguments.enable_thinking was True and is None" in err
