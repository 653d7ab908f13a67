"""Each format, from what its own tool wrote to a store."""

import json
from pathlib import Path

import pandas as pd
import pytest

from tts_gym.datasets import read_store
from tts_gym.datasets.recordings import read_records
from tts_gym.errors import SourceError
from tts_gym.importers.importing import ImportSettings, import_samples, recognised
from tts_gym.importers.samples import Columns
from tts_gym.importers.source import Source

SAMPLES = Path(__file__).parent / "samples"
ROWS = [
    {"problem": "1 + 1?", "answer": 2, "generation": "The final answer is 2.", "tokens": 240},
    {"problem": "7 + 4?", "answer": 11, "generation": "The final answer is 11.", "tokens": 30},
    {"problem": "1 + 1?", "answer": 2, "generation": "The final answer is 3.", "tokens": 90},
    {"problem": "7 + 4?", "answer": 11, "generation": "I do not know.", "tokens": 500},
]
PLACES = Columns(question="problem", gold="answer", samples="generation", tokens="tokens")


def imported(source, tmp_path, columns=None, **settings):
    place = Source(str(source))
    columns = columns or Columns()
    found = recognised(place, columns)
    settings = ImportSettings(columns, **settings)
    return found, import_samples(place, tmp_path / "store", found, settings), tmp_path / "store"


def in_lists(rows):
    frame = pd.DataFrame(rows).groupby(["problem", "answer"], sort=False)
    return frame.agg(list).reset_index()


def test_samples_of_lm_eval(tmp_path):
    found, report, store = imported(SAMPLES / "lm-eval", tmp_path)
    assert (found, report.model, report.questions, report.samples) == ("lm-eval", "scripted", 6, 24)
    assert report.token_counts == {"characters / 4": 24} and not report.left_out
    _, questions = read_records(store)
    assert (questions[0].id, questions[0].question, questions[0].gold) == ("0", "What is 12 + 30?", "42")
    for branch in questions[0].branches:
        assert branch.text.endswith(f"The final answer is {branch.final_answer}.")
        assert branch.tokens == -(-len(branch.text) // 4)


def test_several_runs_of_lm_eval_are_more_samples(tmp_path):
    (file,) = (SAMPLES / "lm-eval").glob("samples_*.jsonl")
    for name in ("samples_sums_2026-01-01T00-00-00.1.jsonl", "samples_sums_2026-01-02T00-00-00.1.jsonl"):
        tmp_path.joinpath("runs", name).parent.mkdir(exist_ok=True)
        tmp_path.joinpath("runs", name).write_bytes(file.read_bytes())
    _, report, _ = imported(tmp_path / "runs", tmp_path, model="mine")
    assert (report.model, report.questions, report.most) == ("mine", 6, 8)


def test_lm_eval_without_generated_texts_is_refused(tmp_path):
    line = {"doc_id": 0, "doc": {"question": "?"}, "target": "a", "arguments": {}, "resps": [[[-1.5, True]]]}
    (tmp_path / "samples_x.jsonl").write_text(json.dumps(line))
    with pytest.raises(SourceError, match=r"samples_x.jsonl, line 1 holds .*log-probabilities"):
        imported(tmp_path / "samples_x.jsonl", tmp_path)


@pytest.mark.parametrize(("name", "questions"), [("responses.jsonl", None), ("batch.jsonl", "questions.jsonl")])
def test_responses_of_openai_servers(name, questions, tmp_path):
    questions = questions and str(SAMPLES / questions)
    found, report, store = imported(SAMPLES / name, tmp_path, questions=questions)
    assert (found, report.model, report.questions, report.samples) == ("openai", "scripted", 6, 24)
    assert report.token_counts == {"usage": 24}
    _, recorded = read_records(store)
    assert recorded[0].id == ("sum-0" if questions else "0")
    first = json.loads((SAMPLES / "responses.jsonl").read_text().splitlines()[0])["response"]
    assert recorded[0].branches[0].text == first["choices"][0]["message"]["content"]
    assert recorded[0].branches[0].tokens == first["usage"]["completion_tokens"]


def test_choices_share_no_usage_and_reasoning_is_kept(tmp_path):
    choices = [
        {"message": {"content": "The final answer is 2.", "reasoning_content": "1, 2."}, "finish_reason": "stop"},
        {"message": {"content": "It is 2."}, "logprobs": {"content": [{"logprob": -1}] * 5}, "finish_reason": "length"},
    ]
    turns = [{"role": "system", "content": "Add."}, {"role": "user", "content": [{"type": "text", "text": "1 + 1?"}]}]
    row = {"messages": turns, "gold": "2", "choices": choices, "usage": {"completion_tokens": 900}, "model": "m"}
    failed = {"messages": turns, "response": {"error": "overloaded"}}
    (tmp_path / "log.jsonl").write_text(json.dumps(row) + "\n" + json.dumps(failed) + "\n")
    _, report, store = imported(tmp_path / "log.jsonl", tmp_path)
    assert report.token_counts == {"characters / 4": 1, "log-probabilities": 1}
    assert report.left_out == {"samples without text": 1}
    _, (question,) = read_records(store)
    one, other = question.branches
    assert (question.question, other.tokens, other.finish_reason) == ("1 + 1?", 5, "length")
    assert one.text == "<think>\n1, 2.</think>\n\nThe final answer is 2." and one.final_answer == "2"


@pytest.mark.parametrize("kind", ["jsonl", "csv", "parquet", "json"])
def test_tables_with_a_sample_a_row(kind, tmp_path):
    frame = pd.DataFrame(ROWS)
    writers = {
        "jsonl": lambda file: frame.to_json(file, orient="records", lines=True),
        "csv": lambda file: frame.to_csv(file, index=False),
        "parquet": frame.to_parquet,
        "json": lambda file: frame.to_json(file, orient="records"),
    }
    writers[kind](tmp_path / f"rows.{kind}")
    check_table(tmp_path / f"rows.{kind}", PLACES, tmp_path)


@pytest.mark.parametrize("splits", [False, True])
def test_saved_datasets_with_lists(splits, tmp_path):
    datasets = pytest.importorskip("datasets")
    saved = datasets.Dataset.from_pandas(in_lists(ROWS))
    (datasets.DatasetDict({"train": saved, "test": saved}) if splits else saved).save_to_disk(tmp_path / "saved")
    check_table(f"{tmp_path / 'saved'}{'?split=test' * splits}", PLACES, tmp_path)
    if splits:
        with pytest.raises(SourceError, match=r"has the splits train, test: choose one, .*\?split=NAME"):
            recognised(Source(str(tmp_path / "saved")), Columns())


def test_nested_lists(tmp_path):
    lists = in_lists(ROWS).to_dict("records")
    rows = [
        {
            "request": {"body": row["problem"]},
            "gold": row["answer"],
            "choices": [
                {"message": {"content": text}, "n": tokens}
                for text, tokens in zip(row["generation"], row["tokens"], strict=True)
            ],
        }
        for row in lists
    ]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps({"one": row}) + "\n" for row in rows))
    places = Columns(None, "one.request.body", "one.gold", "one.choices[].message.content", None, "one.choices[].n")
    check_table(tmp_path / "rows.jsonl", places, tmp_path)


