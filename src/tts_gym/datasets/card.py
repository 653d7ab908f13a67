"""The dataset card of a store: what it holds and how it was made, as Markdown with the front matter of the hub."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from tts_gym.datasets.licenses import LICENSES
from tts_gym.datasets.summary import StoreSummary

CARD_FILE = "README.md"


def dataset_card(facts: StoreSummary, metadata: Mapping[str, Any]) -> str:
    """The card of a store: with it, ``datasets.load_dataset(DIRECTORY, "branches")`` reads the table of that name.

    Args:
        facts: what the store holds.
        metadata: what its ``metadata.json`` says.
    """
    has_texts = "texts.parquet" in metadata.get("sha256", {})
    further = ("questions", "answers", *["texts"] * has_texts)
    kind = "drawn from a generative model, not from a language model" if metadata["synthetic"] else "recorded"
    probed = "probed every" if metadata.get("probes", True) else "without probes, in intervals of"
    lines = [
        "---",
        *_license(metadata["license"]),
        f"pretty_name: {_quoted(facts.name)}",
        "tags: [test-time-scaling, replay]",
        "configs:",
        "- {config_name: branches, data_files: branches.parquet, default: true}",
        *(f"- {{config_name: {name}, data_files: {name}.parquet}}" for name in further),
        "---",
        "",
        f"# {facts.name}",
        "",
        f"A replay store of test-time scaling, {kind}: {facts.branches:,} reasoning branches of `{facts.model}` on "
        f"{facts.questions:,} questions of `{facts.benchmark}`, {probed} {facts.interval:,} tokens{_by(facts)}.",
        "",
        "| | |",
        "|---|---|",
        f"| questions | {facts.questions:,} |",
        f"| branches | {facts.branches:,} |",
        f"| probes | {facts.probes:,}, of which {100 * facts.invalid_share:.1f} % invalid |",
        f"| tokens | {facts.tokens:,}, {facts.tokens / facts.branches:,.1f} a branch |",
        *(f"| tokens counted by | {count} |" for count in facts.token_counts),
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
        *["- `texts.parquet`: the text of each branch."] * has_texts,
        "- `metadata.json`: provenance and checksums.",
    ]
    return "\n".join(lines) + "\n"


def _license(name: str) -> Iterator[str]:
    """The licence as the hub knows it, or as one that it does not know."""
    if name.lower() in LICENSES:
        yield f"license: {_quoted(name.lower())}"
        return
    yield 'license: "other"'
    yield f"license_name: {_quoted(re.sub(r'[^a-z0-9.]+', '-', name.lower()).strip('-') or 'unnamed')}"


def _provenance(metadata: Mapping[str, Any]) -> Iterator[str]:
    yield f"- sampling: `{json.dumps(metadata['sampling'])}`"
    yield f"- seeds: {', '.join(map(str, metadata['seeds'])) or 'none, the draws cannot be repeated'}"
    yield f"- written with: {_versions(metadata.get('tools', {}))}"
    imported = metadata.get("import", {})
    if imported:
        yield f"- imported: `{json.dumps(imported, ensure_ascii=False)}`"
    if "given" in metadata:
        yield from _probed_anew(metadata, metadata["given"])
    collection = metadata.get("collection", {})
    settings = collection.get("settings", {})
    for name in ("backend", "answers", "prompting", "probing"):
        if name in settings:
            yield f"- {name}: `{json.dumps(settings[name], ensure_ascii=False)}`"
    for session in collection.get("sessions", []):
        yield f"- collected from {session['started']} with {_versions(session['tools'])}"
    for part in metadata.get("merged", []):
        yield f"- merged from {_origin(part)}"
    if "sampled" in metadata:
        yield f"- a sample, drawn with seed {metadata['sampled']['seed']}, of {_origin(metadata['sampled']['from'])}"


def _origin(part: Mapping[str, Any]) -> str:
    return (
        f"{part['name']}: {part['branches']:,} branches on {part['questions']:,} questions, `branches.parquet` with "
        f"SHA-256 `{part['sha256']['branches.parquet']}`"
    )


def _by(facts: StoreSummary) -> str:
    """Who was probed, where that is not who drew the branches."""
    return "" if facts.probing_model == facts.model else f" by asking `{facts.probing_model}`"


def _probed_anew(metadata: Mapping[str, Any], given: Mapping[str, Any]) -> Iterator[str]:
    yield (
        f"- branches: those of `{given['name']}`, recorded there with probes every {given['interval']:,} tokens; "
        f"`{metadata['probing_model']}` was probed with their texts, token counts are by its tokenizer"
    )
    if others := given["branches_of_other_length"]:
        yield f"- {others:,} branches had other token counts, of {given['tokens']:,} in all"
    if "import" in given:
        yield f"- imported: `{json.dumps(given['import'], ensure_ascii=False)}`"
    for session in given.get("collection", {}).get("sessions", []):
        yield f"- recorded from {session['started']} with {_versions(session['tools'])}"


def _versions(tools: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in tools.items())


def _quoted(text: str) -> str:
    """``text`` as a double-quoted scalar of YAML."""
    inner = "".join(char if char.isprintable() and char not in '"\\' else f"\\U{ord(char):08X}" for char in text)
    return f'"{inner}"'
