"""The dataset card of a store: what it holds and how it was made, as Markdown with the front matter of the hub."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from tts_gym.datasets.store import ReplayStore
from tts_gym.datasets.verify import summarise

CONFIGS = """configs:
- config_name: branches
  default: true
  data_files: branches.parquet
- config_name: questions
  data_files: questions.parquet
- config_name: answers
  data_files: answers.parquet"""


def dataset_card(store: ReplayStore) -> str:
    """The card of ``store``, ready to be its ``README.md`` on the Hugging Face hub."""
    facts, metadata = summarise(store), store.metadata
    kind = "drawn from a generative model, not from a language model" if metadata["synthetic"] else "recorded"
    lines = [
        "---",
        f"license: {json.dumps(metadata['license'].lower())}",
        f"pretty_name: {json.dumps(store.name)}",
        "tags: [test-time-scaling, replay]",
        CONFIGS,
        "---",
        "",
        f"# {store.name}",
        "",
        f"A replay store of test-time scaling, {kind}: {facts.branches:,} reasoning branches of `{facts.model}` on "
        f"{facts.questions:,} questions of `{facts.benchmark}`, probed every {facts.interval:,} tokens.",
        "",
        "| | |",
        "|---|---|",
        f"| questions | {facts.questions:,} |",
        f"| branches | {facts.branches:,} |",
        f"| probes | {facts.probes:,}, of which {100 * facts.invalid_share:.1f} % invalid |",
        f"| tokens | {facts.tokens:,}, {facts.tokens / facts.branches:,.1f} a branch |",
        f"| branches that end right | {100 * facts.branch_accuracy:.1f} % |",
        f"| signals | {', '.join(facts.signals) or 'none'} |",
        f"| licence | {metadata['license']} |",
        "",
        "## How it was made",
        "",
        *_provenance(metadata),
        "",
        "## What is in it",
        "",
        "- `questions.parquet`: one row a question, with its correct answer, and the others where there are several.",
        "- `branches.parquet`: one row a branch: its length, its final answer, and lists with a value for each probe.",
        "- `answers.parquet`: the class of each answer text; answers of one class count as the same.",
        *["- `texts.parquet`: the text of each branch."] * ("texts.parquet" in metadata.get("sha256", {})),
        "- `metadata.json`: provenance and checksums.",
    ]
    return "\n".join(lines) + "\n"


def _provenance(metadata: Mapping[str, Any]) -> Iterator[str]:
    yield f"- sampling: `{json.dumps(metadata['sampling'])}`"
    yield f"- seeds: {', '.join(map(str, metadata['seeds'])) or 'none, the draws cannot be repeated'}"
    yield f"- written with: {_versions(metadata.get('tools', {}))}"
    collection = metadata.get("collection")
    if collection is None:
        return
    settings = collection["settings"]
    for name in ("backend", "answers", "prompting", "probing"):
        yield f"- {name}: `{json.dumps(settings[name], ensure_ascii=False)}`"
    for session in collection["sessions"]:
        yield f"- collected from {session['started']} with {_versions(session['tools'])}"


def _versions(tools: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in tools.items())
