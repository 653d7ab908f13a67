"""Dataset cards: front matter that the hub reads, and figures of the store."""

import pytest
import yaml

from tts_gym.datasets import load_store
from tts_gym.datasets.card import dataset_card
from tts_gym.datasets.verify import summarise


@pytest.mark.parametrize("name", ["synthetic-small", "smollm2-arithmetic"])
def test_a_card_tells_what_a_store_holds(name):
    store = load_store(name)
    card = dataset_card(store)
    _, front, text = card.split("---\n", 2)
    fields = yaml.safe_load(front)
    assert fields["pretty_name"] == name and fields["license"] == store.metadata["license"].lower()
    assert [config["data_files"] for config in fields["configs"]] == [
        "branches.parquet",
        "questions.parquet",
        "answers.parquet",
    ]
    facts = summarise(store)
    for figure in (facts.questions, facts.branches, facts.probes, facts.tokens):
        assert f"{figure:,}" in text
    assert ("generative model, not from a language model" in text) == store.metadata["synthetic"]
    assert ("texts.parquet" in text) == (name == "smollm2-arithmetic")


def test_a_collected_store_tells_how_it_was_collected():
    card = dataset_card(load_store("smollm2-arithmetic"))
    for words in ("SmolLM2-135M-Instruct", "Apache-2.0", '"temperature": 0.7', "vllm", "The final answer is"):
        assert words in card


def test_the_command_prints_the_card(run):
    status, out, err = run("stores", "card", "synthetic-small")
    assert (status, out, err) == (0, dataset_card(load_store("synthetic-small")), "")
