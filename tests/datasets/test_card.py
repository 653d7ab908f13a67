"""Dataset cards: front matter that the hub reads, and figures of the store."""

from dataclasses import replace

import pyarrow.parquet as pq
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from tts_gym.datasets import import_published, load_store, same_recordings, summarise, verify_store, write_store
from tts_gym.datasets.card import dataset_card
from tts_gym.datasets.catalogue import BUNDLED


def card_of(store):
    return dataset_card(summarise(store), store.metadata)


def front_matter(card):
    return yaml.safe_load(card.split("---\n", 2)[1])


@pytest.mark.parametrize("name", ["synthetic-small", "smollm2-arithmetic"])
def test_a_card_tells_what_a_store_holds(name):
    store = load_store(name)
    card = card_of(store)
    fields, text = front_matter(card), card.split("---\n", 2)[2]
    assert fields["pretty_name"] == store.label and fields["license"] == store.metadata["license"].lower()
    assert {f"{config['config_name']}.parquet" for config in fields["configs"]} == {
        file.name for file in BUNDLED.joinpath(name).glob("*.parquet")
    }
    facts = summarise(store)
    for figure in (facts.questions, facts.branches, facts.probes, facts.tokens):
        assert f"{figure:,}" in text
    assert ("generative model, not from a language model" in text) == store.metadata["synthetic"]
    assert ("texts.parquet" in text) == (name == "smollm2-arithmetic")


def test_a_collected_store_tells_how_it_was_collected():
    card = card_of(load_store("smollm2-arithmetic"))
    for words in ("SmolLM2-135M-Instruct", "Apache-2.0", '"temperature": 0.7', "vllm", "The final answer is"):
        assert words in card


def test_the_command_prints_the_card(run):
    status, out, err = run("stores", "card", "synthetic-small")
    assert (status, out, err) == (0, card_of(load_store("synthetic-small")), "")


@pytest.mark.parametrize("name", ["synthetic-small", "smollm2-arithmetic"])
def test_the_bundled_stores_have_their_cards(name):
    card = BUNDLED.joinpath(name, "README.md").read_text(encoding="utf-8")
    assert card == card_of(load_store(name))


def test_a_store_is_written_with_its_card(tmp_path, records, metadata, document, write_json):
    write_store(tmp_path / "written", records, metadata)
    import_published(write_json(document), tmp_path / "imported")
    for directory in (tmp_path / "written", tmp_path / "imported"):
        assert (directory / "README.md").read_text(encoding="utf-8") == card_of(load_store(directory))


def test_a_card_is_not_what_a_store_depends_on(tmp_path, records, metadata):
    write_store(tmp_path / "store", records, metadata)
    before = load_store(tmp_path / "store")
    card = tmp_path / "store" / "README.md"
    card.write_text("Our own words.")
    assert verify_store(tmp_path / "store") == summarise(before)
    card.unlink()
    assert same_recordings(load_store(tmp_path / "store"), before)


@given(st.text(st.characters(codec="utf-8")))
def test_any_name_can_stand_in_the_front_matter(name):
    store = load_store("synthetic-small")
    facts = replace(summarise(store), name=name)
    assert front_matter(dataset_card(facts, store.metadata | {"license": "MIT"}))["pretty_name"] == name


@pytest.mark.parametrize("texts", [False, True])
def test_the_datasets_package_reads_the_bare_directory(texts, tmp_path, records, metadata):
    datasets = pytest.importorskip("datasets")
    if texts:
        for number, item in enumerate(records):
            branches = [replace(branch, text="so it is") for branch in item.branches]
            records[number] = replace(item, branches=branches)
    directory = tmp_path / "store"
    write_store(directory, records, metadata)
    names = ["branches", "questions", "answers", *["texts"] * texts]
    assert sorted(datasets.get_dataset_config_names(str(directory))) == sorted(names)
    for name in names:
        read = datasets.load_dataset(str(directory), name, split="train", cache_dir=str(tmp_path / "cache"))
        assert read.to_list() == pq.read_table(directory / f"{name}.parquet").to_pylist()
    default = datasets.load_dataset(str(directory), cache_dir=str(tmp_path / "cache"))
    assert default["train"].column_names[:2] == ["question_id", "branch"]