def check_table(source, columns, tmp_path):
    """What ``ROWS`` came to."""
    found, report, directory = imported(source, tmp_path, columns, interval=100)
    assert (found, report.questions, report.samples) == ("table", 2, 4)
    store = read_store(directory)
    assert store.questions == ("1 + 1?", "7 + 4?") and not store.has_probes
    assert store.tables.tokens.tolist() == [240, 90, 30, 500]
    assert (store.tables.answer_start[1:] - store.tables.answer_start[:-1]).tolist() == [3, 1, 1, 5]
    finals = [store.tables.answers[end - 1] for end in store.tables.answer_start[1:]]
    texts = [store.class_texts[place // 2][answer] for place, answer in enumerate(finals)]
    assert texts == ["2", "3", "11", "ERR"]
    assert [store.class_texts[place][answer] for place, answer in enumerate(store.gold)] == ["2", "11"]
    assert report.token_counts == {f"column {columns.tokens}": 4}


def test_answers_without_texts(tmp_path):
    rows = [{"question": "1 + 1?", "gold": "2", "said": ["2", "3", None], "tokens": [7, 8, 9]}]
    (tmp_path / "rows.jsonl").write_text(json.dumps(rows[0]))
    _, _, store = imported(tmp_path / "rows.jsonl", tmp_path, Columns(answer="said"))
    metadata, (question,) = read_records(store)
    assert [(one.final_answer, one.tokens, one.text) for one in question.branches] == [
        ("2", 7, None),
        ("3", 8, None),
        (None, 9, None),
    ]
    assert metadata["probes"] is False and metadata["markers"] == {"recorded": 2, "none": 1}


def test_reasoning_that_the_prompt_opened(tmp_path):
    texts = ["So it is 2.</think> The final answer is 2.", "Perhaps the final answer is 3", "<think>No.</think> 2"]
    row = {"question": "1 + 1?", "gold": "2", "samples": texts}
    (tmp_path / "rows.jsonl").write_text(json.dumps(row))
    _, _, store = imported(tmp_path / "rows.jsonl", tmp_path)
    _, (question,) = read_records(store)
    assert [branch.in_reasoning for branch in question.branches] == [True, True, False]
    assert [branch.final_answer for branch in question.branches] == ["2", None, "2"]


@pytest.mark.vllm
@pytest.mark.filterwarnings("ignore")
def test_logs_of_inspect(tmp_path):
    log = pytest.importorskip("inspect_ai.log")
    found, report, store = imported(SAMPLES / "inspect.eval", tmp_path)
    assert (found, report.model, report.questions, report.samples) == ("inspect", "scripted", 6, 24)
    assert report.token_counts == {"usage": 24}
    _, questions = read_records(store)
    assert (questions[0].id, questions[0].question, questions[0].gold) == ("sum-0", "What is 12 + 30?", "42")
    for branch in questions[0].branches:
        assert branch.text.startswith("<think>\nStep 1") and branch.text.endswith(f"is {branch.final_answer}.")
    log.write_eval_log(log.read_eval_log(str(SAMPLES / "inspect.eval")), str(tmp_path / "log.json"), format="json")
    (tmp_path / "again").mkdir()
    assert imported(tmp_path / "log.json", tmp_path / "again")[1] == report


def test_logs_of_inspect_need_its_reader(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "inspect_ai.log", None)
    with pytest.raises(SourceError, match="pip install inspect_ai"):
        imported(SAMPLES / "inspect.eval", tmp_path)


@pytest.mark.vllm
@pytest.mark.filterwarnings("ignore")
def test_tokens_by_a_tokenizer(tmp_path):
    from tiny_model import make_tiny_tokenizer

    made = make_tiny_tokenizer(tmp_path / "tokenizer")
    row = {"question": "1 + 1?", "gold": "2", "samples": ["The final answer is 2.", "2"]}
    (tmp_path / "rows.jsonl").write_text(json.dumps(row))
    _, report, store = imported(tmp_path / "rows.jsonl", tmp_path, tokenizer=str(tmp_path / "tokenizer"))
    assert report.token_counts == {f"tokenizer {tmp_path / 'tokenizer'}": 2}
    _, (question,) = read_records(store)
    assert [branch.tokens for branch in question.branches] == [len(made.encode(text)) for text in row["samples"]]
