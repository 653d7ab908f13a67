"""The file that is found in a workspace after the work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tts_gym.discovery.proposers.proposer import CANDIDATE_FILE, Proposal
from tts_gym.discovery.records import NOTHING, ProposalUsage

LARGEST = 200_000
"""Bytes of a candidate at most."""


def read_candidate_file(
    workspace: Path, usage: ProposalUsage = NOTHING, transcript: Sequence[Mapping[str, Any]] = ()
) -> Proposal:
    """The candidate that was left in a workspace, or a proposal that says why there is none.

    Args:
        workspace: the directory.
        usage: what the work took.
        transcript: what was said.
    """
    file = workspace / CANDIDATE_FILE
    if file.is_symlink() or not file.is_file():
        return Proposal(None, f"no file {CANDIDATE_FILE} was left in the workspace", usage, transcript)
    if file.stat().st_size > LARGEST:
        return Proposal(None, f"{CANDIDATE_FILE} has more than {LARGEST:,} bytes", usage, transcript)
    try:
        return Proposal(file.read_text(encoding="utf-8"), None, usage, transcript)
    except UnicodeDecodeError:
        return Proposal(None, f"{CANDIDATE_FILE} is not UTF-8 text", usage, transcript)
