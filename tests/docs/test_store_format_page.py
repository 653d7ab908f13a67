"""The store format is as its page specifies it."""

import re

import pytest
from pages import Page

from tts_gym.collectors.shards import encode_shard
from tts_gym.datasets import SIGNALS, RecordedBranch
from tts_gym.datasets.metadata import FILE_KEYS, PROVENANCE
from tts_gym.datasets.schema import (
    ANSWERS,
    BRANCH_TEXTS,
    BRANCHES,
    DETAILS,
    FIRST_VERSION,
    FORMAT_VERSION,
    NULLABLE,
    QUESTIONS,
    probes_schema,
)

PAGE = Page("docs/store-format.md")
TYPES = {"string": "string", "int32": "int32", "int64": "int64", "bool": "bool"} | {
    f"list<element: {kind}>": f"list of {kind}" for kind in ("string", "int32")
}


@pytest.fixture(scope="module", autouse=True)
def hub(tmp_path_factory):
    """``datasets`` keeps nothing of the reader's, and is silent."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_HOME", str(tmp_path_factory.mktemp("hub")))
        patch.setenv("HF_DATASETS_DISABLE_PROGRESS_BARS", "1")
        yield


def test_the_block_runs(block, reader):
    reader.follow(block)


def table(heading, number=0):
    """Rows of a table below a heading, without those that name nothing."""
    (part,) = re.findall(rf"^##+ {re.escape(heading)}\n(.*?)(?=^##+ |\Z)", PAGE.text, re.MULTILINE | re.DOTALL)
    rows = re.findall(r"^(?:\|.*\|\n)+", part, re.MULTILINE)[number].splitlines()[2:]
    return [[cell.strip() for cell in row.strip("|").split(" | ")] for row in rows]


@pytest.mark.parametrize(
    ("file", "schema"),
    [
        ("questions.parquet", QUESTIONS),
        ("branches.parquet", [*BRANCHES, *probes_schema(())]),
        ("answers.parquet", ANSWERS),
        ("texts.parquet", BRANCH_TEXTS),
    ],
)
def test_every_column_is_there_with_its_type(file, schema):
    said = [(name.strip("`"), kind, null == "yes") for name, kind, null, _ in table(f"`{file}`")]
    assert said == [(column.name, TYPES[str(column.type)], column.name in NULLABLE) for column in schema]


def test_every_signal_and_detail_is_there():
    assert [name.strip("`") for name, _ in table("Signals")] == list(SIGNALS)
    said = [(name.strip("`"), kind) for name, kind, _ in table("What was said at a probe")]
    assert said == [(name, TYPES[str(kind)]) for name, kind in DETAILS.items()]


def test_every_key_of_the_metadata_is_there():
    kinds = {"text": str, "integer": int, "boolean": bool, "object": dict, "array": list}
    said = {name.strip("`"): kinds[kind] for name, kind, _ in table("`metadata.json`")}
    assert said == PROVENANCE | FILE_KEYS
    assert f"{FIRST_VERSION} or {FORMAT_VERSION} are read, {FORMAT_VERSION} is written" in PAGE.text


def test_a_shard_has_the_columns_that_the_page_says(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    branch = RecordedBranch(250, ["3", "2"], "2", signals={"mean_logprob": [-0.1, -0.2]})
    columns = set(pq.read_schema(pa.BufferReader(encode_shard([branch]))).names)
    of_branches = {*BRANCHES.names, *probes_schema(["mean_logprob"]).names, *DETAILS} - {"question_id", "branch"}
    assert columns == of_branches | {"text", "in_reasoning", "marker"}
